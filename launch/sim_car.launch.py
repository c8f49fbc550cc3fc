"""A simulated car in place of camera and wheels, with the same inference, drive, log and status.

ros2 launch launch/sim_car.launch.py policy:=policy.onnx track:=forever-raceway auto_arm:=true
"""

from __future__ import annotations

from launch import LaunchDescription

from sim2race_car.launching import launch_description


def generate_launch_description() -> LaunchDescription:
    """Return the node graph around a simulated car."""
    return launch_description("sim_car")
