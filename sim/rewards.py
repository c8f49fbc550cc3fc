"""The default reward: progress per step, what a mistake costs, and what calm and distance are worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.motion import OFF_TRACK, TIME_UP, Routes


@dataclass(frozen=True, kw_only=True)
class RewardConfig:
    """The default reward: progress per step, and what a mistake costs."""

    progress_per_m: float = 1.0
    """Reward per metre gained along the centre line."""
    off_track: float = -2.0
    """Added when the car leaves the track or gets stuck."""
    steering_change_per_rad: float = 0.0
    """Cost of changing the commanded steering angle, per radian."""
    edge_per_m: float = 0.0
    """Cost of a metre driven with the car's centre on the border; falls with the square of the distance."""
    edge_margin_m: float = 0.2
    """Distance from the border at which nearness to it costs nothing any more."""


def step_rewards(config: RewardConfig, places: npt.NDArray[Any], routes: Routes) -> npt.NDArray[np.float64]:
    """Return what the last step was worth for every car, (N,).

    Args:
        config: prices.
        places: `PLACE_DTYPE` (N,).
        routes: what the cars drive on.
    """
    failed = (places["status"] >= OFF_TRACK) & (places["status"] != TIME_UP)
    rewards: npt.NDArray[np.float64] = (
        config.progress_per_m * places["step_m"]
        + config.off_track * failed
        - config.steering_change_per_rad * places["steering_change_rad"]
    )
    if config.edge_per_m > 0.0:
        rows = routes.rows[routes.starts[places["route"]] + places["sample"]]
        # How far inside the nearer border the car's centre is; negative outside.
        margin_m = np.minimum(rows[:, 4] - places["lateral_m"], rows[:, 5] + places["lateral_m"])
        nearness = np.clip(1.0 - margin_m / max(config.edge_margin_m, 1e-6), 0.0, 2.0)
        rewards -= config.edge_per_m * nearness**2 * np.abs(places["step_m"])
    return rewards
