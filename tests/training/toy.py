"""A world without physics for tests of the learner: a bright bar says which action is right."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

EPISODE_STEPS = 8


def frames_space(frames: int = 1) -> spaces.Box:
    return spaces.Box(0, 255, (frames, 120, 160), np.uint8)


def observation_space(*, frames: int = 1, history: int = 0) -> gymnasium.Space[Any]:
    if not history:
        return frames_space(frames)
    commands = spaces.Box(-10.0, 10.0, (history, 2), np.float32)
    return spaces.Dict({"observation": frames_space(frames), "history": commands})


class ToyVecEnv(VecEnv):
    """Shows a bright bar in one of A columns and rewards the action of that number, or at that place."""

    def __init__(
        self, n_envs: int, *, actions: int = 3, frames: int = 1, history: int = 0, continuous: bool = False
    ) -> None:
        space: gymnasium.Space[Any] = spaces.Box(-1.0, 1.0, (2,)) if continuous else spaces.Discrete(actions)
        super().__init__(n_envs, observation_space(frames=frames, history=history), space)
        self._actions, self._frames, self._history, self._continuous = actions, frames, history, continuous
        self._random = np.random.default_rng(0)
        self._right: npt.NDArray[np.int64] = np.zeros(n_envs, np.int64)
        self._steps = 0
        self._sum = np.zeros(n_envs)

    def reset(self) -> Any:
        self._steps = 0
        self._sum[:] = 0.0
        return self._look()

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        self._chosen = actions

    def step_wait(self) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any], list[dict[str, Any]]]:
        if self._continuous:
            wanted = self._right / (self._actions - 1) * 2.0 - 1.0
            rewards = (1.0 - np.abs(self._chosen[:, 0] - wanted)).astype(np.float32)
        else:
            rewards = (self._chosen == self._right).astype(np.float32)
        self._sum += rewards
        self._steps += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        done = self._steps >= EPISODE_STEPS
        observation = self._look()
        if done:
            for index, info in enumerate(infos):
                share = float(self._sum[index]) / EPISODE_STEPS
                info["episode"] = {
                    "r": float(self._sum[index]),
                    "l": EPISODE_STEPS,
                    "progress": 100.0 * share,
                    "lap": share >= 1.0,
                    "status": "lap_complete",
                    "lap_time_s": 1.0,
                }
            observation = self.reset()
        return observation, rewards, np.full(self.num_envs, done), infos

    def _look(self) -> Any:
        self._right = self._random.integers(0, self._actions, self.num_envs)
        frames = self._random.integers(0, 60, (self.num_envs, self._frames, 120, 160), dtype=np.uint8)
        width = 160 // self._actions
        for index, right in enumerate(self._right):
            frames[index, :, :, right * width : (right + 1) * width] += 150
        if not self._history:
            return frames
        commands = self._random.uniform(-1.0, 1.0, (self.num_envs, self._history, 2)).astype(np.float32)
        return {"observation": frames, "history": commands}

    def close(self) -> None:
        pass

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs
