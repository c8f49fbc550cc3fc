"""How straight a car drives on the straights: measures of the path, and measures of the commands.

Path measures (weave, heading, excess) compare simulation and car; command measures (variation, reversals)
tell a restless policy from a calm one even where the vehicle filters the flapping out. Both are given,
because they disagree: the policy that moves its wheels most need not weave most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.course import Course, Laid, Values, passes
from analysis.metrics import count_reversals, resample_hold, total_variation
from car.frame_table import FrameTable


@dataclass(frozen=True)
class StraightFigures:
    """Figures over all passes of all straights; NaN where there was none."""

    length_m: float
    """Driven on straights, metres."""
    speed_mps: float
    """Driven length over time, m/s."""
    weave_rms_m: float
    """RMS of the lateral offset about a straight line fitted to each pass (drops offset and slant), m."""
    lateral_rms_m: float
    """RMS of the lateral offset from the centre line (SDLP of driving research, about zero), m."""
    heading_rms_rad: float
    """RMS of the heading against the track's, rad."""
    path_excess: float
    """Driven length over the chord of each pass, less 1."""
    variation_deg_per_m: float
    """Sum of |change of commanded steering| at the common rate over the driven length, deg/m."""
    reversals_per_m: float
    """Steering reversals (gap method of SAE J2944) over the driven length, 1/m."""
    straight_share: float
    """Share of commands within the dead band about straight ahead, 0 to 1."""


def straight_figures(frames: FrameTable, laid: Laid, course: Course) -> StraightFigures:
    """Measure all straights of a drive together.

    A straight that is shorter than the shortest one after trimming is left out.

    Args:
        frames: the drive.
        laid: the same on its track.
        course: the track's straights and the parameters.
    """
    chosen = course.parameters
    groups: list[NDArray[np.int64]] = []
    for straight in course.straights:
        if straight.length_m - 2 * chosen.trim_m >= chosen.min_length_m:
            groups += passes(course.within(laid.arc_m, straight, trim_m=chosen.trim_m))
    groups = [group for group in groups if len(group) >= 3 and np.isfinite(laid.lateral_m[group]).all()]
    if not groups:
        return StraightFigures(0.0, *[float("nan")] * 8)
    driven = [_driven_m(laid.points_m[group]) for group in groups]
    chords = [float(np.hypot(*(laid.points_m[group[-1]] - laid.points_m[group[0]]))) for group in groups]
    length_m = sum(driven)
    commands = [
        resample_hold(laid.time_s[group], np.rad2deg(frames.steering_rad[laid.rows[group]]), chosen.rate_hz)
        for group in groups
    ]
    everywhere = np.concatenate(commands)
    rows = np.concatenate(groups)
    return StraightFigures(
        length_m=length_m,
        speed_mps=length_m / sum(float(laid.time_s[group[-1]] - laid.time_s[group[0]]) for group in groups),
        weave_rms_m=_rms(np.concatenate([_detrended(laid, group) for group in groups])),
        lateral_rms_m=_rms(laid.lateral_m[rows]),
        heading_rms_rad=_rms(laid.heading_error_rad[rows]),
        path_excess=length_m / sum(chords) - 1.0 if sum(chords) else float("nan"),
        variation_deg_per_m=sum(total_variation(values) for values in commands) / length_m,
        reversals_per_m=sum(count_reversals(values, chosen.reversal_gap_deg) for values in commands)
        / length_m,
        straight_share=float(np.mean(np.abs(everywhere) <= chosen.straight_deg))
        if len(everywhere)
        else np.nan,
    )


def _detrended(laid: Laid, group: NDArray[np.int64]) -> Values:
    """Return the lateral offset of one pass less the straight line that fits it best."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(laid.points_m[group], axis=0).T))])
    slope, offset = np.polyfit(along, laid.lateral_m[group], 1)
    rest: Values = laid.lateral_m[group] - (slope * along + offset)
    return rest


def _driven_m(points_m: Values) -> float:
    return float(np.hypot(*np.diff(points_m, axis=0).T).sum())


def _rms(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")
