"""SIM_TRACE: what the reference simulator writes about every step, column for column.

A row holds a car's pose with the reward and the status that it earned by getting there, and the command
that acts from there on. So an episode's first row, "prepare", is the start with the first command, and its
last repeats the command before. (The reference adds a second row at the start, because its first command
is never driven.)
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import time
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from car.files import write_atomically
from sim.motion import IN_PROGRESS, STATUSES
from sim.race import PAUSE, Race
from sim.race_metrics import FAILURES, Trial, evaluation_metrics, training_metrics
from sim.reward_params import COMMAND_DIGITS
from sim.simulator import Simulator


@dataclass(frozen=True)
class TraceRow:
    """One row; the names, in lower case where the reference's are not, and the order are the columns'."""

    episode: int
    steps: float
    x: float
    y: float
    yaw: float
    """Degrees."""
    steer: float
    """Degrees, + left."""
    throttle: float
    """Commanded m/s."""
    action: str
    """Number of a discrete action, or "[steering speed]" in degrees and m/s."""
    reward: float
    done: bool
    all_wheels_on_track: bool
    progress: float
    closest_waypoint: int
    track_len: float
    tstamp: float
    """Simulated seconds."""
    episode_status: str
    pause_duration: float
    obstacle_crash_counter: int
    wall_clock: float
    """Seconds since 1970."""

    def log_line(self) -> str:
        """Return the row as the line that the reference prints to its log."""
        values = tuple(getattr(self, field.name) for field in fields(self))
        form = "%d,%d,%.4f,%.4f,%.4f,%.2f,%.2f,%s,%.4f,%s,%s,%.4f,%d,%.2f,%s,%s,%.2f,%d,%.4f"
        return f"SIM_TRACE_LOG:{form % values}"


COLUMNS = tuple({"x": "X", "y": "Y"}.get(field.name, field.name) for field in fields(TraceRow))
"""The header of a trace."""


def trace_csv(rows: list[TraceRow]) -> str:
    """Return rows as the content of a trace file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, field.name) for field in fields(row)] for row in rows)
    return text.getvalue()


@dataclass
class _Drive:
    """What a car has driven since it was put down; reward to trial are about its present pose."""

    car: int
    begun: int
    """Steps recorded before it began: drives are written in the order of their beginnings."""
    begun_s: float
    """The car's clock at its start."""
    rows: list[TraceRow] = field(default_factory=list)
    reward: float = 0.0
    status: str = "prepare"
    pause_s: float = 0.0
    trial: int = 0
    trials_ended: int = 0


