"""How an episode begins: the car that is drawn for it, where it starts, what its chances come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sim.render_tables import NOISE_SIZE
from sim.starts import draw_start
from sim.track import Track
from sim.vehicle_parameters import draw_parameters, parameter_row

if TYPE_CHECKING:
    from sim.simulator import SimConfig


class EpisodeKey(NamedTuple):
    """All that a beginning depends on, besides what is simulated."""

    seed: int
    car: int
    episode: int


class Beginning(NamedTuple):
    """How one car's episode begins."""

    parameters: tuple[Any, ...]
    """A row of `sim.vehicle_parameters.PARAMETER_DTYPE`."""
    grain: int
    """Where the sensor noise of the first picture begins."""
    chances: int
    """Key of the random numbers of its steps; see `sim.chance`."""
    x_m: float
    y_m: float
    yaw_rad: float
    speed_mps: float


def route_of(key: EpisodeKey, routes: int) -> int:
    """Return the route of an episode: cars take turns over them, so that every batch meets every one."""
    return (key.car + key.episode) % routes


def draw_beginning(config: SimConfig, routes: Sequence[Track], key: EpisodeKey) -> Beginning:
    """Draw how an episode begins.

    Args:
        config: what is simulated.
        routes: tracks in their directions.
        key: which episode; the same one always begins in the same way.
    """
    generator = np.random.default_rng([*key, 0])
    parameters = draw_parameters(
        config.vehicle, generator, spread=config.vary_vehicle, also=dict(config.vehicle_spread)
    )
    if not config.latency:
        parameters = replace(parameters, latency_s=0.0, latency_jitter_s=0.0)
    grain, chances = int(generator.integers(NOISE_SIZE)), int(generator.integers(2**63))
    start = draw_start(config, generator, turn=(key.car + key.episode) // len(routes))
    track = routes[route_of(key, len(routes))]
    half_m = min(float(track.left_width_m.min()), float(track.right_width_m.min()))
    x_m, y_m, heading_rad = track.pose_at(start.lap_share * track.length_m, start.lateral_share * half_m)
    return Beginning(
        parameters=parameter_row(parameters),
        grain=grain,
        chances=chances,
        x_m=x_m,
        y_m=y_m,
        yaw_rad=heading_rad + start.heading_rad,
        speed_mps=start.speed_mps,
    )
