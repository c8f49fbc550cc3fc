"""Everything that can be ranked, as scorecards: car logs, SIM_TRACE files, metrics files, folders of them.

The reference simulator's files know no pictures, no machine and no probabilities; what they do know is
measured as in a car log. A trace names no track, so the built-in one that it was driven on is found by the
path. Each episode is a drive of its own and what a run's spread is known from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.card_cache import read_card
from analysis.log_index import open_log
from analysis.measures_pace import LapTrace, lap_traces
from analysis.measures_survival import SurvivalParameters
from analysis.metrics import frame_times_s
from analysis.metrics_file import MetricsTrial, is_metrics_file, read_metrics
from analysis.run_card import BY_KEY, RunCard, figures_of
from analysis.sim_trace import SimTrace, is_sim_trace, read_sim_trace
from analysis.trace_log import (
    course_by_path,
    lap_s,
    laps_of,
    metrics_log,
    run_name,
    times_off,
    trace_log,
)
from car.errors import Sim2RaceError
from car.log_parts import is_log
from car.log_reader import CarLog, LogSummary, list_logs

TABLES = (".csv", ".json")
"""Ends of the names of traces and metrics files."""

_DEPTH = 2
"""Folders below that of the runs: `<track>/evaluation-simtrace`."""


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
        is_one = is_log(path) or (path.is_file() and path.suffix in TABLES)
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


def list_runs(folder: Path) -> list[LogSummary]:
    """Return the logs in `folder`, and the traces and metrics files in it and its folders, the newest first.

    An evaluation writes those of each track into a folder of its own.

    Raises:
        BadFileError: the folder does not exist or cannot be read.
    """
    runs = [*list_logs(folder), *(_table_summary(path) for path in _tables(folder, _DEPTH))]
    return sorted(runs, key=lambda run: (run.started_ns, run.name), reverse=True)


def is_table(path: Path) -> bool:
    """Say whether a file is a trace or metrics; what the console keeps beside them, and links, are not."""
    if path.name.startswith(".") or path.is_symlink() or not path.is_file():
        return False
    if path.suffix == ".csv":
        return is_sim_trace(path)
    return path.suffix == ".json" and is_metrics_file(path)


def open_run(path: Path) -> CarLog:
    """Open a run, whatever file it is in.

    Raises:
        BadFileError: it cannot be read.
    """
    if _kind(path) == ".csv":
        return trace_log(path, read_sim_trace(path))
    if _kind(path) == ".json":
        return metrics_log(path, read_metrics(path))
    return open_log(path)


def read_run_card(path: Path) -> RunCard:
    """Return the scorecard of a run, whatever file it is in.

    Raises:
        BadFileError: it cannot be read.
    """
    if _kind(path) == ".csv":
        return trace_card(run_name(path), read_sim_trace(path))
    if _kind(path) == ".json":
        return metrics_card(run_name(path), read_metrics(path))
    return read_card(path)


def read_run(path: Path) -> Run:
    """Return the scorecard of a run and its best lap.

    Raises:
        BadFileError: it cannot be read.
    """
    log = open_run(path)
    laps = laps_of(log) if len(log.frames) else []
    traces = lap_traces(frame_times_s(log.frames), log.frames.progress, laps)
    return Run(read_run_card(path), min(traces, key=lambda one: one.lap.time_s, default=None))


def trace_card(name: str, trace: SimTrace) -> RunCard:
    """Compute the scorecard of a SIM_TRACE.

    Figures of the run are the means over its episodes by their duration, rates are per lap driven.

    Args:
        name: the run's name.
        trace: see `analysis.sim_trace.read_sim_trace`.
    """
    drives = [frames for frames in trace.episodes.values() if len(frames) > 1]
    course = course_by_path(drives, trace.track_length_m)
    laps = [lap_s(frames) for frames in drives]
    driven = [max(float(frames.progress.max()) / 100.0, 1e-3) for frames in drives]
    pieces = []
    for frames, time_s, share in zip(drives, laps, driven, strict=True):
        figures = figures_of(frames, course, {}, laps=share, lap_s=time_s)
        pieces.append(_all_keys(figures) | {"off_tracks": len(times_off(frames)) / share})
    weights = np.array([float(frame_times_s(frames)[-1]) for frames in drives])
    figures = {key: _weighted([piece[key] for piece in pieces], weights) for key in BY_KEY}
    done = [time_s for time_s in laps if math.isfinite(time_s)]
    if driven:
        figures["off_tracks"] = sum(len(times_off(frames)) for frames in drives) / sum(driven)
        figures["lap_s"] = float(np.mean(done)) if done else math.nan
    damage = f"{name} is damaged and measured up to the damage: {trace.damage}" if trace.damage else ""
    parameters = [course.parameters.text() if course else "", SurvivalParameters().text(), damage]
    track = course.track.name if course else ""
    return RunCard(name, track, figures, pieces, "episode", done, [], parameters)


def metrics_card(name: str, trials: list[MetricsTrial]) -> RunCard:
    """Compute the scorecard of a metrics file of the reference simulator: laps and off-tracks, no more."""
    pieces = [
        _all_keys(
            {
                "lap_s": trial.seconds if trial.complete else math.nan,
                "off_tracks": trial.off_tracks / max(trial.share, 1e-2),
            }
        )
        for trial in trials
    ]
    done = [trial.seconds for trial in trials if trial.complete]
    driven = sum(trial.share for trial in trials)
    figures = _all_keys(
        {
            "lap_s": float(np.mean(done)) if done else math.nan,
            "off_tracks": sum(trial.off_tracks for trial in trials) / driven if driven > 0 else math.nan,
        }
    )
    return RunCard(name, "", figures, pieces, "episode", done, [])


def _tables(folder: Path, depth: int) -> Iterator[Path]:
    """Yield traces and metrics files down to a depth; not what is hidden, linked, in a log, or shut."""
    try:
        children = _children(folder)
    except OSError:
        return
    for child in children:
        if is_table(child):
            yield child
        elif depth and not child.name.startswith(".") and not child.is_symlink() and not is_log(child):
            yield from _tables(child, depth - 1)


def _kind(path: Path) -> str:
    """Return ".csv" or ".json" of a table; a log's folder may be called anything."""
    return path.suffix if path.suffix in TABLES and not path.is_dir() else ""


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _looks_like_a_run(path: Path) -> bool:
    """Say whether a file found in a folder is a run: there may be other tables beside it."""
    if path.is_file() and path.suffix == ".csv":
        return is_sim_trace(path)
    if path.is_file() and path.suffix == ".json":
        return is_metrics_file(path)
    return is_log(path)


def _table_summary(path: Path) -> LogSummary:
    """Return a trace or metrics file for the list, dated by the file: few say when they were driven."""
    try:
        found = path.stat()
    except OSError:
        return LogSummary(path, run_name(path), 0, 0.0, 0, 0, None)
    return LogSummary(path, run_name(path), found.st_mtime_ns, 0.0, 0, found.st_size, None)


def _all_keys(figures: dict[str, float]) -> dict[str, float]:
    return {key: figures.get(key, math.nan) for key in BY_KEY}


def _weighted(values: list[float], weights: NDArray[np.float64]) -> float:
    """Return the mean of the known values by their weights."""
    column = np.array(values, np.float64)
    known = np.isfinite(column) & (weights > 0)
    return float(np.average(column[known], weights=weights[known])) if known.any() else math.nan
