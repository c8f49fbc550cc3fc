"""Greedy driving, measured: a batch of cars, one lap each, decided as on the car.

The same function judges a network in training and a finished `policy.onnx`. It is given the most probable
action, never a dice, because that is how the car drives, and the two can differ by half of all laps; a
finished policy can be driven otherwise to measure that (`sim.choice`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from car.action_space import ActionSpace
from car.errors import Sim2RaceError
from sim.driving import DrivingBatch, Observations, observations_of
from sim.motion import IN_PROGRESS, LAP_COMPLETE, OFF_TRACK, STATUSES
from sim.simulator import SimConfig, Simulator
from sim.trace import TraceRecorder
from sim.track import Track

Act = Callable[[Observations], npt.NDArray[Any]]
"""From the observations of N cars to numbers of actions (N,), or to values in -1..1 (N, 2)."""

STRAIGHT_CURVATURE_1PM = 0.25
STRAIGHT_LENGTH_M = 1.0
STRAIGHT_TRIM_M = 0.5
"""A straight is at least 1 m with a radius above 4 m; its first and last 0.5 m belong to the corners."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lap:
    """How one attempt at a lap went."""

    track: str
    """Name of the track."""
    direction: str
    """counter-clockwise or clockwise."""
    status: str
    """How it ended, as in "lap_complete" or "off_track"."""
    progress: float
    """0 to 100."""
    seconds: float
    """Time until it ended."""
    lateral_m: float
    """Mean distance from the centre line."""
    weave_m: float | None
    """RMS of the lateral position on straights after a straight-line fit; None if it drove no straight."""
    steering_rad_per_m: float
    """Change of the commanded steering angle per metre driven."""

    @property
    def complete(self) -> bool:
        """Whether the lap was completed."""
        return self.status == STATUSES[LAP_COMPLETE]


@dataclass(frozen=True)
class LapSummary:
    """Laps of one track and direction, or all of them, summed up."""

    track: str
    direction: str
    attempted: int
    completed: int
    off_track: int
    """Attempts that ended off the track."""
    progress: float
    """Mean progress, 0 to 100."""
    mean_lap_s: float | None
    """Mean time of the completed laps, None without one."""
    best_lap_s: float | None
    lateral_m: float
    """Mean distance from the centre line."""
    weave_m: float | None
    """Mean weave on straights, None if no straight was driven."""
    steering_deg_per_m: float
    """Change of the commanded steering angle per metre driven."""

    @property
    def lap_share(self) -> float:
        """Completed of attempted laps, 0 to 1."""
        return self.completed / self.attempted


@dataclass(frozen=True)
class Evaluation:
    """All attempted laps of one evaluation."""

    laps: tuple[Lap, ...]

    @property
    def rows(self) -> list[LapSummary]:
        """One summary per track and direction, in the order of driving."""
        groups = dict.fromkeys((lap.track, lap.direction) for lap in self.laps)
        return [
            _summarize(
                track,
                direction,
                [lap for lap in self.laps if (lap.track, lap.direction) == (track, direction)],
            )
            for track, direction in groups
        ]

    @property
    def total(self) -> LapSummary:
        """All laps together."""
        return _summarize("all", "all", self.laps)

    @property
    def worst_lap_share(self) -> float:
        """Lap share of the track and direction that went worst."""
        return min(row.lap_share for row in self.rows)

    @property
    def merit(self) -> tuple[float, float]:
        """Larger is better: laps first, then progress. Not speed: fast by chance is not yet reliable."""
        total = self.total
        return (total.lap_share, round(total.progress, 1))

    def to_data(self) -> dict[str, Any]:
        """Return summaries and single laps as JSON-able data."""
        return {
            "total": asdict(self.total),
            "rows": [asdict(row) for row in self.rows],
            "laps": [asdict(lap) for lap in self.laps],
        }


def evaluate(
    act: Act,
    sim: SimConfig,
    *,
    action_space: ActionSpace,
    frames: int,
    laps: int,
    seed: int,
    history: int = 0,
    truth: bool = False,
    starts: Literal["line", "round-robin"] = "line",
    trace: Path | None = None,
) -> Evaluation:
    """Drive `laps` attempts per track and direction, all at once, each in surroundings of its own.

    Args:
        act: decides; called with the observations of the cars that still drive.
        sim: tracks, directions, noise and vehicle; every car starts at rest.
        action_space: what the actions mean.
        frames: pictures stacked in an observation; 0 for a driver that goes by the ground truth.
        laps: attempts per track and direction.
        seed: of everything random.
        history: last commands in an observation.
        truth: whether the ground truth is part of an observation.
        starts: all on the start line, or spread evenly around the track.
        trace: folder to write every step to, see `sim.trace`.

    Raises:
        Sim2RaceError: a name in `sim` does not exist, there is nothing to drive, or a file cannot be written.
    """
    routes = len(sim.tracks) * len(sim.directions)
    if laps < 1 or routes < 1:
        raise Sim2RaceError(f"Nothing to evaluate: {laps} laps on {routes} tracks and directions.")
    batch = DrivingBatch(
        replace(sim, start="line"),
        n_cars=laps * routes,
        seed=seed,
        action_space=action_space,
        frames=frames,
        history=history,
        truth=truth,
    )
    simulator = batch.simulator
    if starts == "round-robin":
        _spread(simulator, laps, routes)
        batch.look_afresh()
    tracer = TraceRecorder(simulator) if trace is not None else None
    recorder = _drive_to_the_end(batch, act, tracer)
    if tracer is not None and trace is not None:
        tracer.write(trace)
    return Evaluation(tuple(recorder.lap(car) for car in range(simulator.n_cars)))


