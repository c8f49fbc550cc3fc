"""A driver that knows the road: pure pursuit on ground truth, for pictures, tests and a yardstick.

Steers so that a circle through the rear axle meets a point on the centre line ahead:
``delta = atan(2 L sin(alpha) / distance)`` (Coulter, Implementation of the Pure Pursuit Path Tracking
Algorithm, CMU-RI-TR-92-01, 1992).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.simulator import Simulator
from sim.vehicle_parameters import VehicleParameters

LOOK_AHEAD_M = 0.45


def pursue(simulator: Simulator, speed_mps: float) -> npt.NDArray[np.float64]:
    """Return commands that keep every car on its centre line, (N, 2): steering in rad, speed in m/s."""
    commands = np.zeros((simulator.n_cars, 2))
    for car in range(simulator.n_cars):
        state, place = simulator.states[car], simulator.places[car]
        track = simulator.route_of(car)
        rear = np.array([state["x_m"], state["y_m"]]) - VehicleParameters().wheelbase_m / 2 * np.array(
            [np.cos(state["yaw_rad"]), np.sin(state["yaw_rad"])]
        )
        goal = np.array(track.pose_at(float(place["arc_length_m"]) + LOOK_AHEAD_M)[:2]) - rear
        alpha = np.arctan2(goal[1], goal[0]) - state["yaw_rad"]
        commands[car, 0] = np.arctan(2 * VehicleParameters().wheelbase_m * np.sin(alpha) / np.hypot(*goal))
        commands[car, 1] = speed_mps
    return commands
