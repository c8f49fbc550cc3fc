"""The simulator as a stable-baselines3 `VecEnv`: one process, no copies, episodes summed up in `infos`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from car.action_space import ActionSpace
from sim.driving import DrivingBatch, observations_of
from sim.simulator import SimConfig


class SimVecEnv(VecEnv):
    """A batch of cars for stable-baselines3.

    At the end of an episode `infos[i]` holds `terminal_observation`, `TimeLimit.truncated` (true after a
    complete lap or when the time is up, so that the value function bootstraps) and `episode`: `r`, `l`,
    `progress`, `lap`, `status`, `lap_time_s`, `track`, `clockwise`.

    Args:
        config: what is simulated.
        n_envs: number of cars.
        seed: seed of everything random.
        action_space: what actions mean.
        frames: pictures stacked in an observation; 0 for none.
        history: last commands in an observation.
        truth: whether the ground truth is part of an observation.
    """

    def __init__(
        self,
        config: SimConfig,
        n_envs: int,
        seed: int,
        *,
        action_space: ActionSpace | None = None,
        frames: int = 1,
        history: int = 0,
        truth: bool = False,
    ) -> None:
        self.batch = DrivingBatch(
            config,
            n_cars=n_envs,
            seed=seed,
            action_space=action_space,
            frames=frames,
            history=history,
            truth=truth,
        )
        self.render_mode = "rgb_array"
        self._pending: Any = None
        super().__init__(n_envs, self.batch.observation_space, self.batch.action_space)

    def reset(self) -> Any:
        """Begin new episodes for all cars, from the seed given to `seed` if any."""
        seed = self._seeds[0]
        self._reset_seeds()
        return self.batch.reset(seed)

    def step_async(self, actions: Any) -> None:
        """Keep the actions for `step_wait`."""
        self._pending = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Drive one control period."""
        observations, rewards, terminated, truncated = self.batch.step(self._pending)
        finished = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        cars = np.flatnonzero(finished)
        for car in cars:
            infos[car] = {
                "terminal_observation": observations_of(observations, car),
                "TimeLimit.truncated": bool(truncated[car]),
                "episode": self.batch.episode(int(car)),
            }
        self.batch.restart(cars)
        return self.batch.observations, rewards, finished, infos

    def close(self) -> None:
        """Nothing to release: the cars live in this process."""

    def get_images(self) -> Sequence[Any]:
        """Return the cameras' pictures in colour."""
        return list(self.batch.simulator.look_rgb())

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the batch, once per asked car."""
        value = self.render_mode if attr_name == "render_mode" else getattr(self.batch, attr_name)
        return [value for _ in self._chosen(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the batch; cars share them."""
        setattr(self.batch, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the batch once, and return its answer once per asked car."""
        answer = getattr(self.batch, method_name)(*method_args, **method_kwargs)
        return [answer for _ in self._chosen(indices)]

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Return False for every asked car: episodes are summed up here, no wrapper is needed."""
        return [False for _ in self._chosen(indices)]

    def _chosen(self, indices: Any) -> Iterable[int]:
        return range(self.num_envs) if indices is None else np.atleast_1d(indices)
