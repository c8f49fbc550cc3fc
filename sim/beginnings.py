"""How an episode begins: the car that is drawn for it, where it starts, what its chances come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sim.render_tables import NOISE_SIZE
from sim.starts import draw_start
from sim.surroundings import SceneKey
from sim.track import Track
from sim.vehicle import STATE_DTYPE
from sim.vehicle_parameters import draw_parameters, parameter_row

if TYPE_CHECKING:
    from sim.simulator import SimConfig


class Beginning(NamedTuple):
    """How one car's episode begins."""

    parameters: tuple[Any, ...]
    """A row of `sim.vehicle_parameters.PARAMETER_DTYPE`."""
    grain: int
    """Where the sensor noise of the first picture begins."""
    chances: int
    """Key of the random numbers of its steps; see `sim.chance`."""
    state: np.void
    """A record of `sim.vehicle.STATE_DTYPE`."""


def route_of(car: int, episode: int, routes: int) -> int:
    """Return the route of an episode: cars take turns over them, so that every batch meets every one."""
    return (car + episode) % routes


def draw_beginning(config: SimConfig, routes: Sequence[Track], key: SceneKey) -> Beginning:
    """Draw how an episode begins.

    Args:
        config: what is simulated.
        routes: tracks in their directions.
        key: its seed, car and episode count: the same ones always begin in the same way.
    """
    generator = np.random.default_rng([key.seed, key.car, key.episode, 0])
    parameters = draw_parameters(
        config.vehicle, generator, spread=config.vary_vehicle, also=dict(config.vehicle_spread)
    )
    if not config.latency:
        parameters = replace(parameters, latency_s=0.0, latency_jitter_s=0.0)
    grain, chances = int(generator.integers(NOISE_SIZE)), int(generator.integers(2**63))
    start = draw_start(config, generator, turn=(key.car + key.episode) // len(routes))
    track = routes[route_of(key.car, key.episode, len(routes))]
    half_m = min(float(track.left_width_m.min()), float(track.right_width_m.min()))
    x_m, y_m, heading_rad = track.pose_at(start.lap_share * track.length_m, start.lateral_share * half_m)
    (state,) = np.zeros(1, STATE_DTYPE)
    state["x_m"], state["y_m"], state["yaw_rad"] = x_m, y_m, heading_rad + start.heading_rad
    state["forward_mps"] = start.speed_mps
    return Beginning(parameters=parameter_row(parameters), grain=grain, chances=chances, state=state)
