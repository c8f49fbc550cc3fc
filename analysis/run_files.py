"""Everything that can be ranked, as scorecards: car logs, SIM_TRACE files, metrics files, folders of them.

The reference simulator's files know no pictures, no machine and no probabilities; what they do know is
measured as in a car log. A trace names no track, so the built-in one that it was driven on is found by the
path. Each episode is a drive of its own and what a run's spread is known from.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.card_cache import read_card
from analysis.course import Course, course_of, lay
from analysis.laps import Lap, find_laps
from analysis.log_index import open_log
from analysis.measures_pace import LapTrace, lap_traces
from analysis.measures_survival import SurvivalParameters
from analysis.metrics import frame_times_s
from analysis.run_card import BY_KEY, RunCard, figures_of
from analysis.sim_trace import MAX_TRACE_BYTES, read_sim_trace
from car.errors import BadFileError, Sim2RaceError
from car.frame_table import FrameTable
from car.json_file import read_json_object
from car.log_parts import is_log
from sim.track import DIRECTIONS, track_names

NEAR_M = 0.4
"""Half of a trace's points lie nearer to the centre line of its track than this."""
MAX_TRIALS = 100_000
_TABLES = (".csv", ".json")
COMPLETE_PERCENT = 99.5


@dataclass(frozen=True)
class Run:
    """One run, to be ranked and compared."""

    card: RunCard
    """Its scorecard."""
    best: LapTrace | None
    """Its best lap as time over place, where it holds one."""


