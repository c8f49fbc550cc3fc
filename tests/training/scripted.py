"""A driver that cheats: it steers by the simulator's ground truth, so that tests need no trained policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from car.action_space import DiscreteActionSpace, default_action_space
from sim.driving import DrivingBatch
from sim.simulator import Simulator
from training import evaluation

CHEVRON: DiscreteActionSpace = default_action_space()


class ScriptedDriver:
    """Catches the simulator that an evaluation builds, and drives its cars along the centre line."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.simulators: list[Simulator] = []
        self._active: npt.NDArray[np.int64] = np.zeros(0, np.int64)

        def build(*arguments: Any, **options: Any) -> DrivingBatch:
            batch = DrivingBatch(*arguments, **options)
            self.simulators.append(batch.simulator)
            self._active = np.arange(batch.n_cars)
            return batch

        monkeypatch.setattr(evaluation, "DrivingBatch", build)

    def act(self, observations: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Return the chevron's action nearest to the steering that leads back to the centre line."""
        places = self.simulators[-1].places
        self._active = self._active[places["status"][self._active] == 0]
        assert len(observations) == len(self._active)
        mine = places[self._active]
        wanted = np.arctan(
            0.164 * (mine["curvature_1pm"] - 6.0 * mine["lateral_m"] - 4.0 * mine["heading_error_rad"])
        )
        table = CHEVRON.table()[:, 0]
        nearest: npt.NDArray[np.int64] = np.abs(table[None] - wanted[:, None]).argmin(axis=1)
        return nearest
