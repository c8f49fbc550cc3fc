"""A policy driven in the simulator and measured as a car log would be: laps, straightness, attention.

Every attempt begins at rest on the start line, in surroundings and with a car of its own, and the policy's
most probable action is driven, as on the car, unless another choice is to be compared with it. The first
attempt on each route keeps its pictures, on which the attention is measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from analysis.attention import attention
from analysis.course import make_course
from analysis.run_card import figures_of
from car.action_space import DiscreteActionSpace
from car.errors import Sim2RaceError
from car.frame_table import FrameTable
from car.log_reader import CarLog
from car.policy import Policy
from sim.choice import Choice, Drive
from sim.driving import DrivingBatch
from sim.motion import IN_PROGRESS, LAP_COMPLETE, OFF_TRACK, STATUSES
from sim.simulator import SimConfig
from sim.track import Track

FIGURES = (
    "speed_mps",
    "weave_cm",
    "heading_deg",
    "excess_pct",
    "straight_tv",
    "tv",
    "reversals",
    "margin_cm",
)
"""What is taken of the scorecard's measures, averaged over attempts."""
ATTENTION_PICTURES = 40
"""Pictures of a route that the attention is measured on."""
_COLUMNS = ("x_m", "y_m", "yaw_rad", "steering_rad", "speed_mps", "progress", "lateral_m", "true_speed_mps")


@dataclass(frozen=True, eq=False)
class Attempt:
    """One drive, from the start line to where it ended."""

    track: Track
    """In the direction of driving."""
    status: str
    """How it ended, as in "lap_complete"."""
    seconds: float
    """How long it took."""
    progress: float
    """0 to 100."""
    frames: FrameTable
    """A row per decision."""
    pictures: list[NDArray[np.uint8]]
    """(120, 160) each, of every row; empty unless they were kept."""

    @property
    def complete(self) -> bool:
        """Whether the lap was completed."""
        return self.status == STATUSES[LAP_COMPLETE]


def drive_exam(
    policy: Policy, sim: SimConfig, *, laps: int, seed: int, drive: Drive = "most-probable"
) -> list[Attempt]:
    """Drive `laps` attempts per track and direction, all at once.

    Raises:
        Sim2RaceError: a name in `sim` does not exist, there is nothing to drive, or the policy cannot be
            driven so.
    """
    routes = len(sim.tracks) * len(sim.directions)
    if laps < 1 or routes < 1:
        raise Sim2RaceError(f"Nothing to drive: {laps} laps on {routes} tracks and directions.")
    choice = Choice(policy.action_space, drive, seed=seed)
    batch = DrivingBatch(
        sim,
        n_cars=laps * routes,
        seed=seed,
        action_space=choice.space,
        frames=policy.frames,
        history=policy.history,
    )
    recorders = [_Recorder(batch, car, keep=car < routes) for car in range(batch.n_cars)]
    observations: Any = batch.observations
    by_number = isinstance(choice.space, DiscreteActionSpace)
    actions: Any = np.zeros(batch.n_cars, np.int64) if by_number else np.zeros((batch.n_cars, 2), np.float32)
    while driving := [recorder for recorder in recorders if recorder.attempt is None]:
        outputs = np.stack([_decide(policy, observations, recorder.car) for recorder in driving])
        actions[[recorder.car for recorder in driving]] = choice.actions(outputs)
        commands = batch.commands(actions)
        for recorder, output in zip(driving, outputs, strict=True):
            car = recorder.car
            number = actions[car] if by_number else _nearest_number(policy, output)
            recorder.note(output, number, commands[car], observations)
        observations = batch.step(actions)[0]
        for recorder in driving:
            recorder.end_if_over()
    return [recorder.attempt for recorder in recorders if recorder.attempt is not None]


def exam_figures(policy: Policy, attempts: list[Attempt]) -> list[dict[str, Any]]:
    """Return one row of figures per track and direction, None for what is not known.

    `off_tracks_per_lap` is how often the car left the track over the length driven, in laps.
    """
    routes = dict.fromkeys((one.track.name, one.track.clockwise) for one in attempts)
    return [
        _row(policy, [one for one in attempts if (one.track.name, one.track.clockwise) == route])
        for route in routes
    ]


