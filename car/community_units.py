"""Commands as the community's car stack writes them: -1..1, without units.

Its navigation node divides the angle by the largest one of the action space, and bends the speed with a
parabola that reaches 0.8 at half of the largest speed. We drive in radians and metres per second; these
numbers are only published, so that the community's tools can draw them.
"""

from __future__ import annotations

import math

from car.action_space import ActionSpace, Command, DiscreteActionSpace


def community_units(command: Command, space: ActionSpace) -> tuple[float, float]:
    """Return angle and throttle of `command`, each in -1..1, as their stack derives them from `space`."""
    largest_rad, largest_mps = largest_of(space)
    angle = _clip(command.steering_rad / largest_rad) if largest_rad else 0.0
    share = command.speed_mps / largest_mps if largest_mps else 0.0
    return angle, _clip(-1.2 * share**2 + 2.2 * share)


def largest_of(space: ActionSpace) -> tuple[float, float]:
    """Return the angle (rad) and the speed (m/s) that their stack takes for full lock and full throttle."""
    if isinstance(space, DiscreteActionSpace):
        return max(abs(angle) for angle in space.steering_rad), max(abs(speed) for speed in space.speed_mps)
    return space.steering_high_rad, space.speed_high_mps


def _clip(value: float) -> float:
    return value if math.isnan(value) else min(1.0, max(-1.0, value))
