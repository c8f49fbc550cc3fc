"""Laps from the progress that a log holds (the simulated car's ground truth, or a car with lap gates).

Progress is a percentage of the track that starts again at 0 on the line. A crossing falls between two
frames; its time is interpolated, because at 30 frames/s a frame is 4 cm at race speed and 33 ms of lap time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A step of more than a quarter lap between two frames is the car put back on the track, not driving.
_JUMP_PERCENT = 25.0
# What a lap may lack of 100 % when it began from a start a little beyond the line.
_START_SLACK_PERCENT = 5.0


@dataclass(frozen=True)
class Lap:
    """One completed lap, from line to line."""

    number: int
    """Counted from 1 in the order of the log."""
    start_s: float
    """Time of the first crossing, in seconds from the first frame."""
    time_s: float
    """Lap time in seconds."""

    @property
    def end_s(self) -> float:
        """Time of the closing crossing, in seconds from the first frame."""
        return self.start_s + self.time_s


def find_laps(time_s: NDArray[np.floating], progress_percent: NDArray[np.floating]) -> list[Lap]:
    """Find the completed laps.

    A lap runs from one crossing of the line to the next with no jump of the progress between. The drive from
    a start within 5 % after the line to the first crossing counts too, from the moment the car first moves:
    that is how a race counts a standing start.

    Args:
        time_s: (F,) time of each frame in seconds, rising.
        progress_percent: (F,) 0 to 100, NaN where unknown.

    Returns:
        Laps in order; empty when the log holds no progress.
    """
    known = np.isfinite(progress_percent)
    times, progress = time_s[known].astype(np.float64), progress_percent[known].astype(np.float64)
    if len(times) < 2:
        return []
    step = np.mod(np.diff(progress) + 50.0, 100.0) - 50.0
    laps: list[Lap] = []
    start = _standing_start(times, progress, step)
    for i in np.flatnonzero((np.abs(step) > _JUMP_PERCENT) | (np.abs(np.diff(progress)) > 50.0)):
        if abs(step[i]) > _JUMP_PERCENT or step[i] < 0:
            start = None
            continue
        share = (100.0 - progress[i]) / step[i]
        crossing = float(times[i] + share * (times[i + 1] - times[i]))
        if start is not None:
            laps.append(Lap(number=len(laps) + 1, start_s=start, time_s=crossing - start))
        start = crossing
    return laps


def _standing_start(
    times: NDArray[np.float64], progress: NDArray[np.float64], step: NDArray[np.float64]
) -> float | None:
    """Return when the car first moves, if it starts at the line; None for a log that begins on the way."""
    if progress[0] > _START_SLACK_PERCENT:
        return None
    moving = np.flatnonzero(step > 0.01)
    return float(times[moving[0]]) if len(moving) else None
