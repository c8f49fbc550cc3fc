"""What a log says of its run."""

from __future__ import annotations

import json
from pathlib import Path

from car.action_space import parse_model_metadata
from car.calibration import default_calibration, parse_calibration
from car.policy import Policy
from car.run_info import run_info
from tests.car.policies import save_policy


def test_policy_calibration_and_versions_can_be_read_back(tmp_path: Path) -> None:
    policy = Policy.load(save_policy(tmp_path / "policy.onnx"))
    info = run_info(
        policy, default_calibration(), surroundings={"track": "trapezoid", "seed": 3, "noise": ""}
    )
    read = json.loads(json.dumps(info))
    assert read["name"] == "tiny"
    assert read["policy_sha256"] == policy.sha256
    assert parse_model_metadata(read["action_space"], source="log") == policy.action_space
    assert parse_calibration(read["calibration"], source="log") == default_calibration()
    assert {"python", "numpy", "onnxruntime"} <= read["versions"].keys()
    assert (read["track"], read["seed"]) == ("trapezoid", 3)
    assert "noise" not in read
