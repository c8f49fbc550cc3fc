"""Episodes of a policy in the simulator: actions in, observations and rewards out, for a batch of cars.

The Gymnasium environments, the stable-baselines3 adapter and the evaluation are thin shells over this.
"""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from car.action_space import ActionSpace, DiscreteActionSpace, default_action_space
from car.errors import Sim2RaceError
from car.preprocess import HEIGHT, WIDTH
from sim.motion import IN_PROGRESS, LAP_COMPLETE, STATUSES, TIME_UP
from sim.simulator import SimConfig, Simulator
from sim.trace import TraceRecorder

LOOK_AHEAD_M = (0.5, 1.0)
"""Where the ground truth tells the road's curvature ahead."""
SLIP_FROM_MPS = 0.1
"""Speed below which the direction of motion says nothing about slip."""


class DrivingBatch:
    """A batch of cars driven by actions.

    Args:
        config: what is simulated.
        n_cars: size of the batch.
        seed: seed of everything random.
        action_space: what actions mean; the default chevron if not given.
        frames: pictures stacked in an observation, oldest first; a new episode repeats its first.

    Attributes:
        simulator: the world.
        observations: uint8 (N, frames, 120, 160), the current ones; replaced, never written to, by `step`.
        recorder: follows every step if there is one; see `sim.trace`.
    """

    def __init__(
        self,
        config: SimConfig,
        *,
        n_cars: int,
        seed: int,
        action_space: ActionSpace | None = None,
        frames: int = 1,
    ) -> None:
        if frames < 1:
            raise Sim2RaceError(f"An observation needs at least one frame, not {frames}.")
        self.simulator = Simulator(config, n_cars=n_cars, seed=seed)
        self.actions = action_space if action_space is not None else default_action_space()
        self.frames = frames
        self.observation_space = gymnasium.spaces.Box(0, 255, (frames, HEIGHT, WIDTH), np.uint8)
        self.action_space: gymnasium.spaces.Space[Any] = (
            gymnasium.spaces.Discrete(self.actions.size)
            if isinstance(self.actions, DiscreteActionSpace)
            else gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        )
        self.recorder: TraceRecorder | None = None
        self._returns = np.zeros(n_cars, np.float64)
        self._actions = np.zeros(n_cars, np.int64)
        self.observations = self._first_look(np.arange(n_cars))

    @property
    def n_cars(self) -> int:
        """Size of the batch."""
        return self.simulator.n_cars

    def reset(self, seed: int | None = None) -> npt.NDArray[np.uint8]:
        """Begin new episodes for all cars, from a seed if one is given."""
        if seed is not None:
            self.simulator.reseed(seed)
        self.simulator.reset()
        self._returns[:] = 0.0
        self.observations = self._first_look(np.arange(self.n_cars))
        return self.observations

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Drive one control period; finished cars stay where they ended until `restart`.

        Args:
            actions: (N,) numbers of discrete actions, or (N, 2) in -1..1.

        Returns:
            Observations, rewards, terminated (left the track or stuck) and truncated (lap complete or
            time up: the road went on, so a learner bootstraps).
        """
        self.simulator.step(self.commands(actions))
        if self.recorder is not None:
            self.recorder.record(np.arange(self.n_cars), np.asarray(actions))
        self.observe()
        rewards = self.simulator.rewards.copy()
        self._returns += rewards
        status = self.simulator.places["status"]
        truncated = (status == LAP_COMPLETE) | (status == TIME_UP)
        return self.observations, rewards, (status != IN_PROGRESS) & ~truncated, truncated

    def observe(self) -> npt.NDArray[np.uint8]:
        """Take a picture with every camera into the observations, and return them."""
        pictures = self.simulator.look()[:, None]
        lost = self.simulator.lost
        pictures[lost] = self.observations[lost, -1:]
        share = self.simulator.config.frame_averaging
        if share > 0.0:
            both = pictures * (1.0 - share) + self.observations[:, -1:] * share
            pictures = np.round(both).astype(np.uint8)
        self.observations = (
            pictures if self.frames == 1 else np.concatenate([self.observations[:, 1:], pictures], axis=1)
        )
        return self.observations

    def commands(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the commands that actions stand for, (N, 2): steering in rad, speed in m/s."""
        if isinstance(self.actions, DiscreteActionSpace):
            return self.actions.table()[np.asarray(actions, np.int64)]
        return self.actions.scale(np.asarray(actions, np.float32))

    def restart(self, cars: npt.NDArray[np.int64]) -> None:
        """Begin new episodes for some cars; their observations become the first of the new ones."""
        if not len(cars):
            return
        self.simulator.reset(cars)
        self._returns[cars] = 0.0
        self.observations = self.observations.copy()
        self.observations[cars] = self._first_look(cars)

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
            "lap_time_s": float(place["elapsed_s"]) if lap else float("nan"),
            "track": self.simulator.route_of(car).name,
            "clockwise": self.simulator.route_of(car).clockwise,
        }

    def info(self, car: int) -> dict[str, Any]:
        """Return a car's ground truth; `curvature_ahead_1pm` is (2,), half a metre and a metre ahead."""
        place, state = self.simulator.places[car], self.simulator.states[car]
        return {
            "progress": float(place["progress"]),
            "lap_time_s": float(place["elapsed_s"]),
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

    def _curvature_ahead(self, car: int) -> npt.NDArray[np.float64]:
        """Return the centre line's curvature at `LOOK_AHEAD_M` from a car, + turns left."""
        route = self.simulator.route_of(car)
        ahead = np.round(np.array(LOOK_AHEAD_M) / route.spacing_m).astype(np.int64)
        sample = int(self.simulator.places["sample"][car])
        curvature: npt.NDArray[np.float64] = route.curvature_1pm[(sample + ahead) % len(route.curvature_1pm)]
        return curvature

    def _first_look(self, cars: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        return np.repeat(self.simulator.look(cars)[:, None], self.frames, axis=1)
