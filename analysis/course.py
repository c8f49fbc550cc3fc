"""A track taken apart into straights and corners, and a drive laid along it.

A straight is where |curvature| of the centre line, averaged over 0.3 m, stays below 0.25 1/m for 1 m or more;
everything else that turns by 20 degrees or more is a corner. How much of a straight's ends is left out (the
trim) changes every figure by more than the rate of sampling does, so the parameters travel with the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from car.frame_table import FrameTable
from sim.track import DIRECTIONS, Track, load_track, track_names

Values = NDArray[np.float64]


@dataclass(frozen=True)
class CourseParameters:
    """What decides where a straight begins and how it is measured."""

    max_curvature_1pm: float = 0.25
    """A straight bends less than this."""
    min_length_m: float = 1.0
    """A straight is at least this long, also after trimming."""
    smoothing_m: float = 0.3
    """Length over which curvature is averaged before it is compared."""
    trim_m: float = 0.5
    """Left out at either end of a straight: leaving and entering corners is not driving straight."""
    rate_hz: float = 15.0
    """Commands are held at this rate before they are compared, so that 15 and 30 Hz drives compare."""
    reversal_gap_deg: float = 10.0
    """A steering reversal is a turning point further than this from the one before (SAE J2944)."""
    straight_deg: float = 5.0
    """A command within this counts as straight ahead."""
    min_turn_deg: float = 20.0
    """A bend that turns by less is no corner."""

    def text(self) -> str:
        """Return the parameters as one line, to stand beside the figures."""
        return (
            f"straights: |curvature| < {self.max_curvature_1pm:g} 1/m (mean over {self.smoothing_m:g} m) for "
            f"{self.min_length_m:g} m or more, {self.trim_m:g} m trimmed at either end; "
            f"commands held at {self.rate_hz:g} Hz; reversals over {self.reversal_gap_deg:g} deg"
        )


@dataclass(frozen=True)
class Section:
    """A part of the track, by arc length in the direction of driving."""

    kind: str
    """"straight" or "corner"."""
    start_m: float
    """Where it begins."""
    length_m: float
    """How long it is; it may run over the start line."""
    turn_rad: float
    """By how much it turns, + to the left."""
    radius_m: float
    """Smallest radius of the centre line in it."""


@dataclass(frozen=True, eq=False)
class Course:
    """A track with its sections."""

    track: Track
    """Where the car drives, in the direction of driving."""
    parameters: CourseParameters
    """How the sections were found."""
    straights: list[Section] = field(default_factory=list)
    """In order of arc length."""
    corners: list[Section] = field(default_factory=list)
    """In order of arc length."""

    def within(self, arc_m: Values, section: Section, *, trim_m: float = 0.0) -> NDArray[np.bool_]:
        """Say which arc lengths (N,) lie in a section less its trimmed ends."""
        beyond = np.mod(arc_m - section.start_m, self.track.length_m)
        inside: NDArray[np.bool_] = (beyond >= trim_m) & (beyond <= section.length_m - trim_m)
        return inside


@dataclass(frozen=True)
class Laid:
    """A drive in the coordinates of its track, one entry per frame with a known place."""

    rows: NDArray[np.int64]
    """(N,) frames of the table that have a place."""
    time_s: Values
    """(N,) seconds from the table's first frame."""
    points_m: Values
    """(N, 2) x and y."""
    arc_m: Values
    """(N,) along the centre line, 0 to the track's length."""
    lateral_m: Values
    """(N,) from the centre line, left is positive."""
    heading_error_rad: Values
    """(N,) heading less the track's, -pi to pi; NaN where the log has no heading."""
    margin_m: Values
    """(N,) from the car's middle to the nearer border; negative beyond it."""


