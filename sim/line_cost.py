"""What a line through a track costs, and how to make it cheaper: the compiled part of `sim.race_line`.

A line is a spline through one point on each of some cross-sections, the knots; `offsets` says where on them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.speed_profile import fastest, lap_time, slip_angle

Array = npt.NDArray[np.float64]

NEAREST_M = 0.003
"""Clearance that the search aims at, so that what the square lets through is still on the road."""
BORDER_WEIGHT = 2_000.0
"""Seconds per metre of road and square metre beyond the border."""
LOCK_WEIGHT = 100.0
"""Seconds per metre of road and square of curvature beyond the lock."""
DELTA_M = 1e-5
"""Step of the differences that the gradient is made of."""
BUMPS = (0.6, 1.0, 1.6, 2.5, 4.0, 6.4)
"""Widths of the random bumps, in knots."""
FIRST_BUMP_M, FRESH_BUMP_M, SMALLEST_BUMP_M = 0.01, 0.002, 2e-5
"""Height of a bump at first, and when it starts over because it has become too small."""


class Road(NamedTuple):
    """Cross-sections of a track at equal distances, (M,) or (M, 2)."""

    center_m: Array
    normal: Array
    heading_rad: Array
    curvature_1pm: Array
    left_m: Array
    right_m: Array


class Rules(NamedTuple):
    """What the line must keep to."""

    rightmost_1pm: float
    """Curvature at full lock to the right, negative."""
    leftmost_1pm: float
    """Curvature at full lock to the left."""
    one_wheel: bool
    """Whether one wheel on the road is enough."""
    grip_share: float
    """How much of the largest lateral acceleration corners may use."""


@njit(cache=True)
def shape(offsets: Any, base: Any, center: Any, normal: Any) -> Any:
    """Return the spline through the offsets: position and two derivatives, (3, 2, M)."""
    knots, derivatives, points = base.shape
    spline = np.zeros((derivatives, 2, points))
    for knot in range(knots):
        for axis in range(2):
            value = center[knot, axis] + offsets[knot] * normal[knot, axis]
            for derivative in range(derivatives):
                for point in range(points):
                    spline[derivative, axis, point] += value * base[knot, derivative, point]
    return spline


@njit(cache=True)
def bend(spline: Any) -> Any:
    """Return the distances between the points and the curvature at each, (M,) both."""
    points = spline.shape[2]
    steps, bends = np.empty(points), np.empty(points)
    for i in range(points):
        after = (i + 1) % points
        steps[i] = math.hypot(spline[0, 0, after] - spline[0, 0, i], spline[0, 1, after] - spline[0, 1, i])
        dx, dy = spline[1, 0, i], spline[1, 1, i]
        bends[i] = (dx * spline[2, 1, i] - dy * spline[2, 0, i]) / max(math.hypot(dx, dy), 1e-3) ** 3
    return steps, bends


@njit(cache=True)
def clearances(spline: Any, bends: Any, speeds: Any, road: Any, car: Any, slips: Any, one_wheel: bool) -> Any:
    """Return how far the decisive wheel's centre is from the border at each point, (M,), negative beyond.

    Place and direction of the car are taken relative to the cross-section; a wheel `a` ahead of it is
    `a^2 / 2 * curvature` further out than along the tangent.
    """
    points = len(bends)
    clear = np.empty(points)
    half_base, half_track = 0.5 * car.wheelbase_m, 0.5 * car.track_width_m
    for i in range(points):
        x, y = spline[0, 0, i] - road.center_m[i, 0], spline[0, 1, i] - road.center_m[i, 1]
        lateral = x * road.normal[i, 0] + y * road.normal[i, 1]
        across = min(speeds[i] * speeds[i] * abs(bends[i]), car.across_mps2)
        # The rear axle follows its own path: out of line by its slip, and by half the wheelbase's turn.
        askew = math.copysign(slip_angle(car, slips, across, 0.0), bends[i]) - half_base * bends[i]
        heading = math.atan2(spline[1, 1, i], spline[1, 0, i]) + askew - road.heading_rad[i]
        sine, cosine = math.sin(heading), math.cos(heading)
        worst, best = 1e9, -1e9
        for wheel in range(4):
            ahead = half_base if wheel < 2 else -half_base
            beside = half_track if wheel % 2 == 0 else -half_track
            place = lateral + ahead * sine + beside * cosine - 0.5 * ahead * ahead * road.curvature_1pm[i]
            room = min(road.left_m[i] - place, road.right_m[i] + place)
            worst, best = min(worst, room), max(best, room)
        clear[i] = best if one_wheel else worst
    return clear


@njit(cache=True)
def cost(spline: Any, road: Any, rules: Any, car: Any, wheels: Any, top: Any, low: Any, slips: Any) -> float:
    """Return the time of a flying lap, and more for what is not allowed."""
    steps, bends = bend(spline)
    speeds = fastest(steps, bends, car, wheels, top, low, slips, -1.0, rules.grip_share)
    clear = clearances(spline, bends, speeds, road, car, slips, rules.one_wheel)
    total = lap_time(steps, speeds)
    for i in range(len(steps)):
        out = max(NEAREST_M - clear[i], 0.0)
        tight = max(bends[i] - rules.leftmost_1pm, 0.0) + max(rules.rightmost_1pm - bends[i], 0.0)
        total += (BORDER_WEIGHT * out * out + LOCK_WEIGHT * tight * tight) * steps[i]
    return total


@njit(cache=True)
def gradient(
    offsets: Any,
    base: Any,
    center: Any,
    normal: Any,
    road: Any,
    rules: Any,
    car: Any,
    wheels: Any,
    top: Any,
    low: Any,
    slips: Any,
) -> Any:
    """Return the cost of some offsets and its gradient, by differences."""
    spline = shape(offsets, base, center, normal)
    here = cost(spline, road, rules, car, wheels, top, low, slips)
    slope = np.empty(len(offsets))
    for knot in range(len(offsets)):
        _move(spline, base, normal, knot, DELTA_M)
        slope[knot] = (cost(spline, road, rules, car, wheels, top, low, slips) - here) / DELTA_M
        _move(spline, base, normal, knot, -DELTA_M)
    return here, slope


@njit(cache=True)
def climb(
    offsets: Any,
    base: Any,
    center: Any,
    normal: Any,
    road: Any,
    rules: Any,
    car: Any,
    wheels: Any,
    top: Any,
    low: Any,
    slips: Any,
    trials: int,
) -> None:
    """Improve offsets in place by random bumps and kinks, keeping what is faster.

    A (1+1) evolution strategy with a step size per width of bump (Rechenberg's success rule): the lap time
    has an edge wherever another limit takes over, and at those a gradient says little.
    """
    np.random.seed(1)
    knots = len(offsets)
    spline = shape(offsets, base, center, normal)
    best = cost(spline, road, rules, car, wheels, top, low, slips)
    heights = np.full(len(BUMPS), FIRST_BUMP_M)
    trial, change = spline.copy(), np.empty(knots)
    for _ in range(trials):
        kind, middle, kink = np.random.randint(len(BUMPS)), np.random.randint(knots), np.random.random() < 0.5
        height = np.random.normal() * heights[kind]
        trial[:] = spline
        for knot in range(knots):
            beside = ((knot - middle + knots // 2) % knots - knots // 2) / BUMPS[kind]
            change[knot] = 0.0
            if abs(beside) < 3.0:
                change[knot] = height * math.exp(-0.5 * beside * beside) * (1.6 * beside if kink else 1.0)
                _move(trial, base, normal, knot, change[knot])
        found = cost(trial, road, rules, car, wheels, top, low, slips)
        if found < best:
            best, spline[:] = found, trial
            offsets += change
            heights[kind] *= 1.5
        else:
            heights[kind] *= 0.93
        if heights[kind] < SMALLEST_BUMP_M:
            heights[kind] = FRESH_BUMP_M


@njit(cache=True)
def _move(spline: Any, base: Any, normal: Any, knot: int, by_m: float) -> None:
    """Move one knot across the road."""
    for derivative in range(spline.shape[0]):
        for axis in range(2):
            spline[derivative, axis] += by_m * normal[knot, axis] * base[knot, derivative]
