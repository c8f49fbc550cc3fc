"""What a car's situation really is, as numbers for a learner: the road ahead, the motion, the last commands.

No camera gives this. A critic that sees it judges better, and a teacher that drives by it learns in a minute
what a policy that must learn to see as well learns in many; neither is part of an exported policy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

POINTS_AHEAD_M = (0.1, 0.25, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.8, 2.2, 2.7, 3.3)
"""Where along the centre line the road ahead is told."""
COMMANDS_TOLD = 4
"""Last commands told, as a car at `CAR_RATE_HZ` would have given them: what is on its way to the servo."""
CAR_RATE_HZ = 30.0
"""Decisions per second on the car."""
CURVATURE_SCALE_1PM = 2.0
"""A curvature of this counts as 1: the tightest corners of the built-in tracks."""
SPEED_SCALE_MPS = 2.0
"""A speed of this counts as 1."""
YAW_RATE_SCALE_RADPS = 3.0
"""A yaw rate of this counts as 1."""
STEERING_SCALE_RAD = 0.3
"""A wheel angle of this counts as 1."""
TRUTH_SIZE = 3 * len(POINTS_AHEAD_M) + 2 + 6 + 2 * COMMANDS_TOLD
"""Numbers per car."""


def ground_truth(
    states: npt.NDArray[Any],
    places: npt.NDArray[Any],
    commands: npt.NDArray[np.float64],
    rows: npt.NDArray[np.float64],
    starts: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    lengths_m: npt.NDArray[np.float64],
    control_rate_hz: float,
) -> npt.NDArray[np.float32]:
    """Return the situation of every car, each number of about the size of 1.

    Args:
        states: `STATE_DTYPE` (N,).
        places: `PLACE_DTYPE` (N,).
        commands: (N, K, 2), newest first.
        rows: routes, see `sim.motion.Routes`.
        starts: first row of each route.
        counts: samples of each route.
        lengths_m: length of each route.
        control_rate_hz: commands per second.

    Returns:
        (N, TRUTH_SIZE): points of the centre line ahead in the car's frame (x forward, then y left), its
        curvature there, margins to both borders, heading error, forward and sideways speed, yaw rate, wheel
        angle, longitudinal acceleration, and the last commands (steering, then speed; newest first).
    """
    route = places["route"]
    spacing_m = (lengths_m / counts)[route]
    here = places["sample"]
    ahead = np.round(np.array(POINTS_AHEAD_M)[None] / spacing_m[:, None]).astype(np.int64)
    points = rows[starts[route][:, None] + (here[:, None] + ahead) % counts[route][:, None]]
    dx, dy = points[..., 0] - states["x_m"][:, None], points[..., 1] - states["y_m"][:, None]
    cosine, sine = np.cos(states["yaw_rad"])[:, None], np.sin(states["yaw_rad"])[:, None]
    row = rows[starts[route] + here]
    told = commands[:, np.floor(np.arange(COMMANDS_TOLD) * control_rate_hz / CAR_RATE_HZ).astype(np.int64)]
    motion = np.stack(
        [
            row[:, 4] - places["lateral_m"],
            row[:, 5] + places["lateral_m"],
            places["heading_error_rad"],
            states["forward_mps"] / SPEED_SCALE_MPS,
            states["lateral_mps"],
            states["yaw_rate_radps"] / YAW_RATE_SCALE_RADPS,
            states["steering_rad"] / STEERING_SCALE_RAD,
            states["forward_mps2"] / SPEED_SCALE_MPS,
        ],
        axis=1,
    )
    columns = (
        dx * cosine + dy * sine,
        dy * cosine - dx * sine,
        points[..., 3] / CURVATURE_SCALE_1PM,
        motion,
        told[..., 0] / STEERING_SCALE_RAD,
        told[..., 1] / SPEED_SCALE_MPS,
    )
    truth: npt.NDArray[np.float32] = np.concatenate(columns, axis=1).astype(np.float32)
    return truth
