"""Reading SIM_TRACE CSV, the reference simulator's record of every step, into the same table as a car log.

Angles there are in degrees and `throttle` is the commanded speed in m/s. Episodes follow each other on one
clock; each is a drive of its own.
"""

from __future__ import annotations

import csv
import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from car.errors import BadFileError
from car.frame_table import FrameTable

MAX_TRACE_BYTES = 512 * 2**20
"""More than any training writes into one file."""

MAX_TIME_S = 1e11
"""No clock of a simulator shows more; it may be that of the wall."""
MAX_VALUE = 1e6
"""No place in metres, angle, speed, or number of an action is larger."""
MAX_EPISODE_S = 86_400.0
_MAX_STATE = 32
_NEEDED = ("episode", "X", "Y", "yaw", "steer", "throttle", "action", "progress", "tstamp", "episode_status")


def read_sim_trace(path: Path) -> dict[int, FrameTable]:
    """Read a trace.

    Args:
        path: an `N-iteration.csv`.

    Returns:
        Episode number to its frames, in the order of the file. A last line that was cut off is left out.

    Raises:
        BadFileError: the file cannot be read, or is no trace; the message says which line is wrong.
    """
    try:
        if path.stat().st_size > MAX_TRACE_BYTES:
            raise BadFileError(f"The trace {path} is larger than {MAX_TRACE_BYTES >> 20} MiB.")
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadFileError(f"The trace {path} cannot be read: {error.strerror or error}.") from error
    lines = text.splitlines()
    rows = csv.DictReader(lines)
    missing = [name for name in _NEEDED if name not in (rows.fieldnames or [])]
    if missing:
        raise BadFileError(f"{path} is no SIM_TRACE: it has no column {missing[0]!r}.")
    episodes: dict[int, list[tuple[float, ...]]] = {}
    states: dict[int, list[str]] = {}
    for row in rows:
        try:
            episode, numbers = int(float(row["episode"])), _numbers(row)
        except (TypeError, ValueError, OverflowError) as error:
            if rows.line_num == len(lines) and not text.endswith("\n"):
                break
            raise BadFileError(f"{path}, line {rows.line_num}: {str(error)[:100]}.") from error
        episodes.setdefault(episode, []).append(numbers)
        states.setdefault(episode, []).append((row["episode_status"] or "")[:_MAX_STATE])
    for episode, values in episodes.items():
        times = [numbers[0] for numbers in values]
        if max(times) - min(times) > MAX_EPISODE_S:
            raise BadFileError(f"{path}: episode {episode} lasts more than a day.")
    return {episode: _table(np.array(values), states[episode]) for episode, values in episodes.items()}


def _numbers(row: dict[str, str]) -> tuple[float, ...]:
    """Return time, x, y, yaw, steering, speed, action, progress; angles in radians."""
    action = row["action"] if re.fullmatch(r"-?\d+(\.0+)?", row["action"] or "") else "-1"
    values = (
        float(row["tstamp"]),
        float(row["X"]),
        float(row["Y"]),
        math.radians(float(row["yaw"])),
        math.radians(float(row["steer"])),
        float(row["throttle"]),
        float(action),
        float(row["progress"]),
    )
    if not all(math.isfinite(value) for value in values):
        raise ValueError("a value is not a finite number")
    if abs(values[0]) > MAX_TIME_S or max(abs(value) for value in values[1:]) > MAX_VALUE:
        raise ValueError("a value is beyond any that a simulator writes")
    return values


def _table(values: NDArray[np.float64], states: list[str]) -> FrameTable:
    time_s, x_m, y_m, yaw_rad, steering_rad, speed_mps, action, progress = values.T
    count = len(values)
    zeros, unknown = np.zeros(count, np.int64), np.full(count, np.nan)
    driven = np.hypot(np.gradient(x_m), np.gradient(y_m)) if count > 1 else unknown
    elapsed = np.gradient(time_s) if count > 1 else unknown
    return FrameTable(
        stamp_ns=np.round(time_s * 1e9).astype(np.int64),
        frame_number=np.full(count, -1, np.int64),
        probabilities=np.zeros((count, 0), np.float32),
        action=action.astype(np.int64),
        steering_rad=steering_rad,
        speed_mps=speed_mps,
        steering_pwm_ns=zeros,
        motor_pwm_ns=zeros,
        inferred_ns=zeros,
        written_ns=zeros,
        state=np.array(states, dtype=np.str_),
        x_m=x_m,
        y_m=y_m,
        yaw_rad=yaw_rad,
        progress=progress,
        lateral_m=unknown,
        true_speed_mps=np.divide(driven, elapsed, out=unknown.copy(), where=elapsed > 0),
        picture=np.full(count, -1, np.int64),
    )
