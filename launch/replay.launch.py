"""A car log in place of the camera, with the same inference and drive; pulses go to the new log only.

ros2 launch launch/replay.launch.py replay:=runs/logs/racer-20261120-105017 policy:=policy.onnx
"""

from __future__ import annotations

from launch import LaunchDescription

from sim2race_car.launching import launch_description


def generate_launch_description() -> LaunchDescription:
    """Return the node graph around a car log."""
    return launch_description("replay")
