"""The Gymnasium environment: one car; `sim.vector_env` is the same for a batch in one process."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from car.action_space import ActionSpace
from sim.driving import DrivingBatch, Observations, observations_of
from sim.simulator import SimConfig


class DeepRacerEnv(gymnasium.Env[Any, Any]):
    """A 1:18 car drives a lap by what its camera sees.

    ## Description
    A dynamic car with Ackermann steering, late servo and slow motor on a printed track, among walls,
    buildings, people, lamps and displays that are drawn anew every episode.

    ## Action Space
    Discrete: the numbers of a DeepRacer action space, by default the inverted chevron of nine angles.
    Continuous: `Box(-1, 1, (2,))`, steering (+1 is left) and speed, scaled to the space's limits.

    ## Observation Space
    `Box(0, 255, (frames, 120, 160), uint8)`: luma, frames oldest first. With `history`, a `Dict` of that as
    "observation" and the last commands as "history", `Box(-inf, inf, (history, 2), float32)`, newest last.

    ## Rewards
    Metres gained along the centre line since the last step, minus 2 for leaving the track or getting
    stuck (`sim.simulator.RewardConfig`); or what a DeepRacer `reward_function(params)` in a file of yours
    returns (`SimConfig.reward_file`).

    ## Starting State
    Anywhere on the track, rolling, a little off centre and askew; or at rest, on the start line or a
    twentieth of a lap further each time. A share of episodes can start near an edge and headed wrong.

    ## Episode End
    Terminated: all four wheels off the track; driving backwards, or standing still, for a second.
    Truncated: lap complete; time up.

    ## Info
    The ground truth: pose, speed, slip angle and yaw rate, place along and beside the centre line, its
    curvature here, half a metre and a metre ahead, progress, lap time and how the episode ended.

    ## Arguments
    `config` (`SimConfig`), `actions` (`ActionSpace`), `frames` (1 or more),
    `history` (0 or more), `render_mode` ("rgb_array").

    ## Version History
    * v0: first version.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012 - gymnasium's own convention

    def __init__(
        self,
        config: SimConfig | None = None,
        *,
        actions: ActionSpace | None = None,
        frames: int = 1,
        history: int = 0,
        render_mode: str | None = None,
    ) -> None:
        self._batch = DrivingBatch(
            config if config is not None else SimConfig(),
            n_cars=1,
            seed=0,
            action_space=actions,
            frames=frames,
            history=history,
        )
        self.observation_space = self._batch.observation_space
        self.action_space = self._batch.action_space
        self.render_mode = render_mode

    @property
    def batch(self) -> DrivingBatch:
        """The batch of one behind this environment, for toggling objects and reading ground truth."""
        return self._batch

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin an episode; the same seed gives the same bytes."""
        first = self._np_random is None
        super().reset(seed=seed)
        chosen = seed if seed is not None or not first else int(self.np_random.integers(2**31))
        return observations_of(self._batch.reset(chosen), 0), self._batch.info(0)

    def step(self, action: Any) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        """Drive one control period."""
        observations, rewards, terminated, truncated = self._batch.step(np.asarray(action)[None])
        return (
            observations_of(observations, 0),
            float(rewards[0]),
            bool(terminated[0]),
            bool(truncated[0]),
            self._batch.info(0),
        )

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return the camera's picture in colour, (120, 160, 3), in mode "rgb_array"."""
        return self._batch.simulator.look_rgb()[0] if self.render_mode == "rgb_array" else None
