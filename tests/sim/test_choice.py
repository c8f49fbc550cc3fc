"""What is driven of a policy's outputs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from car.action_space import ContinuousActionSpace, DiscreteActionSpace
from car.errors import Sim2RaceError
from sim.choice import Choice
from sim.driving import DrivingBatch
from sim.simulator import SimConfig

SPACE = DiscreteActionSpace((-0.3, 0.0, 0.3), (0.8, 1.3, 0.8))
OUTPUTS = np.array([[0.5, 0.0, 0.5], [0.1, 0.2, 0.7]], np.float32)


def test_the_most_probable_action_is_the_first_of_the_largest() -> None:
    choice = Choice(SPACE)
    assert choice.space is SPACE
    np.testing.assert_array_equal(choice.actions(OUTPUTS), [0, 2])


def test_the_expected_command_is_the_mean_by_probability() -> None:
    choice = Choice(SPACE, "expected")
    batch = DrivingBatch(
        SimConfig(noise="none", threads=1), n_cars=2, seed=1, action_space=choice.space, frames=1
    )
    commands = batch.commands(choice.actions(OUTPUTS))
    np.testing.assert_allclose(commands, [[0.0, 0.8], [0.18, 0.9]], atol=1e-6)


def test_a_space_of_one_speed_is_driven_at_it() -> None:
    choice = Choice(DiscreteActionSpace((-0.3, 0.3), (1.1, 1.1)), "expected")
    assert isinstance(choice.space, ContinuousActionSpace)
    commands = choice.space.scale(choice.actions(np.array([[0.75, 0.25]], np.float32)))
    np.testing.assert_allclose(commands, [[-0.15, 1.1]], atol=1e-6)


def test_dice_fall_by_the_probabilities_and_by_the_seed() -> None:
    many = np.repeat(OUTPUTS[1:], 20_000, axis=0)
    thrown = Choice(SPACE, "sample", seed=3).actions(many)
    shares = np.bincount(thrown, minlength=3) / len(many)
    np.testing.assert_allclose(shares, OUTPUTS[1], atol=0.015)
    np.testing.assert_array_equal(thrown, Choice(SPACE, "sample", seed=3).actions(many))
    assert (thrown != Choice(SPACE, "sample", seed=4).actions(many)).any()


def test_a_continuous_policy_drives_its_outputs_and_has_no_dice() -> None:
    space = ContinuousActionSpace(math.radians(-20), math.radians(20), 0.5, 2.0)
    outputs = np.array([[0.25, -1.0]], np.float32)
    for drive in ("most-probable", "expected"):
        choice = Choice(space, drive)
        assert choice.space is space
        np.testing.assert_array_equal(choice.actions(outputs), outputs)
    with pytest.raises(Sim2RaceError, match="no probabilities to draw from"):
        Choice(space, "sample")


@pytest.mark.parametrize("drive", ["most-probable", "expected", "sample"])
def test_an_output_that_is_not_finite_is_refused(drive: str) -> None:
    with pytest.raises(Sim2RaceError, match="not finite"):
        Choice(SPACE, drive).actions(np.full((1, 3), np.nan, np.float32))  # type: ignore[arg-type]
