"""The school: networks, PPO, snapshots, evaluation and export to `policy.onnx`.

Needs PyTorch and stable-baselines3; nothing here runs on the car. The world that is learned from lives in
`sim`.
"""
