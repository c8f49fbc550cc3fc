"""The car: camera, inference, drive, log and status.

ros2 launch launch/car.launch.py policy:=policy.onnx calibration:=car.json
"""

from __future__ import annotations

from launch import LaunchDescription

from sim2race_car.launching import launch_description


def generate_launch_description() -> LaunchDescription:
    """Return the node graph of a car."""
    return launch_description("car")
