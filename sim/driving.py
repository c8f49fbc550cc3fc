"""Episodes of a policy in the simulator: actions in, observations and rewards out, for a batch of cars.

The Gymnasium environments, the stable-baselines3 adapter and the evaluation are thin shells over this.
"""

from __future__ import annotations

import math
import time
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from car.action_space import ActionSpace, DiscreteActionSpace, default_action_space
from car.errors import Sim2RaceError
from car.preprocess import HEIGHT, WIDTH
from sim.ground_truth import CAR_RATE_HZ, TRUTH_SIZE
from sim.motion import IN_PROGRESS, LAP_COMPLETE, STATUSES, TIME_UP
from sim.simulator import SimConfig, Simulator
from sim.trace import TraceRecorder

OBSERVATION_KEY = "observation"
"""Pictures in an observation of several parts, and the input of `policy.onnx`."""
HISTORY_KEY = "history"
"""The last commands in an observation of several parts, and the input of `policy.onnx`."""
TRUTH_KEY = "truth"
"""The ground truth in an observation of several parts: for critics and teachers, never exported."""

Observations = Any
"""Pictures alone, uint8 (N, K, 120, 160), or a dict of several parts by their keys."""

LOOK_AHEAD_M = (0.5, 1.0)
"""Where the ground truth tells the road's curvature ahead."""
SLIP_FROM_MPS = 0.1
"""Speed below which the direction of motion says nothing about slip."""
_STATUS_NAMES = np.array(STATUSES, dtype=object)


