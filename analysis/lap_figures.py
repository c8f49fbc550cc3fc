"""A run lap by lap and corner by corner: what a driver and an engineer look at together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.course import Course, Section, lay
from analysis.laps import Lap, find_laps
from analysis.measures_corner import CornerPass, corner_passes
from analysis.measures_pace import best_means_s, best_possible_s, lap_traces
from analysis.metrics import driven_speed, frame_times_s
from car.frame_table import FrameTable


@dataclass(frozen=True)
class LapLine:
    """One lap."""

    number: int
    """Counted from 1."""
    start_s: float
    """When it began, seconds from the first frame."""
    time_s: float
    """Line to line, s."""
    sectors_s: list[float]
    """Time in each third of the track's length, s."""


@dataclass(frozen=True)
class CornerLine:
    """One corner: means over all passes, NaN where unknown; see `analysis.measures_corner.CornerPass`."""

    number: int
    """Counted from 1 after the start line."""
    turn_rad: float
    """By how much it turns, + to the left."""
    start_m: float
    """Where it begins, arc length from the start line, m."""
    length_m: float
    """How long it is, m."""
    passes: int
    """How often it was driven."""
    best_start_s: float
    """When the quickest pass entered it, seconds from the first frame."""
    best_time_s: float
    """The quickest pass, entry to exit, s."""
    time_s: float
    """Entry to exit, s."""
    apex_m: float
    """From the corner's beginning to where the car was nearest to the inside, m."""
    apex_margin_m: float
    """From the car's middle to the inner border there, m."""
    apex_speed_mps: float
    """Speed there, m/s."""
    min_speed_mps: float
    """Slowest speed, m/s."""
    entry_width: float
    """Offset to the outside at the entry: 1 the outer border, 0 the centre line, -1 the inner border."""
    exit_width: float
    """The same at the exit."""
    radius_m: float
    """Driven radius, m."""
    track_radius_m: float
    """The centre line's, m."""


@dataclass(frozen=True)
class LapFigures:
    """A run lap by lap and corner by corner."""

    laps: list[LapLine]
    """In order; empty where the log holds no progress or no whole lap."""
    best_means_s: list[float]
    """See `analysis.measures_pace.best_means_s`."""
    best_possible_s: float | None
    """The lap that the best sectors would make, s."""
    corners: list[CornerLine]
    """In order of arc length; those that were driven."""
    missing: str
    """Why there are no corners; empty where there are."""


def lap_figures(frames: FrameTable, course: Course | None, laps: list[Lap] | None = None) -> LapFigures:
    """Measure the laps, sectors and corners of a drive.

    Args:
        frames: the drive.
        course: its track, where it is known.
        laps: its whole laps; found by the progress when not given.
    """
    seconds = frame_times_s(frames)
    laps = find_laps(seconds, frames.progress) if laps is None or not len(frames) else laps
    traces = lap_traces(seconds, frames.progress, laps)
    corners, missing = _corners(frames, course)
    return LapFigures(
        laps=[LapLine(t.lap.number, t.lap.start_s, t.lap.time_s, t.sectors_s()) for t in traces],
        best_means_s=best_means_s(laps),
        best_possible_s=best_possible_s(traces),
        corners=corners,
        missing=missing,
    )


def _corners(frames: FrameTable, course: Course | None) -> tuple[list[CornerLine], str]:
    """Return the corners, and why there are none."""
    if course is None:
        return [], "The log names no track that is known here."
    laid = lay(frames, course)
    if not len(laid.rows):
        return [], "The log holds no positions."
    found = corner_passes(laid, course, driven_speed(frames)[laid.rows])
    if not found:
        return [], "No corner was driven from its entry to its exit."
    driven = [(i, [one for one in found if one.corner == i]) for i in range(len(course.corners))]
    return [_line(i, course.corners[i], passes) for i, passes in driven if passes], ""


def _line(index: int, corner: Section, passes: Sequence[CornerPass]) -> CornerLine:
    best = min(passes, key=lambda one: one.time_s)

    def mean(name: str) -> float:
        values = np.array([getattr(one, name) for one in passes], np.float64)
        known = values[np.isfinite(values)]
        return float(known.mean()) if len(known) else float("nan")

    return CornerLine(
        number=index + 1,
        turn_rad=corner.turn_rad,
        start_m=corner.start_m,
        length_m=corner.length_m,
        passes=len(passes),
        best_start_s=best.start_s,
        best_time_s=best.time_s,
        time_s=mean("time_s"),
        apex_m=mean("apex_m"),
        apex_margin_m=mean("apex_margin_m"),
        apex_speed_mps=mean("apex_speed_mps"),
        min_speed_mps=mean("min_speed_mps"),
        entry_width=mean("entry_width"),
        exit_width=mean("exit_width"),
        radius_m=mean("radius_m"),
        track_radius_m=mean("track_radius_m"),
    )
