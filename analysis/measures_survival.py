"""How near a car came to not finishing: its margin to the border, recoveries, off-tracks, hesitations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.course import Laid
from analysis.metrics import frame_times_s
from car.frame_table import FrameTable


@dataclass(frozen=True)
class SurvivalParameters:
    """Where near begins and slow ends."""

    near_m: float = 0.08
    """Nearer to the border than this, measured from the car's middle, is near the edge."""
    safe_m: float = 0.20
    """Further than this from the border is safe again."""
    slow_share: float = 0.3
    """Slower than this share of the drive's median speed is a hesitation..."""
    slow_s: float = 0.2
    """...when it lasts at least this long, between moments of driving."""

    def text(self) -> str:
        """Return the parameters as one line, to stand beside the figures."""
        return (
            f"near the edge: < {self.near_m * 100:g} cm; safe: > {self.safe_m * 100:g} cm from the border; "
            f"hesitation: below {self.slow_share * 100:g} % of the median speed for {self.slow_s:g} s or more"
        )


@dataclass(frozen=True)
class SurvivalFigures:
    """Figures of one drive; NaN where the log does not hold what they need."""

    margin_p5_m: float
    """Margin of the car's middle to the nearer border that 95 % of the frames exceed, m."""
    margin_min_m: float
    """Smallest margin, m; negative beyond the border."""
    recoveries: float
    """Times that the car came near the edge and was safe again without leaving the track."""
    off_tracks: float
    """Times that the car's middle crossed the border."""
    hesitations: float
    """Times that it slowed almost to a stand on its way."""


def survival_figures(
    frames: FrameTable, laid: Laid | None, parameters: SurvivalParameters | None = None
) -> SurvivalFigures:
    """Measure survival.

    Args:
        frames: the drive.
        laid: the same on its track, or None where that is unknown.
        parameters: what counts as near and slow.
    """
    chosen = parameters or SurvivalParameters()
    nan = float("nan")
    margin = laid.margin_m if laid is not None else np.zeros(0)
    recovered, left = edge_stories(margin, chosen)
    known = len(margin) > 0
    speed = frames.true_speed_mps if np.isfinite(frames.true_speed_mps).any() else frames.speed_mps
    return SurvivalFigures(
        margin_p5_m=float(np.percentile(margin, 5)) if known else nan,
        margin_min_m=float(margin.min()) if known else nan,
        recoveries=float(recovered) if known else nan,
        off_tracks=float(left) if known else nan,
        hesitations=float(count_hesitations(frame_times_s(frames), speed, chosen))
        if np.isfinite(speed).any()
        else nan,
    )


def edge_stories(margin_m: NDArray[np.float64], parameters: SurvivalParameters) -> tuple[int, int]:
    """Count how often the margin (N,) came near and was safe again, and how often it went below zero."""
    recovered = left = 0
    near = off = False
    for margin in margin_m:
        if margin < 0.0:
            left += not off
            off, near = True, False
        elif margin > parameters.safe_m:
            recovered += near
            near = off = False
        elif margin < parameters.near_m and not off:
            near = True
    return int(recovered), int(left)


def count_hesitations(
    seconds: NDArray[np.float64], speed_mps: NDArray[np.float64], parameters: SurvivalParameters
) -> int:
    """Count slow spells between the first and the last moment of driving; (N,) times and speeds."""
    known = np.isfinite(speed_mps)
    times, speeds = seconds[known], speed_mps[known]
    driving = speeds[speeds > 0.05]
    if len(driving) == 0:
        return 0
    limit = parameters.slow_share * float(np.median(driving))
    fast = np.flatnonzero(speeds >= limit)
    if len(fast) < 2:
        return 0
    gaps = np.flatnonzero(np.diff(fast) > 1)
    return int(sum(times[fast[i + 1]] - times[fast[i]] >= parameters.slow_s for i in gaps))
