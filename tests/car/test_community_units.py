"""The community's numbers, from the published description of their mapping."""

from __future__ import annotations

import math

import pytest

from car.action_space import Command, ContinuousActionSpace, DiscreteActionSpace
from car.community_units import community_units

SPACE = DiscreteActionSpace(steering_rad=(-0.4, 0.0, 0.2), speed_mps=(1.0, 2.0, 1.0))


@pytest.mark.parametrize(
    ("share", "throttle"), [(0.0, 0.0), (0.1, 0.208), (0.5, 0.8), (0.8, 0.992), (0.917, 1.0), (1.0, 1.0)]
)
def test_the_speed_is_bent_by_their_parabola(share: float, throttle: float) -> None:
    assert community_units(Command(0.0, 2.0 * share), SPACE)[1] == pytest.approx(throttle, abs=1e-3)


def test_the_largest_angle_is_full_lock() -> None:
    assert community_units(Command(-0.4, 0.0), SPACE)[0] == -1.0
    assert community_units(Command(0.2, 0.0), SPACE)[0] == 0.5
    continuous = ContinuousActionSpace(-0.5, 0.25, 0.0, 1.0)
    assert community_units(Command(-0.5, 0.0), continuous)[0] == -1.0


def test_standing_still_is_zero_and_what_is_no_number_stays_none() -> None:
    assert community_units(Command(0.0, 0.0), DiscreteActionSpace((0.0,), (0.0,))) == (0.0, 0.0)
    assert all(math.isnan(value) for value in community_units(Command(math.nan, math.nan), SPACE))
