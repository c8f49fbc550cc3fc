"""What a log says of its run: which policy, on which car, with which software, where."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from typing import Any

from car.action_space import to_model_metadata
from car.calibration import Calibration
from car.policy import Policy

PACKAGES = ("sim2race", "numpy", "onnxruntime", "opencv-python", "rclpy")


def run_info(
    policy: Policy, calibration: Calibration, *, surroundings: Mapping[str, str | int]
) -> dict[str, Any]:
    """Return the content of a log's `run.json`.

    Args:
        policy: what drives.
        calibration: how commands become pulses.
        surroundings: where the run takes place: track, direction, noise, seed; what is empty is left out.
    """
    return {
        "name": policy.metadata.name,
        "policy_sha256": policy.sha256,
        "policy": json.loads(policy.metadata.to_json()),
        "action_space": to_model_metadata(policy.action_space),
        "calibration": calibration.to_json(),
        "versions": versions(),
        **{key: value for key, value in surroundings.items() if value != ""},
    }


def versions() -> dict[str, str]:
    """Return the versions of what decides how a car drives; what is not installed is left out."""
    installed = {found.name: found.version for found in importlib.metadata.distributions()}
    return {
        "python": platform.python_version(),
        **{package: installed[package] for package in PACKAGES if package in installed},
    }
