"""Two runs on one axis: by time from the first frame, or by place on the track of each one's best lap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.laps import Lap
from analysis.metrics import confidence, frame_times_s
from analysis.trace_log import laps_of
from car.frame_table import FrameTable
from car.log_reader import CarLog

POINTS = 401
"""Points of the axis."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """One signal of both runs along the axis."""

    title: str
    """What it is."""
    unit: str
    """Unit of the values."""
    first: Values
    """(P,) of the first run; NaN where it has none."""
    second: Values
    """(P,) of the second run."""


@dataclass(frozen=True)
class Alignment:
    """Two runs along one axis."""

    unit: str
    """Unit of the axis: "s" or "%"."""
    axis: Values
    """(P,) rising."""
    frames: tuple[NDArray[np.int64], NDArray[np.int64]]
    """(P,) the frame of either run at each point; -1 where it has none."""
    signals: list[Signal]
    """What can be compared; a signal that neither run has is left out."""


def align_by_time(first: CarLog, second: CarLog) -> Alignment:
    """Lay two runs beside each other from their first frames."""
    seconds = [frame_times_s(log.frames) for log in (first, second)]
    end = max((float(times[-1]) for times in seconds if len(times)), default=0.0)
    axis: Values = np.linspace(0.0, end, POINTS, dtype=np.float64)
    frames = [_at(times, axis) for times in seconds]
    return Alignment("s", axis, (frames[0], frames[1]), _signals(first, second, frames))


def align_by_lap(first: CarLog, second: CarLog, laps: tuple[Lap | None, Lap | None]) -> Alignment | None:
    """Lay one lap of each run beside each other by time from its start; None without laps or frames.

    Args:
        first: a log.
        second: another one, or the same.
        laps: which lap of either.
    """
    if laps[0] is None or laps[1] is None or not (len(first.frames) and len(second.frames)):
        return None
    axis: Values = np.linspace(0.0, max(laps[0].time_s, laps[1].time_s), POINTS, dtype=np.float64)
    frames = []
    for log, lap in zip((first, second), laps, strict=True):
        assert lap is not None
        rows = _at(frame_times_s(log.frames), axis + lap.start_s)
        frames.append(np.where(axis <= lap.time_s, rows, -1))
    return Alignment("s", axis, (frames[0], frames[1]), _signals(first, second, frames))


def align_by_place(
    first: CarLog, second: CarLog, laps: tuple[Lap | None, Lap | None] | None = None
) -> Alignment | None:
    """Lay a lap of each run beside each other by place; None where either has no lap or no frame.

    Args:
        first: a log.
        second: another one, or the same.
        laps: which lap of either; the best ones when not given.
    """
    laps = laps or (best_lap(first), best_lap(second))
    if laps[0] is None or laps[1] is None or not (len(first.frames) and len(second.frames)):
        return None
    axis: Values = np.linspace(0.0, 100.0, POINTS, dtype=np.float64)
    frames, elapsed = [], []
    for log, lap in zip((first, second), laps, strict=True):
        assert lap is not None
        rows, places, times = _lap_places(log.frames, lap)
        frames.append(rows[_at(places, axis)] if len(rows) else np.full(POINTS, -1))
        elapsed.append(np.interp(axis, [0.0, *places, 100.0], [0.0, *times, lap.time_s]))
    lost = Signal("Time lost", "s", elapsed[0] - elapsed[1], np.zeros(POINTS))
    return Alignment("%", axis, (frames[0], frames[1]), [lost, *_signals(first, second, frames)])


def best_lap(log: CarLog) -> Lap | None:
    """Return the fastest lap of a log, or None where it has no whole one."""
    return min(laps_of(log), key=lambda lap: lap.time_s, default=None)


def _lap_places(frames: FrameTable, lap: Lap) -> tuple[NDArray[np.int64], Values, Values]:
    """Return the frames of a lap that got further than all before, their places in percent and times."""
    seconds = frame_times_s(frames)
    rows = np.flatnonzero((seconds > lap.start_s) & (seconds < lap.end_s) & np.isfinite(frames.progress))
    reached = np.maximum.accumulate(frames.progress[rows]) if len(rows) else np.zeros(0)
    new = np.diff(reached, prepend=-1.0) > 0
    return rows[new], reached[new], seconds[rows][new] - lap.start_s


def _at(places: Values, axis: Values) -> NDArray[np.int64]:
    """Return the last place at or before each point of the axis; -1 beyond the last one."""
    if not len(places):
        return np.full(len(axis), -1, np.int64)
    found = np.maximum(np.searchsorted(places, axis + 1e-9, side="right") - 1, 0)
    step = float(np.median(np.diff(places))) if len(places) > 1 else 1.0
    return np.where(axis > places[-1] + 5 * step, -1, found).astype(np.int64)


def _signals(first: CarLog, second: CarLog, frames: list[NDArray[np.int64]]) -> list[Signal]:
    found = []
    for title, unit in (("Speed", "m/s"), ("Steering", "°"), ("From the centre", "cm"), ("Confidence", "")):
        values = [
            _taken(_column(log.frames, title), rows)
            for log, rows in zip((first, second), frames, strict=True)
        ]
        if any(np.isfinite(column).any() for column in values):
            found.append(Signal(title, unit, values[0], values[1]))
    return found


def _column(frames: FrameTable, title: str) -> Values:
    if title == "Speed":
        known = np.isfinite(frames.true_speed_mps).any()
        return frames.true_speed_mps if known else frames.speed_mps
    if title == "Steering":
        return np.asarray(np.rad2deg(frames.steering_rad), np.float64)
    if title == "From the centre":
        return frames.lateral_m * 100
    discrete = bool((frames.action >= 0).any())
    return confidence(frames.probabilities) if discrete else np.full(len(frames), np.nan)


def _taken(column: Values, rows: NDArray[np.int64]) -> Values:
    if not len(column):
        return np.full(len(rows), np.nan)
    return np.where(rows >= 0, column[np.maximum(rows, 0)], np.nan).astype(np.float64)
