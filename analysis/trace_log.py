"""Runs of the reference simulator as the logs that pages and comparisons know: no pictures, no policy.

The episodes of a trace follow each other as they were driven; each that gets round the track is a lap. A
trace names no track, so the built-in one that it was driven on is found by the path. A metrics file holds
laps and no frames.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.course import Course, course_of, lay
from analysis.laps import Lap, find_laps
from analysis.metrics import frame_times_s
from analysis.metrics_file import MetricsTrial
from analysis.sim_trace import SimTrace
from car.frame_table import MAX_EVENTS, FrameTable, LogEvent, left_track
from car.log_reader import CarLog
from car.raw_log import PICTURE_COLUMNS
from sim.race_metrics import FAILURES
from sim.track import DIRECTIONS, track_names

NEAR_M = 0.4
"""Half of a trace's points lie nearer to the centre line of its track than this."""
LENGTH_SHARE = 0.03
"""By less than this a track's length differs between simulators, which curve its points differently."""
COMPLETE_PERCENT = 99.5
OFF_TRACK = "off_track"


class TableLog(CarLog):
    """A run of the reference simulator.

    Args:
        path: its file.
        frames: all its steps, or none.
        course: the track, where it is known.
        laps: whole laps in order.
        events: what happened.
        damage: why it ends early.
    """

    def __init__(
        self,
        path: Path,
        frames: FrameTable,
        *,
        course: Course | None = None,
        laps: Sequence[Lap] = (),
        events: Sequence[LogEvent] = (),
        damage: str | None = None,
    ) -> None:
        self.path = path
        self.name = run_name(path)
        self.run: dict[str, Any] = {}
        if course is not None:
            direction = DIRECTIONS[int(course.track.clockwise)]
            self.run = {"track": course.track.name, "direction": direction}
        self.policy_path = None
        self.action_space = None
        self.frames = frames
        self.health = {"stamp_ns": np.zeros(0, np.int64)}
        self.events = list(events)
        self.damage = damage
        self.laps = list(laps)
        """Known by its episodes, which the progress of a whole file does not tell apart."""
        self._parts = {}
        self._places = np.zeros((len(frames), len(PICTURE_COLUMNS)), np.int64)


def trace_log(path: Path, trace: SimTrace) -> TableLog:
    """Lay the episodes of a trace one after the other."""
    episodes = list(trace.episodes.values())
    course = course_by_path(episodes, trace.track_length_m)
    frames = joined(episodes)
    if len(frames) and trace.started_s:
        moved_ns = round(trace.started_s * 1e9) - int(frames.stamp_ns[0])
        frames = replace(frames, stamp_ns=frames.stamp_ns + moved_ns)
    if course is not None:
        laid = lay(frames, course)
        lateral_m = np.full(len(frames), np.nan)
        lateral_m[laid.rows] = laid.lateral_m
        frames = replace(frames, lateral_m=lateral_m)
    firsts = np.cumsum([0, *(len(episode) for episode in episodes)])[:-1].tolist()
    return TableLog(
        path,
        frames,
        course=course,
        laps=_laps(episodes, firsts, frame_times_s(frames)),
        events=[event for event, _ in zip(_events(trace, firsts, frames), range(MAX_EVENTS), strict=False)],
        damage=trace.damage,
    )


def metrics_log(path: Path, trials: Sequence[MetricsTrial]) -> TableLog:
    """Return the trials of a metrics file as laps one after the other, without a frame."""
    starts_s = np.cumsum([0.0, *(trial.seconds for trial in trials)]).tolist()
    done = [(start_s, trial) for start_s, trial in zip(starts_s, trials, strict=False) if trial.complete]
    laps = [Lap(number, start_s, trial.seconds) for number, (start_s, trial) in enumerate(done, start=1)]
    return TableLog(path, joined([]), laps=laps)


def laps_of(log: CarLog) -> list[Lap]:
    """Return the whole laps of a log in order."""
    if isinstance(log, TableLog):
        return log.laps
    return find_laps(frame_times_s(log.frames), log.frames.progress)


def joined(episodes: Sequence[FrameTable]) -> FrameTable:
    """Return the frames of all episodes in one table, counted through."""
    if not episodes:
        return _nothing()
    columns = {
        one.name: np.concatenate([getattr(each, one.name) for each in episodes]) for one in fields(FrameTable)
    }
    return FrameTable(**{**columns, "frame_number": np.arange(len(columns["stamp_ns"]))})


