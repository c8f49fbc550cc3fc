"""What is driven of a policy's outputs: the most probable command, as on the car, or another to compare.

A policy that drives well by throwing dice and badly by its most probable action has learnt to steer by
mixing. The expected command says whether a car that drove the mixture itself would do better.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from car.action_space import ActionSpace, ContinuousActionSpace, DiscreteActionSpace
from car.errors import Sim2RaceError

Drive = Literal["most-probable", "expected", "sample"]

TITLES: dict[Drive, str] = {
    "most-probable": "greedy laps",
    "expected": "laps by the expected command",
    "sample": "laps by the dice",
}
"""Laps driven so, as the title of a table."""


class Choice:
    """Turns outputs of a policy into actions.

    Attributes:
        space: what the actions mean. An expected command lies between those of a discrete policy, so it is
            one of the continuous space that spans them.

    Raises:
        Sim2RaceError: a continuous policy is to be sampled.
    """

    def __init__(self, space: ActionSpace, drive: Drive = "most-probable", *, seed: int = 0) -> None:
        """Prepare for a policy of an action space; `seed` is of the dice."""
        if drive == "sample" and not isinstance(space, DiscreteActionSpace):
            raise Sim2RaceError(
                "A continuous policy holds no probabilities to draw from; expected to drive most-probable."
            )
        self._policy_space, self._drive = space, drive
        self._dice = np.random.default_rng(seed)
        self.space: ActionSpace = space
        if drive == "expected" and isinstance(space, DiscreteActionSpace):
            self.space = _span(space)

    def actions(self, outputs: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """Return what to do.

        Args:
            outputs: (N, A) probabilities, or (N, 2) in -1..1 of a continuous policy.

        Returns:
            (N,) numbers of actions, or (N, 2) in -1..1 of a continuous `space`.

        Raises:
            Sim2RaceError: an output that is not finite: such a frame must not steer a car.
        """
        space = self._policy_space
        if not isinstance(space, DiscreteActionSpace):
            return outputs
        chosen: npt.NDArray[np.int64] = np.array([space.choose(output) for output in outputs], np.int64)
        if self._drive == "most-probable":
            return chosen
        probabilities = outputs.astype(np.float64)
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        if self._drive == "sample":
            thrown = self._dice.random((len(outputs), 1))
            below = (probabilities.cumsum(axis=1) <= thrown).sum(axis=1)
            drawn: npt.NDArray[np.int64] = np.minimum(below, space.size - 1)
            return drawn
        assert isinstance(self.space, ContinuousActionSpace)
        return _unscale(self.space, probabilities @ space.table().astype(np.float64))


def _span(space: DiscreteActionSpace) -> ContinuousActionSpace:
    """Return the space of all commands between the smallest and the largest of a discrete one."""
    return ContinuousActionSpace(
        min(space.steering_rad), max(space.steering_rad), min(space.speed_mps), max(space.speed_mps)
    )


def _unscale(space: ContinuousActionSpace, commands: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the outputs (N, 2) in -1..1 that `space.scale` turns into commands (N, 2)."""
    low = np.array([space.steering_low_rad, space.speed_low_mps])
    width = np.array([space.steering_high_rad, space.speed_high_mps]) - low
    # A space of one speed has no width: every output means that speed.
    outputs = 2.0 * (commands - low) / np.where(width > 0.0, width, 1.0) - 1.0
    return np.asarray(outputs, np.float32)
