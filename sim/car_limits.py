"""How hard a car can corner, accelerate and brake: the vehicle model of `sim.vehicle`, reduced to a point.

The quasi-steady view of lap simulation (Milliken and Milliken, Race Car Vehicle Dynamics, 1995, ch. 9;
Brayshaw and Harrison, Proc. IMechE D 219, 2005): at every moment the car is in balance, both axles slip by
the same angle alpha (the model's car is neutral), and the accelerations along and across the path are

    a_along  = d cos(alpha) - f sin(alpha)                                (1)
    a_across = f cos(alpha) + d sin(alpha)                                (2)
    f = sqrt(G^2 - d^2) sin(C atan(B alpha)),  G = mu g                   (3)

with d what the wheels drive or brake: cornering costs speed, and driving costs grip. The motor gives
d = (commanded - forward speed) / lag, limited: near the top speed little is left to accelerate with.
What is left out can only make a real lap slower: latency, the rate of the servo, bumps, mistakes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from car.action_space import ActionSpace, DiscreteActionSpace
from sim.vehicle import GRAVITY_MPS2
from sim.vehicle_parameters import VehicleParameters

Array = npt.NDArray[np.float64]

ENDLESS_MPS2 = 1_000.0
"""Grip of a car whose tyres do not slip."""
ANGLES = 721
"""Wheel angles that commanded speeds are tabled at."""
SLIP_TABLE = (101, 41)
"""Lateral accelerations, denser towards the largest, and drives that slip angles are tabled at."""


class CarNumbers(NamedTuple):
    """What the kernels need to know of a car, in the symbols of the module."""

    grip_mps2: float
    """G."""
    tyre_stiffness: float
    """B, or 0 for a car whose tyres do not slip."""
    tyre_shape: float
    """C."""
    across_mps2: float
    """Largest a_across, at d = 0."""
    speed_lag_s: float
    braking_lag_s: float
    acceleration_mps2: float
    braking_mps2: float
    wheelbase_m: float
    track_width_m: float


@dataclass(frozen=True, eq=False)
class CarLimits:
    """What one car can do when it is commanded from one action space."""

    numbers: CarNumbers
    wheel_rad: Array
    """Wheel angles at equal steps, from the furthest right to the furthest left, (A,)."""
    top_mps: Array
    """Fastest mean speed that can be commanded at each, (A,)."""
    low_mps: Array
    """Slowest, (A,)."""
    slip_rad: Array
    """Slip angle over sqrt(1 - share of the largest lateral acceleration) and drive, see `SLIP_TABLE`."""

    @property
    def tables(self) -> tuple[Array, Array, Array, Array]:
        """The tables in the order in which the kernels take them."""
        return self.wheel_rad, self.top_mps, self.low_mps, self.slip_rad

    @property
    def curvature_range_1pm(self) -> tuple[float, float]:
        """Curvature of the path at the furthest right (negative) and left wheel angle."""
        base_m = self.numbers.wheelbase_m
        return curvature_of(float(self.wheel_rad[0]), base_m), curvature_of(float(self.wheel_rad[-1]), base_m)


def limits_of(car: VehicleParameters, actions: ActionSpace) -> CarLimits:
    """Return what a car can do when it is commanded from an action space."""
    slips = car.slip_from_mps < 10.0
    grip = car.friction * GRAVITY_MPS2 if slips else ENDLESS_MPS2
    angles = np.linspace(0.0, _peak_slip(car), 2_001)
    across = grip * np.sin(car.tyre_shape * np.arctan(car.tyre_stiffness * angles)) * np.cos(angles)
    numbers = CarNumbers(
        grip_mps2=grip,
        tyre_stiffness=car.tyre_stiffness if slips else 0.0,
        tyre_shape=car.tyre_shape,
        across_mps2=float(across.max()) if slips else grip,
        speed_lag_s=car.speed_lag_s,
        braking_lag_s=car.braking_lag_s,
        acceleration_mps2=car.acceleration_mps2,
        braking_mps2=car.braking_mps2,
        wheelbase_m=car.wheelbase_m,
        track_width_m=car.track_width_m,
    )
    return CarLimits(numbers, *_speeds(car, actions), _slip_table(numbers))


def curvature_of(wheel_rad: float, wheelbase_m: float) -> float:
    """Return the curvature that the point midway between the axles drives at a wheel angle, 1/m."""
    if wheel_rad == 0.0:
        return 0.0
    radius_m = math.hypot(wheelbase_m / math.tan(wheel_rad), 0.5 * wheelbase_m)
    return math.copysign(1.0 / radius_m, wheel_rad)


def _peak_slip(car: VehicleParameters) -> float:
    """Return the slip angle of the largest side force, at most 45 degrees."""
    angle = min(0.5 * math.pi / car.tyre_shape, 1.5)
    return min(math.tan(angle) / car.tyre_stiffness, 0.25 * math.pi)


def _slip_table(car: CarNumbers) -> Array:
    """Solve (2) and (3) for the slip angle on a grid, by fixed-point iteration."""
    rows, columns = SLIP_TABLE
    across = car.across_mps2 * (1.0 - np.linspace(0.0, 1.0, rows)[:, None] ** 2)
    drive = np.linspace(-car.braking_mps2, car.acceleration_mps2, columns)[None, :]
    angle = np.zeros(SLIP_TABLE)
    if car.tyre_stiffness <= 0.0:
        return angle
    room = np.sqrt(np.maximum(car.grip_mps2**2 - drive**2, 1e-6))
    for _ in range(30):
        side = (across - drive * np.sin(angle)) / np.cos(angle)
        bend = np.minimum(np.arcsin(np.clip(side / room, 0.0, 1.0)) / car.tyre_shape, 1.5)
        angle = np.minimum(np.tan(bend) / car.tyre_stiffness, 0.25 * math.pi)
    return angle


def _speeds(car: VehicleParameters, actions: ActionSpace) -> tuple[Array, Array, Array]:
    """Return wheel angles, and the fastest and the slowest mean speed that can be commanded at each.

    A car that changes quickly between two actions drives their mean, because servo and motor are slow: what
    can be commanded is the convex hull of the action space.
    """
    if isinstance(actions, DiscreteActionSpace):
        pairs = list(zip(actions.steering_rad, actions.speed_mps, strict=True))
    else:
        pairs = [
            (angle, speed)
            for angle in (actions.steering_low_rad, actions.steering_high_rad)
            for speed in (actions.speed_low_mps, actions.speed_high_mps)
        ]
    points = [
        (_wheel_of(car, angle), speed * car.speed_gain if speed >= car.slowest_mps else 0.0)
        for angle, speed in pairs
    ]
    wheels: Array = np.linspace(min(points)[0], max(points)[0], ANGLES, dtype=np.float64)
    return wheels, _hull(points, wheels, side=1.0), _hull(points, wheels, side=-1.0)


def _wheel_of(car: VehicleParameters, command_rad: float) -> float:
    """Return the wheel angle that a command ends at, as in `sim.vehicle`."""
    curve_rad = np.radians(car.steering_curve_deg)
    angle = command_rad
    if car.calibrated < 0.5:
        full = car.full_deflection_rad
        angle = float(np.interp(command_rad, np.linspace(-full, full, len(curve_rad)), curve_rad))
    angle = angle * car.steering_gain + car.steering_trim_rad
    return float(min(max(angle, curve_rad[0]), curve_rad[-1]))


def _hull(points: list[tuple[float, float]], at: Array, *, side: float) -> Array:
    """Return the upper (side 1) or lower (-1) edge of the convex hull of points at abscissae within them."""
    edge = np.full(len(at), -np.inf)
    for left in points:
        for right in points:
            inside = (at >= left[0] - 1e-12) & (at <= right[0] + 1e-12)
            width = right[0] - left[0]
            share = (at[inside] - left[0]) / width if width > 0.0 else np.zeros(int(inside.sum()))
            edge[inside] = np.maximum(edge[inside], side * (left[1] + share * (right[1] - left[1])))
    return side * edge
