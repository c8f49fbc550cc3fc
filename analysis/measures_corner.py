"""How a car takes corners: where its apex lies and how fast it is there, how much of the track it uses.

Entry and exit width are measured towards the outside of the corner in shares of the half width: 1 is the
outer border, 0 the centre line, -1 the inner border. Entry and exit fall between two frames; their times are
interpolated. The driven radius is the length of the path over the
angle by which the path turns, from entry to exit; who uses the whole track drives more than the track's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.course import Course, Laid, Section, passes

_SHARE_OF_CORNER = 0.8
_MIN_TURN_RAD = 0.1
_LONGEST_STEP_M = 1.0
"""Further apart, two frames are the car put back on the track, not driving."""


@dataclass(frozen=True)
class CornerPass:
    """One drive through one corner."""

    corner: int
    """Which corner, from 0 in order of arc length."""
    start_s: float
    """When it was entered, seconds from the first frame."""
    time_s: float
    """Time from entry to exit, s."""
    apex_m: float
    """Arc length from the corner's beginning to where the car was nearest to the inside, m."""
    apex_margin_m: float
    """Distance from the car's middle to the inner border there, m."""
    apex_speed_mps: float
    """Speed there, m/s."""
    min_speed_mps: float
    """Slowest speed in the corner, m/s."""
    entry_width: float
    """Offset to the outside at the entry, in shares of the half width."""
    exit_width: float
    """Offset to the outside at the exit, in shares of the half width."""
    radius_m: float
    """Length of the path over the angle it turned by, m; NaN where it hardly turned."""
    track_radius_m: float
    """The same of the centre line, m."""


def corner_passes(laid: Laid, course: Course, speed_mps: NDArray[np.float64]) -> list[CornerPass]:
    """Measure every pass that covers at least four fifths of a corner, in order of time.

    Args:
        laid: the drive on its track.
        course: the track's corners.
        speed_mps: (N,) speed at each entry of `laid`.
    """
    found = []
    for number, corner in enumerate(course.corners):
        for group in passes(course.within(laid.arc_m, corner)):
            covered = np.mod(laid.arc_m[group[-1]] - laid.arc_m[group[0]], course.track.length_m)
            if len(group) >= 3 and covered >= _SHARE_OF_CORNER * corner.length_m:
                found.append(_measure(number, corner, group, laid, course, speed_mps))
    return sorted(found, key=lambda one: one.start_s)


def _measure(
    number: int,
    corner: Section,
    group: NDArray[np.int64],
    laid: Laid,
    course: Course,
    speed_mps: NDArray[np.float64],
) -> CornerPass:
    side = np.sign(corner.turn_rad)
    track = course.track
    at = np.minimum((laid.arc_m[group] / track.spacing_m).astype(np.int64), len(track.center_m) - 1)
    half_width = (track.left_width_m[at] + track.right_width_m[at]) / 2
    inwards = side * laid.lateral_m[group]
    inner = track.left_width_m[at] if side > 0 else track.right_width_m[at]
    apex = int(np.argmax(inwards))
    points = laid.points_m[group]
    steps = np.diff(points, axis=0)
    heading = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
    turned = abs(float(heading[-1] - heading[0]))
    length_m = float(np.hypot(*steps.T).sum())
    speeds = speed_mps[group]
    entered_s = _crossing_s(laid, course, int(group[0]) - 1, corner.start_m, float(laid.time_s[group[0]]))
    left_s = _crossing_s(
        laid, course, int(group[-1]), corner.start_m + corner.length_m, float(laid.time_s[group[-1]])
    )
    return CornerPass(
        corner=number,
        start_s=entered_s,
        time_s=left_s - entered_s,
        apex_m=float(np.mod(laid.arc_m[group[apex]] - corner.start_m, track.length_m)),
        apex_margin_m=float(inner[apex] - inwards[apex]),
        apex_speed_mps=float(speeds[apex]),
        min_speed_mps=float(np.nanmin(speeds)) if np.isfinite(speeds).any() else float("nan"),
        entry_width=float(-inwards[0] / half_width[0]),
        exit_width=float(-inwards[-1] / half_width[-1]),
        radius_m=length_m / turned if turned > _MIN_TURN_RAD else float("nan"),
        track_radius_m=corner.length_m / abs(corner.turn_rad),
    )


def _crossing_s(laid: Laid, course: Course, before: int, line_m: float, otherwise_s: float) -> float:
    """Return when the car passed an arc length between entry `before` and the next one.

    Args:
        laid: the drive on its track.
        course: the track.
        before: entry before the crossing; there may be none after or before.
        line_m: the arc length.
        otherwise_s: what is returned where the two entries do not drive over it.
    """
    if not 0 <= before < len(laid.arc_m) - 1:
        return otherwise_s
    step_m, to_line_m = (
        float(np.mod(to_m - laid.arc_m[before], course.track.length_m))
        for to_m in (laid.arc_m[before + 1], line_m)
    )
    if not 0.0 < step_m <= _LONGEST_STEP_M or to_line_m > step_m:
        return otherwise_s
    since_s = float(laid.time_s[before + 1] - laid.time_s[before])
    return float(laid.time_s[before]) + since_s * to_line_m / step_m