def course_by_path(drives: Sequence[FrameTable], length_m: float = 0.0) -> Course | None:
    """Return the built-in track that drives were driven on, in the direction of driving; None for another.

    Args:
        drives: the drives.
        length_m: how long the track is, which tells those apart whose beginnings are alike; 0 if unknown.
    """
    points = (
        np.concatenate([np.stack([f.x_m, f.y_m], axis=1) for f in drives]) if drives else np.zeros((0, 2))
    )
    if len(points) < 10:
        return None
    some = points[:: max(1, len(points) // 200)]
    found: list[tuple[float, Course]] = []
    for name in track_names():
        course = course_of({"track": name})
        assert course is not None
        if length_m and abs(course.track.length_m - length_m) > LENGTH_SHARE * length_m:
            continue
        _, lateral = course.track.to_frenet(some)
        away = float(np.median(np.abs(lateral)))
        if away < NEAR_M:
            found.append((away, course))
    if not found:
        return None
    best = min(found, key=lambda one: one[0])[1]
    forwards = [_mean_heading_error(frames, best) for frames in drives if len(frames) > 1]
    direction = DIRECTIONS[0] if np.median(forwards) < math.pi / 2 else DIRECTIONS[1]
    return course_of({"track": best.track.name, "direction": direction})


def lap_s(frames: FrameTable) -> float:
    """Return the time of an episode that got round the track; NaN of any other."""
    reached = np.flatnonzero(frames.progress >= COMPLETE_PERCENT)
    whole = len(reached) > 0 and float(frames.progress[0]) < 100.0 - COMPLETE_PERCENT + 5.0
    return float(frame_times_s(frames)[reached[0]]) if whole else math.nan


def times_off(frames: FrameTable) -> NDArray[np.int64]:
    """Return the frames at which the trace says that the car went off the track."""
    off = np.asarray(frames.state) == OFF_TRACK
    return np.flatnonzero(np.diff(off.astype(np.int8), prepend=0) > 0)


def run_name(path: Path) -> str:
    """Return what people call a file; where all files are called the same, with their folder."""
    alike = re.fullmatch(r"\d+-iteration|metrics|(Training|Evaluation)Metrics", path.stem)
    return f"{path.absolute().parent.name}/{path.stem}" if alike else path.stem


def _laps(episodes: Sequence[FrameTable], firsts: Sequence[int], seconds: NDArray[np.float64]) -> list[Lap]:
    times = [(float(seconds[first]), lap_s(one)) for first, one in zip(firsts, episodes, strict=True)]
    done = [(start_s, time_s) for start_s, time_s in times if math.isfinite(time_s)]
    return [Lap(number, start_s, time_s) for number, (start_s, time_s) in enumerate(done, start=1)]


def _events(trace: SimTrace, firsts: Sequence[int], frames: FrameTable) -> Iterator[LogEvent]:
    """Yield the beginnings of episodes, what went wrong in them, and the end."""
    for (number, episode), first in zip(trace.episodes.items(), firsts, strict=True):
        stamps = frames.stamp_ns[first : first + len(episode)].tolist()
        yield LogEvent(stamps[0], "episode", str(number))
        for row in times_off(episode).tolist():
            yield left_track(stamps[row], float(episode.progress[row]))
        last = str(episode.state[-1])
        if last in FAILURES and last != OFF_TRACK:
            yield LogEvent(stamps[-1], last, f"at {episode.progress[-1]:.0f} % of the lap")
    if len(frames) and not trace.damage:
        yield LogEvent(int(frames.stamp_ns[-1]), "end", str(frames.state[-1]).replace("_", " "))


def _mean_heading_error(frames: FrameTable, course: Course) -> float:
    """Return the median of |direction of the path less the track's|."""
    laid = lay(frames, course)
    if len(laid.rows) < 3:
        return 0.0
    steps = np.diff(laid.points_m, axis=0)
    moving = np.hypot(*steps.T) > 1e-3
    at = np.minimum(
        (laid.arc_m[:-1] / course.track.spacing_m).astype(np.int64), len(course.track.center_m) - 1
    )
    error = np.arctan2(steps[:, 1], steps[:, 0]) - course.track.heading_rad[at]
    wrapped = np.abs(np.arctan2(np.sin(error), np.cos(error)))[moving]
    return float(np.median(wrapped)) if len(wrapped) else 0.0


def _nothing() -> FrameTable:
    whole, known = np.zeros(0, np.int64), np.zeros(0)
    kinds: dict[str, Any] = {"probabilities": np.zeros((0, 0), np.float32), "state": np.zeros(0, np.str_)}
    numbers = ("steering_rad", "speed_mps", "x_m", "y_m", "yaw_rad", "progress", "lateral_m")
    kinds |= dict.fromkeys((*numbers, "true_speed_mps"), known)
    return FrameTable(**{one.name: kinds.get(one.name, whole) for one in fields(FrameTable)})