class DrivingBatch:
    """A batch of cars driven by actions.

    Args:
        config: what is simulated.
        n_cars: size of the batch.
        seed: seed of everything random.
        action_space: what actions mean; the default chevron if not given.
        frames: pictures stacked in an observation, oldest first; a new episode repeats its first. None are
            taken with 0.
        history: last commands in an observation, newest last; a new episode begins with zeros.
        truth: whether the ground truth is part of an observation.

    Attributes:
        simulator: the world.
        pictures: uint8 (N, frames, 120, 160), the current ones; replaced, never written to, by `step`.
        history: float32 (N, history, 2), the last commands: steering in rad, speed in m/s; likewise.
        recorder: follows every step if there is one; see `sim.trace`.
        seconds: wall clock spent so far on "physics" and "camera".
    """

    def __init__(
        self,
        config: SimConfig,
        *,
        n_cars: int,
        seed: int,
        action_space: ActionSpace | None = None,
        frames: int = 1,
        history: int = 0,
        truth: bool = False,
    ) -> None:
        if frames < 0 or (frames == 0 and not truth):
            raise Sim2RaceError(f"An observation needs at least one frame, not {frames}.")
        if history < 0:
            raise Sim2RaceError(f"An observation holds 0 or more last commands, not {history}.")
        self.simulator = Simulator(config, n_cars=n_cars, seed=seed)
        self.actions = action_space if action_space is not None else default_action_space()
        if isinstance(self.actions, DiscreteActionSpace):
            self._action_table = self.actions.table()
        self.frames, self._truth = frames, truth
        self.history: npt.NDArray[np.float32] = np.zeros((n_cars, history, 2), np.float32)
        self.observation_space = _observation_space(frames, history, truth=truth)
        self.action_space: gymnasium.spaces.Space[Any] = (
            gymnasium.spaces.Discrete(self.actions.size)
            if isinstance(self.actions, DiscreteActionSpace)
            else gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        )
        self.recorder: TraceRecorder | None = None
        self.seconds = {"physics": 0.0, "camera": 0.0}
        self._returns = np.zeros(n_cars, np.float64)
        self._actions = np.zeros(n_cars, np.int64)
        self.pictures = self._first_look(np.arange(n_cars))

    @property
    def n_cars(self) -> int:
        """Size of the batch."""
        return self.simulator.n_cars

    @property
    def observations(self) -> Observations:
        """What every car's policy gets to see now: the pictures, or a part for each key of the space."""
        if isinstance(self.observation_space, gymnasium.spaces.Box):
            return self.pictures
        parts: dict[str, npt.NDArray[Any]] = {}
        if self.frames:
            parts[OBSERVATION_KEY] = self.pictures
        if self.history.shape[1]:
            parts[HISTORY_KEY] = self.history
        if self._truth:
            parts[TRUTH_KEY] = self.simulator.truth()
        return parts

    def reset(self, seed: int | None = None) -> Observations:
        """Begin new episodes for all cars, from a seed if one is given."""
        if seed is not None:
            self.simulator.reseed(seed)
        self.simulator.reset()
        self._returns[:] = 0.0
        self.history = np.zeros_like(self.history)
        self.pictures = self._first_look(np.arange(self.n_cars))
        return self.observations

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Observations, npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Drive one control period; finished cars stay where they ended until `restart`.

        Args:
            actions: (N,) numbers of discrete actions, or (N, 2) in -1..1.

        Returns:
            Observations, rewards, terminated (left the track or stuck) and truncated (lap complete or
            time up: the road went on, so a learner bootstraps).
        """
        self.drive(self.commands(actions))
        if self.recorder is not None:
            self.recorder.record(np.arange(self.n_cars), np.asarray(actions))
        observations = self.observe()
        rewards = self.simulator.rewards.copy()
        self._returns += rewards
        status = self.simulator.places["status"]
        truncated = (status == LAP_COMPLETE) | (status == TIME_UP)
        return observations, rewards, (status != IN_PROGRESS) & ~truncated, truncated

    def drive(self, commands: npt.NDArray[np.float32]) -> None:
        """Advance every car by one control period, without looking; see `Simulator.step`."""
        began_s = time.perf_counter()
        self.simulator.step(commands)
        self.seconds["physics"] += time.perf_counter() - began_s
        self.remember(commands)

    def remember(self, commands: npt.NDArray[np.float32]) -> None:
        """Take the commands (N, 2) that have just been driven into the history."""
        kept = self.history.shape[1]
        if kept:
            # A decision that lasts three of the car's frames is one that the car would have made three times.
            times = min(kept, max(1, round(CAR_RATE_HZ / self.simulator.config.control_rate_hz)))
            newest = np.repeat(commands[:, None], times, axis=1)
            self.history = np.concatenate([self.history[:, times:], newest], axis=1)

    def observe(self, cars: npt.NDArray[np.int64] | None = None) -> Observations:
        """Take a picture with every camera, or those of some cars, into the observations, and return them."""
        if not self.frames:
            return self.observations
        chosen = np.arange(self.n_cars) if cars is None else cars
        began_s = time.perf_counter()
        pictures = self.simulator.look(chosen)[:, None]
        self.seconds["camera"] += time.perf_counter() - began_s
        if self.simulator.lost.any():
            lost = np.flatnonzero(self.simulator.lost[chosen])
            pictures[lost] = self.pictures[chosen[lost], -1:]
        share = self.simulator.config.frame_averaging
        if share > 0.0:
            both = pictures * (1.0 - share) + self.pictures[chosen, -1:] * share
            pictures = np.round(both).astype(np.uint8)
        if self.frames > 1:
            pictures = np.concatenate([self.pictures[chosen, 1:], pictures], axis=1)
        if cars is not None:
            pictures, some = self.pictures.copy(), pictures
            pictures[cars] = some
        self.pictures = pictures
        return self.observations

    def look_afresh(self) -> None:
        """Take the pictures of cars that were put somewhere else, as at the beginning of an episode."""
        self.pictures = self._first_look(np.arange(self.n_cars))

    def commands(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the commands that actions stand for, (N, 2): steering in rad, speed in m/s."""
        if isinstance(self.actions, DiscreteActionSpace):
            return self._action_table[np.asarray(actions, np.int64)]
        return self.actions.scale(np.asarray(actions, np.float32))

    def restart(self, cars: npt.NDArray[np.int64]) -> None:
        """Begin new episodes for some cars; their observations become the first of the new ones."""
        if not len(cars):
            return
        self.simulator.reset(cars)
        self._returns[cars] = 0.0
        self.history = self.history.copy()
        self.history[cars] = 0.0
        self.pictures = self.pictures.copy()
        self.pictures[cars] = self._first_look(cars)

    def episode(self, car: int) -> dict[str, Any]:
        """Return the course of a car's episode so far: return, length, progress, lap, status, lap time."""
        place = self.simulator.places[car]
        lap = bool(place["status"] == LAP_COMPLETE)
        return {
            "r": float(self._returns[car]),
            "l": int(place["steps"]),
            "progress": float(place["progress"]),
            "lap": lap,
            "status": STATUSES[int(place["status"])],
            "lap_time_s": float(place["lap_time_s"]) if lap else float("nan"),
            "track": self.simulator.route_of(car).name,
            "clockwise": self.simulator.route_of(car).clockwise,
        }

    def info(self, car: int) -> dict[str, Any]:
        """Return a car's ground truth; `curvature_ahead_1pm` is (2,), half a metre and a metre ahead."""
        place, state = self.simulator.places[car], self.simulator.states[car]
        return {
            "progress": float(place["progress"]),
            "lap_time_s": float(place["lap_time_s"]),
            "episode_status": STATUSES[int(place["status"])],
            "lateral_m": float(place["lateral_m"]),
            "arc_length_m": float(place["arc_length_m"]),
            "heading_error_rad": float(place["heading_error_rad"]),
            "curvature_1pm": float(place["curvature_1pm"]),
            "curvature_ahead_1pm": self._curvature_ahead(car),
            "speed_mps": float(state["forward_mps"]),
            "slip_angle_rad": math.atan2(state["lateral_mps"], max(state["forward_mps"], SLIP_FROM_MPS)),
            "yaw_rate_radps": float(state["yaw_rate_radps"]),
            "x_m": float(state["x_m"]),
            "y_m": float(state["y_m"]),
            "yaw_rad": float(state["yaw_rad"]),
        }

    def infos(self) -> dict[str, npt.NDArray[Any]]:
        """Return the ground truth of every car, arrays (N, ...) by the names of `info`, the caller's own."""
        places, states = self.simulator.places, self.simulator.states
        return {
            "progress": places["progress"].copy(),
            "lap_time_s": places["lap_time_s"].copy(),
            "episode_status": _STATUS_NAMES[places["status"]],
            "lateral_m": places["lateral_m"].copy(),
            "arc_length_m": places["arc_length_m"].copy(),
            "heading_error_rad": places["heading_error_rad"].copy(),
            "curvature_1pm": places["curvature_1pm"].copy(),
            "curvature_ahead_1pm": self.simulator.curvature_ahead(LOOK_AHEAD_M),
            "speed_mps": states["forward_mps"].copy(),
            "slip_angle_rad": np.arctan2(
                states["lateral_mps"], np.maximum(states["forward_mps"], SLIP_FROM_MPS)
            ),
            "yaw_rate_radps": states["yaw_rate_radps"].copy(),
            "x_m": states["x_m"].copy(),
            "y_m": states["y_m"].copy(),
            "yaw_rad": states["yaw_rad"].copy(),
        }

    def _curvature_ahead(self, car: int) -> npt.NDArray[np.float64]:
        """Return the centre line's curvature at `LOOK_AHEAD_M` from a car, + turns left."""
        route = self.simulator.route_of(car)
        ahead = np.round(np.array(LOOK_AHEAD_M) / route.spacing_m).astype(np.int64)
        sample = int(self.simulator.places["sample"][car])
        curvature: npt.NDArray[np.float64] = route.curvature_1pm[(sample + ahead) % len(route.curvature_1pm)]
        return curvature

    def _first_look(self, cars: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        if not self.frames:
            return np.zeros((len(cars), 0, HEIGHT, WIDTH), np.uint8)
        return np.repeat(self.simulator.look(cars)[:, None], self.frames, axis=1)


def observations_of(observations: Observations, cars: Any) -> Observations:
    """Return the observations of some cars, or of one by its number, part by part."""
    if isinstance(observations, dict):
        return {key: part[cars] for key, part in observations.items()}
    return observations[cars]


def _observation_space(frames: int, history: int, *, truth: bool) -> gymnasium.spaces.Space[Any]:
    """Return a Box of pictures, or a Dict where there is more, or no picture."""
    pictures = gymnasium.spaces.Box(0, 255, (frames, HEIGHT, WIDTH), np.uint8)
    if frames and not history and not truth:
        return pictures
    parts: dict[str, gymnasium.spaces.Space[Any]] = {}
    if frames:
        parts[OBSERVATION_KEY] = pictures
    if history:
        parts[HISTORY_KEY] = gymnasium.spaces.Box(-np.inf, np.inf, (history, 2), np.float32)
    if truth:
        parts[TRUTH_KEY] = gymnasium.spaces.Box(-np.inf, np.inf, (TRUTH_SIZE,), np.float32)
    return gymnasium.spaces.Dict(parts)
