"""Reading SIM_TRACE CSV, the reference simulator's record of every step, into the same table as a car log.

Angles there are in degrees and `throttle` is the commanded speed in m/s. Episodes follow each other on one
clock; each is a drive of its own. A trace is read line by line, a row a line, up to the first one that is
damaged, as a car log is.
"""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from car.errors import BadFileError
from car.frame_table import FrameTable

MAX_TRACE_BYTES = 32 * 2**20
"""More than any training writes into one file, and few enough to hold in memory."""

MAX_EPISODES = 1000
"""Of one file; a training writes some tens."""
_MAX_HEADER_BYTES = 4096

MAX_TIME_S = 1e11
"""No clock of a simulator shows more; it may be that of the wall."""
MAX_VALUE = 1e6
"""No place in metres, angle, speed, or number of an action is larger."""
MAX_EPISODE_S = 86_400.0
_MAX_STATE = 32
_NEEDED = ("episode", "X", "Y", "yaw", "steer", "throttle", "action", "progress", "tstamp", "episode_status")
_NUMBERS = ("tstamp", "X", "Y", "yaw", "steer", "throttle", "progress")
_WALL_CLOCK, _LENGTH = "wall_clock", "track_len"


@dataclass(frozen=True)
class SimTrace:
    """A trace, up to its damage."""

    episodes: dict[int, FrameTable]
    """Episode number to its frames, in the order of the file."""
    damage: str | None
    """Why it ends early, with the file and the line; None if it is whole."""
    started_s: float
    """Seconds since 1970 at its first row; 0 where the simulator does not write that down."""
    track_length_m: float
    """Of the centre line, m; 0 where the trace does not say."""


@dataclass
class _Episode:
    """The rows of an episode so far: eight numbers each, in the order of `_numbers`."""

    values: array[float] = field(default_factory=lambda: array("d"))
    states: list[str] = field(default_factory=list)


def read_sim_trace(path: Path) -> SimTrace:
    """Read a trace.

    Args:
        path: an `N-iteration.csv`.

    Raises:
        BadFileError: the file cannot be read, is no trace, or is damaged in its first two rows; the message
            says which line is wrong.
    """
    try:
        if path.stat().st_size > MAX_TRACE_BYTES:
            raise BadFileError(f"The trace {path} is larger than {MAX_TRACE_BYTES >> 20} MiB.")
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = _Lines(path, file.readline())
            for number, line in enumerate(file, start=2):
                if not lines.take(number, line):
                    break
    except OSError as error:
        raise BadFileError(f"The trace {path} cannot be read: {error.strerror or error}.") from error
    if lines.problem and lines.rows < 2:
        raise BadFileError(f"{path}, {lines.problem}.")
    damage = f"{path.name}, {lines.problem}" if lines.problem else None
    tables = {number: _table(episode) for number, episode in lines.episodes.items()}
    return SimTrace(tables, damage, lines.started_s, lines.track_length_m)


def is_sim_trace(path: Path) -> bool:
    """Say whether a file looks like a trace, by its first line: there are other tables in a folder."""
    try:
        with path.open("rb") as file:
            names = _header(file.readline(_MAX_HEADER_BYTES).decode(errors="replace"))
    except OSError:
        return False
    return not _missing(names)


class _Lines:
    """Takes the lines of a trace in one after the other.

    Args:
        path: the file, for the message.
        header: the line with the names of its columns.

    Raises:
        BadFileError: a column is missing.
    """

    def __init__(self, path: Path, header: str) -> None:
        names = _header(header)
        missing = _missing(names)
        if missing:
            raise BadFileError(f"{path} is no SIM_TRACE: it has no column {missing[0]!r}.")
        self._columns = {
            name: names.index(name) for name in (*_NEEDED, _WALL_CLOCK, _LENGTH) if name in names
        }
        self._last: tuple[int, float, float] | None = None
        self.episodes: dict[int, _Episode] = {}
        self.rows = 0
        self.started_s = self.track_length_m = 0.0
        self.problem = ""
        """What is wrong with the line at which reading ended."""

    def take(self, number: int, line: str) -> bool:
        """Take line `number` in; False where it is damaged."""
        if not line.strip():
            return True
        try:
            cells = _cells(line)
            row = {name: cells[at] for name, at in self._columns.items() if at < len(cells)}
            episode, values = _episode(row), _numbers(row)
            self._check_time(episode, values[0])
        except ValueError as error:
            cut_off = not line.endswith("\n")
            self.problem = f"line {number}: {'it is cut off' if cut_off else str(error)[:100]}"
            return False
        if not self.rows:
            self.started_s = _optional(row, _WALL_CLOCK, MAX_TIME_S / 20)
            self.track_length_m = _optional(row, _LENGTH, MAX_VALUE)
        held = self.episodes.setdefault(episode, _Episode())
        held.values.extend(values)
        held.states.append(row["episode_status"][:_MAX_STATE])
        self.rows += 1
        return True

    def _check_time(self, episode: int, time_s: float) -> None:
        """Refuse a row that belongs before the last one, or a day after its episode began."""
        last, began_s = self._last, time_s
        if last is not None and time_s < last[1]:
            raise ValueError("its time is before that of the row above")
        if last is not None and episode == last[0]:
            began_s = last[2]
        elif episode in self.episodes:
            raise ValueError(f"episode {episode} had ended")
        elif len(self.episodes) == MAX_EPISODES:
            raise ValueError(f"a trace holds up to {MAX_EPISODES} episodes")
        if time_s - began_s > MAX_EPISODE_S:
            raise ValueError(f"episode {episode} lasts more than a day")
        self._last = episode, time_s, began_s