def make_course(track: Track, parameters: CourseParameters | None = None) -> Course:
    """Find the straights and corners of a track."""
    chosen = parameters or CourseParameters()
    width = max(1, round(chosen.smoothing_m / track.spacing_m))
    bend = _smooth_closed(track.curvature_1pm, width)
    is_straight = np.abs(bend) < chosen.max_curvature_1pm
    straights, corners = [], []
    for first, count in _closed_runs(is_straight):
        section = _section(track, bend, first, count, "straight")
        if section.length_m >= chosen.min_length_m:
            straights.append(section)
    turning = np.where(is_straight, 0.0, np.sign(bend))
    for side in (1.0, -1.0):
        for first, count in _closed_runs(turning == side):
            section = _section(track, bend, first, count, "corner")
            if abs(np.rad2deg(section.turn_rad)) >= chosen.min_turn_deg:
                corners.append(section)
    return Course(track, chosen, straights, sorted(corners, key=lambda corner: corner.start_m))


def course_of(run: Mapping[str, Any], parameters: CourseParameters | None = None) -> Course | None:
    """Return the course that a log names, or None; only built-in names are looked up, never a path."""
    name, direction = run.get("track"), run.get("direction", DIRECTIONS[0])
    if name not in track_names() or direction not in DIRECTIONS:
        return None
    return _built_in(str(name), str(direction), parameters or CourseParameters())


@lru_cache(maxsize=16)
def _built_in(name: str, direction: str, parameters: CourseParameters) -> Course:
    return make_course(load_track(name, direction), parameters)


def lay(frames: FrameTable, course: Course) -> Laid:
    """Project a drive on its track."""
    rows = np.flatnonzero(np.isfinite(frames.x_m) & np.isfinite(frames.y_m))
    points = np.stack([frames.x_m[rows], frames.y_m[rows]], axis=1)
    track = course.track
    arc_m, lateral_m = track.to_frenet(points) if len(rows) else (np.zeros(0), np.zeros(0))
    at = np.minimum((arc_m / track.spacing_m).astype(np.int64), len(track.center_m) - 1)
    error = frames.yaw_rad[rows] - track.heading_rad[at]
    margin = np.minimum(track.left_width_m[at] - lateral_m, track.right_width_m[at] + lateral_m)
    seconds = (frames.stamp_ns[rows] - frames.stamp_ns[:1]).astype(np.float64) / 1e9 if len(rows) else arc_m
    return Laid(
        rows=rows,
        time_s=seconds,
        points_m=points,
        arc_m=arc_m,
        lateral_m=lateral_m,
        heading_error_rad=np.arctan2(np.sin(error), np.cos(error)),
        margin_m=margin,
    )


def passes(inside: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Return the index ranges of each unbroken stay, of two frames or more."""
    rows = np.flatnonzero(inside)
    groups = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return [group for group in groups if len(group) >= 2]


def _section(track: Track, bend: Values, first: int, count: int, kind: str) -> Section:
    rows = np.arange(first, first + count) % len(bend)
    tightest = float(np.abs(bend[rows]).max())
    return Section(
        kind=kind,
        start_m=first * track.spacing_m,
        length_m=count * track.spacing_m,
        turn_rad=float(bend[rows].sum() * track.spacing_m),
        radius_m=1.0 / tightest if tightest > 0 else float("inf"),
    )


def _smooth_closed(values: Values, width: int) -> Values:
    """Average over `width` samples, around the closed track."""
    kernel = np.ones(width) / width
    padded = np.concatenate([values[-width:], values, values[:width]])
    smooth: Values = np.convolve(padded, kernel, mode="same")[width:-width]
    return smooth


def _closed_runs(inside: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (first, count) of each unbroken run of a closed line; one run may go over its end."""
    if inside.all():
        return [(0, len(inside))]
    starts = np.flatnonzero(inside & ~np.roll(inside, 1))
    ends = np.flatnonzero(inside & ~np.roll(inside, -1))
    return [
        (int(start), int((ends[np.searchsorted(ends, start) % len(ends)] - start) % len(inside)) + 1)
        for start in starts
    ]