def _drive_to_the_end(batch: DrivingBatch, act: Act, tracer: TraceRecorder | None) -> _Recorder:
    """Drive every car until its attempt is over, and return what was recorded."""
    simulator = batch.simulator
    recorder = _Recorder(simulator)
    active = np.arange(simulator.n_cars)
    commands = np.zeros((simulator.n_cars, 2), np.float32)
    while len(active):
        actions = act(observations_of(batch.observations, active))
        commands[active] = batch.commands(actions)
        batch.drive(commands)
        if tracer is not None:
            tracer.record(active, actions)
        recorder.record(active, commands)
        finished = simulator.places["status"][active] != IN_PROGRESS
        commands[active[finished]] = 0.0
        active = active[~finished]
        batch.observe(active)
    return recorder


class _Recorder:
    """Keeps what the measures need of every car, until its lap ends."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._straights = [straights(route) for route in simulator.routes]
        steps = int(simulator.config.max_episode_s * simulator.config.control_rate_hz) + 2
        self._arc_m = np.full((steps, simulator.n_cars), np.nan)
        self._lateral_m = np.full((steps, simulator.n_cars), np.nan)
        self._steering_change_rad = np.zeros(simulator.n_cars)
        self._ends = simulator.places.copy()
        self._steps = 0

    def record(self, active: npt.NDArray[np.int64], commands: npt.NDArray[np.float32]) -> None:
        """Note the step that the active cars have just driven."""
        places = self._simulator.places
        self._arc_m[self._steps, active] = places["arc_length_m"][active]
        self._lateral_m[self._steps, active] = places["lateral_m"][active]
        self._steering_change_rad[active] += places["steering_change_rad"][active]
        self._ends[active] = places[active]
        self._steps += 1

    def lap(self, car: int) -> Lap:
        """Return how a car's attempt went."""
        end = self._ends[car]
        driven = slice(0, int(end["steps"]))
        route = self._simulator.route_of(car)
        lateral_m = self._lateral_m[driven, car]
        stretches = self._straights[int(end["route"])]
        return Lap(
            track=route.name,
            direction="clockwise" if route.clockwise else "counter-clockwise",
            status=STATUSES[int(end["status"])],
            progress=float(end["progress"]),
            seconds=float(end["lap_time_s"]),
            lateral_m=float(np.abs(lateral_m).mean()),
            weave_m=weave(self._arc_m[driven, car], lateral_m, stretches),
            steering_rad_per_m=float(self._steering_change_rad[car] / max(float(end["travelled_m"]), 0.1)),
        )


def straights(track: Track) -> list[tuple[float, float]]:
    """Return the trimmed straights of a track as (first, last) arc length; none crosses its start."""
    gentle = np.abs(track.curvature_1pm) < STRAIGHT_CURVATURE_1PM
    edges = np.flatnonzero(np.diff(np.concatenate([[False], gentle, [False]]).astype(np.int8)))
    spans = edges.reshape(-1, 2) * track.spacing_m
    longest = spans[:, 1] - spans[:, 0] >= max(STRAIGHT_LENGTH_M, 2 * STRAIGHT_TRIM_M + 0.1)
    return [(first + STRAIGHT_TRIM_M, last - STRAIGHT_TRIM_M) for first, last in spans[longest].tolist()]


def weave(arc_m: Array, lateral_m: Array, stretches: Sequence[tuple[float, float]]) -> float | None:
    """Return the RMS of the lateral position on straights after a straight-line fit; None without samples.

    Args:
        arc_m: (T,) place along the centre line.
        lateral_m: (T,) distance from it.
        stretches: straights as (first, last) arc length.
    """
    residuals = []
    for first, last in stretches:
        on_it = (arc_m >= first) & (arc_m <= last)
        if on_it.sum() >= 4:
            line = np.polyfit(arc_m[on_it], lateral_m[on_it], 1)
            residuals.append(lateral_m[on_it] - np.polyval(line, arc_m[on_it]))
    return float(np.sqrt(np.mean(np.concatenate(residuals) ** 2))) if residuals else None


def _spread(simulator: Simulator, laps: int, routes: int) -> None:
    """Put the cars of each route at even distances around it."""
    for car in range(simulator.n_cars):
        route = simulator.route_of(car)
        x_m, y_m, yaw_rad = route.pose_at(route.length_m * (car // routes) / laps, 0.0)
        simulator.set_pose(car, x_m, y_m, yaw_rad)


def _summarize(track: str, direction: str, laps: Sequence[Lap]) -> LapSummary:
    """Sum up some laps."""
    times = [lap.seconds for lap in laps if lap.complete]
    weaves = [lap.weave_m for lap in laps if lap.weave_m is not None]
    return LapSummary(
        track=track,
        direction=direction,
        attempted=len(laps),
        completed=len(times),
        off_track=sum(lap.status == STATUSES[OFF_TRACK] for lap in laps),
        progress=float(np.mean([lap.progress for lap in laps])),
        mean_lap_s=float(np.mean(times)) if times else None,
        best_lap_s=min(times, default=None),
        lateral_m=float(np.mean([lap.lateral_m for lap in laps])),
        weave_m=float(np.mean(weaves)) if weaves else None,
        steering_deg_per_m=float(np.degrees(np.mean([lap.steering_rad_per_m for lap in laps]))),
    )
