"""The community's mapping by name: shares of full lock and throttle, as their nodes compute them."""

from __future__ import annotations

import math

import pytest

from car.action_space import Command, ContinuousActionSpace, DiscreteActionSpace
from car.community_calibration import factory_calibration
from car.community_mapping import CommunityMapping
from car.errors import Sim2RaceError
from car.pwm import Pwm

SPACE = DiscreteActionSpace(
    steering_rad=tuple(math.radians(angle) for angle in (-25.0, 0.0, 12.5, 25.0)),
    speed_mps=(1.0, 2.0, 1.0, 0.4),
)


def _mapping(percent: float = 100.0) -> CommunityMapping:
    return CommunityMapping(factory_calibration(), SPACE, percent)


def test_the_largest_angle_is_full_lock_whatever_its_degrees() -> None:
    assert _mapping().pwm(Command(math.radians(25.0), 0.0)).steering_ns == 1_700_000
    assert _mapping().pwm(Command(math.radians(12.5), 0.0)).steering_ns == 1_575_000
    assert _mapping().pwm(Command(math.radians(-25.0), 0.0)).steering_ns == 1_200_000


@pytest.mark.parametrize(
    ("share", "throttle"), [(0.1, 0.208), (0.3, 0.552), (0.5, 0.8), (0.7, 0.952), (0.85, 1.0), (1.0, 1.0)]
)
@pytest.mark.parametrize("percent", [30.0, 50.0, 100.0])
def test_speed_becomes_their_parabola_times_the_maximum_speed(
    share: float, throttle: float, percent: float
) -> None:
    pulse_ns = _mapping(percent).pwm(Command(0.0, 2.0 * share)).motor_ns
    assert pulse_ns == pytest.approx(1_446_000 - throttle * percent / 100.0 * 135_000, abs=1.0)


def test_the_top_speeds_are_all_the_same_and_standstill_is_neutral() -> None:
    assert _mapping().pwm(Command(0.0, 1.7)) == _mapping().pwm(Command(0.0, 2.0))
    assert _mapping().pwm(Command(0.0, 0.0)) == _mapping().neutral == Pwm(1_450_000, 1_446_000)


def test_a_continuous_space_takes_its_high_ends() -> None:
    space = ContinuousActionSpace(math.radians(-30.0), math.radians(15.0), 0.5, 3.0)
    mapping = CommunityMapping(factory_calibration(), space, 100.0)
    assert mapping.pwm(Command(math.radians(15.0), 3.0)) == Pwm(1_700_000, 1_311_000)
    assert mapping.pwm(Command(math.radians(-30.0), 3.0)).steering_ns == 1_200_000, "never beyond full lock"


@pytest.mark.parametrize("percent", [-1.0, 101.0, math.nan])
def test_a_maximum_speed_out_of_range_is_refused(percent: float) -> None:
    with pytest.raises(Sim2RaceError, match="expected 0 to 100"):
        _mapping(percent)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_command_that_is_not_finite_is_refused(bad: float) -> None:
    for command in (Command(bad, 1.0), Command(0.1, bad)):
        with pytest.raises(Sim2RaceError, match="not finite"):
            _mapping().pwm(command)
