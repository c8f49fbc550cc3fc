"""The Gymnasium vector environment: many cars in one process, no subprocesses."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from car.action_space import ActionSpace
from sim.driving import DrivingBatch, Observations, observations_of
from sim.simulator import SimConfig


class DeepRacerVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """A batch of `sim.env.DeepRacerEnv`; a finished car begins its next episode in the same step.

    Args:
        num_envs: number of cars.
        config: what is simulated.
        actions: what actions mean.
        frames: pictures stacked in an observation.
        history: last commands in an observation, which is a Dict then.
        render_mode: "rgb_array" or nothing.
    """

    metadata = {  # noqa: RUF012 - gymnasium's own convention
        "render_modes": ["rgb_array"],
        "render_fps": 30,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        config: SimConfig | None = None,
        *,
        actions: ActionSpace | None = None,
        frames: int = 1,
        history: int = 0,
        render_mode: str | None = None,
    ) -> None:
        self._batch = DrivingBatch(
            config if config is not None else SimConfig(),
            n_cars=num_envs,
            seed=0,
            action_space=actions,
            frames=frames,
            history=history,
        )
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.single_observation_space = self._batch.observation_space
        self.single_action_space = self._batch.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    @property
    def batch(self) -> DrivingBatch:
        """The batch behind this environment, for toggling objects and reading ground truth."""
        return self._batch

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin new episodes; the same seed gives the same bytes."""
        first = self._np_random is None
        single = seed[0] if isinstance(seed, list) else seed
        super().reset(seed=single)
        chosen = single if single is not None or not first else int(self.np_random.integers(2**31))
        return self._batch.reset(chosen), self._infos(np.ones(self.num_envs, np.bool_))

    def step(
        self, actions: Any
    ) -> tuple[
        Observations,
        npt.NDArray[np.float32],
        npt.NDArray[np.bool_],
        npt.NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Drive one control period.

        The infos are the ground truth that `sim.env.DeepRacerEnv` gives, as an array and a mask by each name.
        `final_obs` and `final_info` hold what a finished car last saw; the rest is of its new episode.
        """
        observations, rewards, terminated, truncated = self._batch.step(np.asarray(actions))
        finished = terminated | truncated
        ended: dict[str, Any] = {}
        if finished.any():
            cars = np.flatnonzero(finished)
            final = np.full(self.num_envs, None, dtype=object)
            for car in cars:
                final[car] = observations_of(observations, car)
            ended = {
                "final_obs": final,
                "_final_obs": finished.copy(),
                "final_info": self._infos(finished),
                "_final_info": finished.copy(),
            }
            self._batch.restart(cars)
        infos = self._infos(np.ones(self.num_envs, np.bool_)) | ended
        return self._batch.observations, rewards, terminated, truncated, infos

    def _infos(self, meant: npt.NDArray[np.bool_]) -> dict[str, Any]:
        """Return the ground truth of all cars in gymnasium's form, where each `_name` says whose is meant."""
        infos: dict[str, Any] = {}
        for name, part in self._batch.infos().items():
            infos[name], infos[f"_{name}"] = part, meant.copy()
        return infos

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """Return the cameras' pictures in colour, in mode "rgb_array"."""
        return tuple(self._batch.simulator.look_rgb()) if self.render_mode == "rgb_array" else None