class TraceRecorder:
    """Follows the cars of a batch and writes their episodes as traces and metrics.

    It loops over cars in Python, which suits evaluations and short trainings.

    Args:
        simulator: cars at their starts.
        race: the race that they drive, if they do; then a lap of it counts as an episode.
    """

    def __init__(self, simulator: Simulator, race: Race | None = None) -> None:
        self._simulator, self._race = simulator, race
        self._params = simulator.reward_params()
        self._drives: dict[int, _Drive] = {}
        self._done: list[list[_Drive]] = [[] for _ in simulator.routes]
        self._episodes: list[list[Trial]] = [[] for _ in simulator.routes]
        self._steps = 0

    def record(self, cars: npt.NDArray[np.int64], actions: npt.NDArray[Any]) -> None:
        """Note the step that some cars have just driven.

        Args:
            cars: their numbers, (M,); those whose episode had ended before are passed over.
            actions: what they did, (M,) numbers of actions or (M, 2) values in -1..1.
        """
        wall_clock, places = time.time(), self._simulator.places
        for car, action in zip(cars.tolist(), actions, strict=True):
            if places["steps"][car] == 1:
                self._drives[car] = _Drive(car, self._steps, float(self._params.before["time_s"][car]))
            drive = self._drives.get(car)
            if drive is None:
                continue
            drive.rows.append(self._row(drive, self._params.before[car], action, wall_clock))
            if self._follow(drive):
                last = self._row(drive, self._params.rows[car], action, wall_clock)
                drive.rows.append(replace(last, done=True))
                self._done[int(places["route"][car])].append(drive)
                del self._drives[car]
        self._steps += 1

    def write(
        self, folder: Path, *, phase: Literal["evaluation", "training"] = "evaluation", iteration: int = 0
    ) -> list[Path]:
        """Write the episodes that have ended since the last call, and the metrics of all of them.

        Every track and direction has a folder, laid out as people's tools expect: `metrics.json` and
        `<phase>-simtrace/<iteration>-iteration.csv`. Cars that drove side by side are written one after
        the other, on one clock.

        Returns:
            The trace files.
        """
        metrics = evaluation_metrics if phase == "evaluation" else training_metrics
        paths = []
        for route, drives in enumerate(self._done):
            if not drives:
                continue
            track = self._simulator.routes[route]
            way = "clockwise" if track.clockwise else "counter-clockwise"
            home = folder / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', track.name)}-{way}"
            rows = [row for drive in sorted(drives, key=_order) for row in self._laid_out(route, drive)]
            path = home / f"{phase}-simtrace" / f"{iteration}-iteration.csv"
            write_atomically(path, trace_csv(rows))
            content = json.dumps(metrics(self._episodes[route]), indent=2)
            write_atomically(home / "metrics.json", content + "\n")
            paths.append(path)
            drives.clear()
        return paths

    def _laid_out(self, route: int, drive: _Drive) -> list[TraceRow]:
        """Return a drive's rows numbered and timed after those before it, and count its episodes."""
        before = self._episodes[route]
        first, clock_s = len(before), before[-1].end_s if before else 0.0
        end = drive.rows[-1]
        if self._race is None:
            failures = {end.episode_status: 1} if end.episode_status in FAILURES else {}
            reward = sum(row.reward for row in drive.rows)
            trials = [Trial(end.episode_status, end.progress, 0.0, end.tstamp, reward, failures)]
        else:
            trials = self._race.trials[drive.car]
        before.extend(
            replace(trial, start_s=clock_s + trial.start_s, end_s=clock_s + trial.end_s) for trial in trials
        )
        return [
            replace(row, episode=first + row.episode, tstamp=round(clock_s + row.tstamp, 6))
            for row in drive.rows
        ]

    def _follow(self, drive: _Drive) -> bool:
        """Take over what a step has come to; return whether it was a drive's last."""
        car = drive.car
        drive.reward = float(self._simulator.rewards[car])
        if self._race is None:
            status = int(self._simulator.places["status"][car])
            drive.status = STATUSES[status]
            return status != IN_PROGRESS
        drive.status, drive.pause_s = self._race.statuses[car], float(self._race.waits_s[car])
        if drive.status == PAUSE:
            drive.reward = 0.0
        # The pose that has just ended a trial still belongs to it.
        drive.trial, drive.trials_ended = drive.trials_ended, len(self._race.trials[car])
        return bool(self._race.finished[car])

    def _row(self, drive: _Drive, pose: np.void, action: Any, wall_clock: float) -> TraceRow:
        """Return a row: a car's pose, what it earned, and the command that acts from there."""
        command, route = self._params.rows[drive.car], int(self._simulator.places["route"][drive.car])
        x, y, projection = float(pose["x_m"]), float(pose["y_m"]), float(pose["projection_m"])
        steering_deg = round(math.degrees(command["steering_rad"]), COMMAND_DIGITS)
        speed = round(float(command["speed_mps"]), COMMAND_DIGITS)
        return TraceRow(
            episode=drive.trial,
            steps=float(pose["steps"]),
            x=x,
            y=y,
            yaw=math.degrees(pose["heading_rad"]),
            steer=steering_deg,
            throttle=speed,
            action=f"[{steering_deg:.4f} {speed:.4f}]" if np.ndim(action) else str(int(action)),
            reward=drive.reward,
            done=False,
            all_wheels_on_track=bool(pose["wheels_on_track"] == 4),
            progress=float(pose["progress"]),
            closest_waypoint=self._params.waypoints[route].nearest(projection, x, y),
            track_len=self._simulator.routes[route].length_m,
            tstamp=float(pose["time_s"]) - drive.begun_s,
            episode_status=drive.status,
            pause_duration=drive.pause_s,
            obstacle_crash_counter=0,
            wall_clock=wall_clock,
        )


def _order(drive: _Drive) -> tuple[int, int]:
    return drive.begun, drive.car
