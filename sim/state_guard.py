"""Stops the simulation when a car reaches a state that no car can be in, and keeps what led there.

A NaN would otherwise drive on as a black picture, and be learned from.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from car.errors import Sim2RaceError
from car.files import write_atomically
from sim.vehicle import STATE_DTYPE

if TYPE_CHECKING:
    from sim.simulator import Simulator

LIMITS = {
    "x_m": 1e4,
    "y_m": 1e4,
    "forward_mps": 100.0,
    "lateral_mps": 100.0,
    "yaw_rate_radps": 1e3,
    "steering_rad": np.pi / 2,
    "roll_rad": np.pi / 2,
    "pitch_rad": np.pi / 2,
}
"""Largest possible values, to either side."""
ANYTHING_FINITE = 1e9


class ImpossibleStateError(Sim2RaceError):
    """A car reached a state that no car can be in."""


class StateGuard:
    """Watches the states of a batch.

    Args:
        states: `STATE_DTYPE` (N,); read, never changed.
    """

    def __init__(self, states: npt.NDArray[np.void]) -> None:
        names = STATE_DTYPE.names or ()
        self._values = states.view(np.float64).reshape(len(states), len(names))
        self._limits = np.array([LIMITS.get(name, ANYTHING_FINITE) for name in names])
        self._before = states.copy()
        self._values_before = self._before.view(np.float64).reshape(self._values.shape)

    def remember(self) -> None:
        """Keep the states before a step."""
        np.copyto(self._values_before, self._values)

    def check(self, simulator: Simulator) -> None:
        """Look at the states after a step.

        Raises:
            ImpossibleStateError: one of them is impossible; names the car, the value and the dump.
        """
        possible = np.abs(self._values) < self._limits
        if possible.all():
            return
        car, field = (int(index) for index in np.argwhere(~possible)[0])
        name = (STATE_DTYPE.names or ())[field]
        path = Path(tempfile.gettempdir()) / f"sim2race-car-{car}-{secrets.token_hex(4)}.json"
        content = {"impossible": name, "before": _named(self._before[car]), **_dump(simulator, car)}
        write_atomically(path, json.dumps(content, indent=2) + "\n")
        raise ImpossibleStateError(
            f"Car {car} reached an impossible state: {name} is {self._values[car, field]:g}; "
            f"its state, parameters and last commands are in {path}."
        )


def _dump(simulator: Simulator, car: int) -> dict[str, Any]:
    """Return everything about a car that could tell why."""
    route = simulator.route_of(car)
    return {
        "car": car,
        "track": route.name,
        "clockwise": route.clockwise,
        "state": _named(simulator.states[car]),
        "place": _named(simulator.places[car]),
        **simulator.inner_state(car),
        "config": _plain(asdict(simulator.config)),
    }


def _named(row: np.void) -> dict[str, Any]:
    """Return a record as plain data."""
    return {name: _plain(row[name].item()) for name in row.dtype.names or ()}


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: what is not finite as text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if isinstance(value, int | float | str | bool | None):
        return value
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else str(value)