def find_runs(paths: tuple[Path, ...]) -> list[Path]:
    """Return the runs that are named, and those in the folders that are.

    Raises:
        Sim2RaceError: a path does not exist, or there is no run in it.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise Sim2RaceError(f"There is no log, trace or folder {path}.")
        is_one = is_log(path) or (path.is_file() and path.suffix in _TABLES)
        inside = [path] if is_one else [child for child in _children(path) if _looks_like_a_run(child)]
        if not inside:
            raise Sim2RaceError(
                f"There is no run in {path}; expected car logs (folders with an .mcap or .db3 file), "
                "SIM_TRACE .csv or metrics .json files."
            )
        found += inside
    if not found:
        raise Sim2RaceError("Name at least one car log, trace or metrics file, or a folder of them.")
    return found


def read_run_card(path: Path) -> RunCard:
    """Return the scorecard of a run, whatever file it is in.

    Raises:
        BadFileError: it cannot be read.
    """
    if path.suffix == ".csv":
        return trace_card(_name(path), read_sim_trace(path))
    if path.suffix == ".json":
        return metrics_card(path)
    return read_card(path)


def read_run(path: Path) -> Run:
    """Return the scorecard of a run and its best lap.

    Raises:
        BadFileError: it cannot be read.
    """
    if path.suffix == ".csv":
        episodes = read_sim_trace(path)
        found = [trace for frames in episodes.values() for trace in _episode_traces(frames)]
        return Run(
            trace_card(_name(path), episodes), min(found, key=lambda one: one.lap.time_s, default=None)
        )
    if path.suffix == ".json":
        return Run(metrics_card(path), None)
    frames = open_log(path).frames
    seconds = frame_times_s(frames)
    laps = find_laps(seconds, frames.progress)
    traces = lap_traces(seconds, frames.progress, laps)
    return Run(read_card(path), min(traces, key=lambda one: one.lap.time_s, default=None))


def trace_card(name: str, episodes: dict[int, FrameTable]) -> RunCard:
    """Compute the scorecard of a SIM_TRACE.

    Figures of the run are the means over its episodes by their duration, rates are per lap driven.

    Args:
        name: the run's name.
        episodes: see `analysis.sim_trace.read_sim_trace`.
    """
    drives = [frames for frames in episodes.values() if len(frames) > 1]
    course = course_by_path(drives)
    laps = [_lap_s(frames) for frames in drives]
    driven = [max(float(frames.progress.max()) / 100.0, 1e-3) for frames in drives]
    pieces = []
    for frames, lap_s, share in zip(drives, laps, driven, strict=True):
        figures = figures_of(frames, course, {}, laps=share, lap_s=lap_s)
        pieces.append(_all_keys(figures) | {"off_tracks": float(_left_track(frames)) / share})
    weights = np.array([float(frame_times_s(frames)[-1]) for frames in drives])
    figures = {key: _weighted([piece[key] for piece in pieces], weights) for key in BY_KEY}
    done = [lap_s for lap_s in laps if math.isfinite(lap_s)]
    if driven:
        figures["off_tracks"] = sum(_left_track(frames) for frames in drives) / sum(driven)
        figures["lap_s"] = float(np.mean(done)) if done else math.nan
    parameters = [course.parameters.text() if course else "", SurvivalParameters().text()]
    track = course.track.name if course else ""
    return RunCard(name, track, figures, pieces, "episode", done, [], parameters)


def metrics_card(path: Path) -> RunCard:
    """Compute the scorecard of a metrics file of the reference simulator: laps and off-tracks, no more.

    Raises:
        BadFileError: the file cannot be read or is no metrics file.
    """
    if path.stat().st_size > MAX_TRACE_BYTES // 8:
        raise BadFileError(f"The metrics file {path} is larger than {MAX_TRACE_BYTES >> 23} MiB.")
    trials = read_json_object(path).get("metrics")
    if not isinstance(trials, list) or not trials or len(trials) > MAX_TRIALS:
        raise BadFileError(f"{path} is no metrics file: it has no list 'metrics' of trials.")
    rows = [_trial(trial, path) for trial in trials]
    pieces = []
    for seconds, share, left in rows:
        figures = {"lap_s": seconds if share >= 1.0 else math.nan, "off_tracks": left / max(share, 1e-2)}
        pieces.append(_all_keys(figures))
    done = [seconds for seconds, share, _ in rows if share >= 1.0]
    driven = sum(share for _, share, _ in rows)
    figures = _all_keys(
        {
            "lap_s": float(np.mean(done)) if done else math.nan,
            "off_tracks": sum(left for _, _, left in rows) / driven if driven > 0 else math.nan,
        }
    )
    return RunCard(_name(path), "", figures, pieces, "episode", done, [])


def course_by_path(drives: list[FrameTable]) -> Course | None:
    """Return the built-in track that drives were driven on, in the direction of driving; None for another."""
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
        _, lateral = course.track.to_frenet(some)
        away = float(np.median(np.abs(lateral)))
        if away < NEAR_M:
            found.append((away, course))
    if not found:
        return None
    best = min(found, key=lambda one: one[0])[1]
    forwards = [_mean_heading_error(frames, best) for frames in drives]
    direction = DIRECTIONS[0] if np.median(forwards) < math.pi / 2 else DIRECTIONS[1]
    return course_of({"track": best.track.name, "direction": direction})


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


def _name(path: Path) -> str:
    """Return what people call a file; where all files are called the same, with their folder."""
    alike = re.fullmatch(r"\d+-iteration|metrics|(Training|Evaluation)Metrics", path.stem)
    return f"{path.absolute().parent.name}/{path.stem}" if alike else path.stem


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _looks_like_a_run(path: Path) -> bool:
    """Say whether a file found in a folder is a run: there may be other tables beside it."""
    if path.is_file() and path.suffix == ".csv":
        with path.open("rb") as file:
            return file.read(200).startswith(b"episode,steps,")
    if path.is_file() and path.suffix == ".json":
        return "metrics" in path.name.lower()
    return is_log(path)


def _episode_traces(frames: FrameTable) -> list[LapTrace]:
    """Return an episode that is a whole lap as time over place; none for any other."""
    lap_s = _lap_s(frames)
    if not math.isfinite(lap_s):
        return []
    return lap_traces(frame_times_s(frames), frames.progress, [Lap(1, -1e-6, lap_s + 1e-6)])


def _lap_s(frames: FrameTable) -> float:
    """Return the time of an episode that got round the track; NaN of any other."""
    reached = np.flatnonzero(frames.progress >= COMPLETE_PERCENT)
    whole = len(reached) > 0 and float(frames.progress[0]) < 100.0 - COMPLETE_PERCENT + 5.0
    return float(frame_times_s(frames)[reached[0]]) if whole else math.nan


def _left_track(frames: FrameTable) -> int:
    """Count how often the trace says that the car went off."""
    off = np.asarray(frames.state) == "off_track"
    return int((np.diff(off.astype(np.int8), prepend=0) > 0).sum())


def _trial(trial: Any, path: Path) -> tuple[float, float, float]:
    """Return seconds, share of the lap, and times off the track of one trial."""
    try:
        share = float(trial["completion_percentage"]) / 100.0
        seconds = float(trial["elapsed_time_in_milliseconds"]) / 1000.0
        status = str(trial.get("episode_status", ""))
        left = float(trial.get("off_track_count", status.lower().replace(" ", "_") == "off_track"))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadFileError(f"{path} is no metrics file: a trial of it has no {error}.") from error
    if not all(math.isfinite(value) and 0.0 <= value < 1e9 for value in (share, seconds, left)):
        raise BadFileError(f"{path}: a trial has the figures {json.dumps(trial)[:100]}.")
    return seconds, share, left


def _all_keys(figures: dict[str, float]) -> dict[str, float]:
    return {key: figures.get(key, math.nan) for key in BY_KEY}


def _weighted(values: list[float], weights: NDArray[np.float64]) -> float:
    """Return the mean of the known values by their weights."""
    column = np.array(values, np.float64)
    known = np.isfinite(column) & (weights > 0)
    return float(np.average(column[known], weights=weights[known])) if known.any() else math.nan
