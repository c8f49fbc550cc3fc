"""Frame tables for tests: every column of a length, unknown unless the test says otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from car.frame_table import FrameTable

START_NS = 1_700_000_000_000_000_000


def frame_table(count: int, *, period_s: float = 1 / 30, **columns: Any) -> FrameTable:
    """Return a table of `count` frames at a steady rate; columns that are given replace the unknown ones."""
    unknown = np.full(count, np.nan)
    zeros = np.zeros(count, np.int64)
    table: dict[str, Any] = {
        "stamp_ns": START_NS + np.round(np.arange(count) * period_s * 1e9).astype(np.int64),
        "frame_number": np.full(count, -1, np.int64),
        "probabilities": np.zeros((count, 0), np.float32),
        "action": np.full(count, -1, np.int64),
        "steering_pwm_ns": zeros,
        "motor_pwm_ns": zeros,
        "inferred_ns": zeros,
        "written_ns": zeros,
        "state": np.full(count, "", dtype=np.str_),
        "picture": np.arange(count),
    }
    names = ("steering_rad", "speed_mps", "x_m", "y_m", "yaw_rad", "progress", "lateral_m", "true_speed_mps")
    table.update(dict.fromkeys(names, unknown))
    table.update({name: np.asarray(column) for name, column in columns.items()})
    return FrameTable(**table)
