"""How fast: laps, the best lap, the best mean of consecutive laps, sectors, and where the time was lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.laps import Lap

CONSECUTIVE = 3
"""Laps that the mean of consecutive ones is over, as community races count it."""

MOST_CONSECUTIVE = 10
"""The longest row of laps that a mean is given for."""

SECTORS = 3
"""Sectors of a lap, of equal arc length."""

_GRID = 200


@dataclass(frozen=True)
class LapTrace:
    """One lap as time over place."""

    lap: Lap
    """Which."""
    elapsed_s: NDArray[np.float64]
    """(201,) seconds since the line at equal steps of progress, 0 to 100 %."""

    def sectors_s(self, count: int = SECTORS) -> list[float]:
        """Return the time spent in each of `count` sectors of equal length."""
        at = np.linspace(0, _GRID, count + 1)
        return [float(v) for v in np.diff(np.interp(at, np.arange(_GRID + 1), self.elapsed_s))]


def best_mean_s(laps: list[Lap], count: int = CONSECUTIVE) -> float | None:
    """Return the best mean time of `count` laps driven one after the other; None where there are too few."""
    means = [
        float(np.mean([lap.time_s for lap in laps[i : i + count]]))
        for i in range(len(laps) - count + 1)
        if all(abs(laps[j].end_s - laps[j + 1].start_s) < 1e-6 for j in range(i, i + count - 1))
    ]
    return min(means, default=None)


def best_means_s(laps: list[Lap]) -> list[float]:
    """Return the best mean of one lap, of two in a row and so on, up to ten or to what the laps allow."""
    means = []
    for count in range(1, MOST_CONSECUTIVE + 1):
        mean = best_mean_s(laps, count)
        if mean is None:
            break
        means.append(mean)
    return means


def lap_traces(
    seconds: NDArray[np.float64], progress_percent: NDArray[np.float64], laps: list[Lap]
) -> list[LapTrace]:
    """Return each lap as time over place.

    Args:
        seconds: (F,) time of each frame, rising.
        progress_percent: (F,) 0 to 100, NaN where unknown.
        laps: from `analysis.laps.find_laps`.
    """
    traces = []
    known = np.isfinite(progress_percent)
    seconds, progress_percent = seconds[known], progress_percent[known]
    for lap in laps:
        inside = slice(
            int(np.searchsorted(seconds, lap.start_s, "right")), int(np.searchsorted(seconds, lap.end_s))
        )
        # A car may roll back a little; time over place takes the first moment that it was there.
        reached = np.maximum.accumulate(progress_percent[inside])
        new = np.flatnonzero(np.diff(reached, prepend=-1.0) > 0)
        places = np.concatenate([[0.0], reached[new], [100.0]])
        times = np.concatenate([[0.0], seconds[inside][new] - lap.start_s, [lap.time_s]])
        traces.append(LapTrace(lap, np.interp(np.linspace(0.0, 100.0, _GRID + 1), places, times)))
    return traces


def time_lost_s(trace: LapTrace, best: LapTrace) -> NDArray[np.float64]:
    """Return (201,) seconds lost against the best lap up to each place; falling where time was won."""
    lost: NDArray[np.float64] = trace.elapsed_s - best.elapsed_s
    return lost


def best_possible_s(traces: list[LapTrace], count: int = SECTORS) -> float | None:
    """Return the lap that the best sectors of all laps would make, s."""
    if not traces:
        return None
    return float(np.min([trace.sectors_s(count) for trace in traces], axis=0).sum())
