"""The fastest speeds along a given line: corner speeds, then braking backwards, then accelerating forwards.

The classical forward-backward pass of lap simulation (for instance Kapania, Subosits and Gerdes, J. Dyn.
Sys. Meas. Control 138, 2016) with the car of `sim.car_limits`. The line is a closed polyline with a
curvature at each point.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.car_limits import CarLimits

Array = npt.NDArray[np.float64]


@njit(cache=True)
def slip_angle(car: Any, slips: Any, across_mps2: float, drive_mps2: float) -> float:
    """Return the slip angle that carries a lateral acceleration while driving, from `CarLimits.slip_rad`."""
    rows, columns = slips.shape
    row = math.sqrt(max(1.0 - across_mps2 / car.across_mps2, 0.0)) * (rows - 1)
    column = (drive_mps2 + car.braking_mps2) / (car.acceleration_mps2 + car.braking_mps2) * (columns - 1)
    up, left = min(int(row), rows - 2), min(max(int(column), 0), columns - 2)
    down, right = row - up, column - left
    above = slips[up, left] * (1.0 - right) + slips[up, left + 1] * right
    below = slips[up + 1, left] * (1.0 - right) + slips[up + 1, left + 1] * right
    angle: float = above * (1.0 - down) + below * down
    return angle


@njit(cache=True)
def _speed_at(speeds: Any, wheels: Any, wheel_rad: float) -> float:
    """Look a speed up over the wheel angle."""
    last = len(wheels) - 1
    width = max(wheels[last] - wheels[0], 1e-9)
    place = min(max((wheel_rad - wheels[0]) / width, 0.0), 1.0) * last
    left = min(int(place), last - 1)
    speed: float = speeds[left] + (speeds[left + 1] - speeds[left]) * (place - left)
    return speed


@njit(cache=True)
def _along(car: Any, slips: Any, speed_mps: float, curvature_1pm: float, commanded_mps: float) -> float:
    """Return the acceleration along the path when a speed is commanded, by (1)."""
    across = min(speed_mps * speed_mps * abs(curvature_1pm), car.across_mps2)
    rolling = slip_angle(car, slips, across, 0.0)
    error = commanded_mps - speed_mps * math.cos(rolling)
    lag = car.speed_lag_s if error > 0.0 else car.braking_lag_s
    asked = min(max(error / max(lag, 1e-3), -car.braking_mps2), car.acceleration_mps2)
    share = across / car.across_mps2
    room = car.grip_mps2 * math.sqrt(max(1.0 - share * share, 0.0))
    drive: float = min(max(asked, -room), room)
    if car.tyre_stiffness <= 0.0:
        return drive
    angle = slip_angle(car, slips, across, drive)
    side = (across - drive * math.sin(angle)) / math.cos(angle)
    along: float = drive * math.cos(angle) - side * math.sin(angle)
    return along


@njit(cache=True)
def fastest(
    steps_m: Any,
    curvature_1pm: Any,
    car: Any,
    wheels: Any,
    top: Any,
    low: Any,
    slips: Any,
    start_mps: float,
    grip_share: float,
) -> Any:
    """Return the fastest speed at each point of a closed line, (M,) or (M + 1,) from a standing start.

    Args:
        steps_m: (M,) distance from each point to the next.
        curvature_1pm: (M,) at each point.
        car: a `CarNumbers`.
        wheels: wheel angles that speeds are tabled at.
        top: fastest speed that can be commanded at each.
        low: slowest.
        slips: slip angles, see `CarLimits.slip_rad`.
        start_mps: speed at the first point, or below 0 for a flying lap.
        grip_share: how much of the largest lateral acceleration corners may use.
    """
    count = len(steps_m)
    bound = np.empty(count)
    tops, lows = np.empty(count), np.empty(count)
    for i in range(count):
        bend = abs(curvature_1pm[i])
        bound[i] = math.sqrt(grip_share * car.across_mps2 / max(bend, 1e-6))
        tangent = car.wheelbase_m * bend / math.sqrt(max(1.0 - (0.5 * car.wheelbase_m * bend) ** 2, 0.01))
        wheel = math.copysign(math.atan(tangent), curvature_1pm[i])
        tops[i], lows[i] = _speed_at(top, wheels, wheel), _speed_at(low, wheels, wheel)
        bound[i] = min(bound[i], max(20.0, tops[i]))
    # Nobody has to brake for the slowest point's sake before it: from there once round, backwards.
    slowest = int(np.argmin(bound))
    for back in range(1, count):
        here, after = (slowest - back) % count, (slowest - back + 1) % count
        slowing = min(_along(car, slips, bound[after], curvature_1pm[here], lows[here]), 0.0)
        reachable = math.sqrt(max(bound[after] ** 2 - 2.0 * slowing * steps_m[here], 0.0))
        bound[here] = min(bound[here], reachable)
    if start_mps >= 0.0:
        speeds = np.empty(count + 1)
        speeds[0] = min(start_mps, bound[0])
        for here in range(count):
            gain = _along(car, slips, speeds[here], curvature_1pm[here], tops[here])
            faster = math.sqrt(max(speeds[here] ** 2 + 2.0 * gain * steps_m[here], 1e-6))
            speeds[here + 1] = min(faster, bound[(here + 1) % count])
        return speeds
    speed = bound[slowest]
    for ahead in range(3 * count):
        here, after = (slowest + ahead) % count, (slowest + ahead + 1) % count
        gain = _along(car, slips, speed, curvature_1pm[here], tops[here])
        speed = min(math.sqrt(max(speed * speed + 2.0 * gain * steps_m[here], 1e-6)), bound[after])
        if after == slowest and abs(speed - bound[slowest]) < 1e-4:
            break
        bound[after] = speed
    return bound


@njit(cache=True)
def lap_time(steps_m: Any, speeds_mps: Any) -> float:
    """Return the time to drive (M,) steps between points with (M,) speeds, or (M + 1,) of an open end."""
    total, count = 0.0, len(speeds_mps)
    for i in range(len(steps_m)):
        total += 2.0 * steps_m[i] / (speeds_mps[i] + speeds_mps[(i + 1) % count])
    return total


def speed_profile(
    steps_m: Array, curvature_1pm: Array, limits: CarLimits, *, start_mps: float | None = None
) -> Array:
    """Return the fastest speeds along a line: of a flying lap, or from a start; see `fastest`."""
    start = -1.0 if start_mps is None else start_mps
    speeds: Array = fastest(steps_m, curvature_1pm, limits.numbers, *limits.tables, start, 1.0)
    return speeds