def _row(policy: Policy, attempts: list[Attempt]) -> dict[str, Any]:
    track = attempts[0].track
    course = make_course(track)
    times = [one.seconds for one in attempts if one.complete]
    figures = [
        figures_of(one.frames, course, {}, laps=math.nan, lap_s=math.nan)
        for one in attempts
        if len(one.frames) > 1
    ]
    driven = sum(one.progress for one in attempts) / 100.0
    off = sum(one.status == STATUSES[OFF_TRACK] for one in attempts)
    means = {name: _mean([one[name] for one in figures]) for name in FIGURES}
    return {
        "track": track.name,
        "direction": "clockwise" if track.clockwise else "counter-clockwise",
        "attempted": len(attempts),
        "completed": len(times),
        "lap_share": len(times) / len(attempts),
        "off_track": off,
        "off_tracks_per_lap": off / max(driven, 0.01),
        "progress": _mean([one.progress for one in attempts]),
        "mean_lap_s": _mean(times),
        "best_lap_s": min(times, default=None),
        **means,
        **_attention(policy, next((one for one in attempts if one.pictures), None)),
    }


def _attention(policy: Policy, attempt: Attempt | None) -> dict[str, float | None]:
    """Return the shares of the heat map, in per cent, that lie off the track and above the horizon."""
    if attempt is None or len(attempt.frames) < 2:
        return {"attention_off_track": None, "attention_above": None}
    rows = np.unique(np.linspace(0, len(attempt.frames) - 1, ATTENTION_PICTURES).astype(np.int64))
    found = attention(policy, cast(CarLog, _DrivenLog(attempt)), rows, make_course(attempt.track)).figures()
    on_track, above = found["attention_track"], found["attention_above"]
    return {"attention_off_track": _known(100.0 - on_track), "attention_above": _known(above)}


class _DrivenLog:
    """As much of a car log as the attention asks for: the table, and the pictures."""

    def __init__(self, attempt: Attempt) -> None:
        self.frames, self.name, self._pictures = attempt.frames, attempt.track.name, attempt.pictures

    def image(self, row: int) -> NDArray[np.uint8]:
        """Return a picture as RGB; its luma is the picture itself."""
        return np.repeat(self._pictures[row][:, :, None], 3, axis=2)


class _Recorder:
    """Notes what one car does until its attempt is over."""

    def __init__(self, batch: DrivingBatch, car: int, *, keep: bool) -> None:
        self.car, self._batch, self._keep = car, batch, keep
        self._rows: list[tuple[float, ...]] = []
        self._outputs: list[NDArray[np.float32]] = []
        self._actions: list[int] = []
        self._pictures: list[NDArray[np.uint8]] = []
        self.attempt: Attempt | None = None

    def note(self, output: Any, action: int, command: NDArray[np.float32], observations: Any) -> None:
        """Note a decision and where it was made."""
        simulator = self._batch.simulator
        state, place = simulator.states[self.car], simulator.places[self.car]
        pose = (state["x_m"], state["y_m"], state["yaw_rad"])
        self._rows.append(
            (*pose, command[0], command[1], place["progress"], place["lateral_m"], state["forward_mps"])
        )
        self._outputs.append(np.asarray(output, np.float32))
        self._actions.append(int(action))
        if self._keep:
            self._pictures.append(_pictures(observations)[self.car, -1].copy())

    def end_if_over(self) -> None:
        """Close the attempt if the step that was just driven ended it."""
        simulator = self._batch.simulator
        place = simulator.places[self.car]
        if int(place["status"]) == IN_PROGRESS:
            return
        self.attempt = Attempt(
            track=simulator.route_of(self.car),
            status=STATUSES[int(place["status"])],
            seconds=float(place["lap_time_s"]),
            progress=float(place["progress"]),
            frames=self._table(simulator.dt_s),
            pictures=self._pictures,
        )

    def _table(self, dt_s: float) -> FrameTable:
        columns = dict(zip(_COLUMNS, np.array(self._rows, np.float64).T, strict=True))
        count = len(self._rows)
        zeros = np.zeros(count, np.int64)
        return FrameTable(
            stamp_ns=np.round(np.arange(count) * dt_s * 1e9).astype(np.int64),
            frame_number=np.arange(count),
            probabilities=np.stack(self._outputs),
            action=np.array(self._actions, np.int64),
            steering_pwm_ns=zeros,
            motor_pwm_ns=zeros,
            inferred_ns=zeros,
            written_ns=zeros,
            state=np.full(count, "driving", dtype=np.str_),
            picture=np.arange(count),
            **columns,
        )


def _nearest_number(policy: Policy, output: NDArray[np.float32]) -> int:
    """Return the action to explain where the driven command has no number; -1 of a continuous policy."""
    return int(output.argmax()) if isinstance(policy.action_space, DiscreteActionSpace) else -1


def _decide(policy: Policy, observations: Any, car: int) -> NDArray[np.float32]:
    if isinstance(observations, dict):
        return policy.act(observations["observation"][car], observations["history"][car])
    return policy.act(observations[car])


def _pictures(observations: Any) -> NDArray[np.uint8]:
    pictures: NDArray[np.uint8] = (
        observations["observation"] if isinstance(observations, dict) else observations
    )
    return pictures


def _mean(values: list[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else None


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