def _header(line: str) -> list[str]:
    try:
        return _cells(line.rstrip("\r\n"))
    except ValueError:
        return []


def _missing(names: list[str]) -> list[str]:
    return [name for name in _NEEDED if name not in names]


def _cells(line: str) -> list[str]:
    """Split a line at its commas; ValueError where that cannot be done."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _episode(row: dict[str, str]) -> int:
    number = _number(row, "episode")
    if abs(number) > MAX_TIME_S:
        raise ValueError("'episode' is beyond any that a simulator writes")
    return int(number)


def _numbers(row: dict[str, str]) -> Sequence[float]:
    """Return time, x, y, yaw, steering, speed, progress, action; angles in radians."""
    time_s, x_m, y_m, yaw_deg, steer_deg, speed_mps, progress = (_number(row, name) for name in _NUMBERS)
    if "action" not in row or "episode_status" not in row:
        raise ValueError("its last columns are missing")
    action = float(row["action"]) if re.fullmatch(r"-?\d+(\.0+)?", row["action"]) else -1.0
    values = (x_m, y_m, yaw_deg, steer_deg, speed_mps, progress, action)
    if abs(time_s) > MAX_TIME_S or max(abs(value) for value in values) > MAX_VALUE:
        raise ValueError("a value is beyond any that a simulator writes")
    return time_s, x_m, y_m, math.radians(yaw_deg), math.radians(steer_deg), speed_mps, progress, action


def _number(row: dict[str, str], name: str) -> float:
    try:
        value = float(row[name])
    except KeyError:
        raise ValueError(f"column {name!r} is missing") from None
    except ValueError:
        raise ValueError(f"column {name!r} holds {row[name][:20]!r}, which is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"column {name!r} is not a finite number")
    return value


def _optional(row: dict[str, str], name: str, most: float) -> float:
    """Return a number that not every trace has; 0 where it is missing or makes no sense."""
    try:
        value = _number(row, name)
    except ValueError:
        return 0.0
    return value if 0.0 < value < most else 0.0


def _table(episode: _Episode) -> FrameTable:
    values = np.frombuffer(episode.values, np.float64).reshape(-1, 8)
    time_s, x_m, y_m, yaw_rad, steering_rad, speed_mps, progress, action = values.T
    count = len(values)
    zeros, unknown = np.zeros(count, np.int64), np.full(count, np.nan)
    driven = np.hypot(np.gradient(x_m), np.gradient(y_m)) if count > 1 else unknown
    elapsed = np.gradient(time_s) if count > 1 else unknown
    return FrameTable(
        stamp_ns=np.round(time_s * 1e9).astype(np.int64),
        frame_number=np.arange(count),  # The simulator writes every step.
        probabilities=np.zeros((count, 0), np.float32),
        action=action.astype(np.int64),
        steering_rad=steering_rad,
        speed_mps=speed_mps,
        steering_pwm_ns=zeros,
        motor_pwm_ns=zeros,
        inferred_ns=zeros,
        written_ns=zeros,
        state=np.array(episode.states, dtype=np.str_),
        x_m=x_m,
        y_m=y_m,
        yaw_rad=yaw_rad,
        progress=progress,
        lateral_m=unknown,
        true_speed_mps=np.divide(driven, elapsed, out=unknown.copy(), where=elapsed > 0),
        picture=np.full(count, -1, np.int64),
    )
