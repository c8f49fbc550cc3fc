"""The ground truth tells the road ahead as the car stands to it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.ground_truth import COMMANDS_TOLD, POINTS_AHEAD_M, TRUTH_SIZE
from sim.simulator import SimConfig, Simulator

SIM = SimConfig(
    tracks=("reinvent-2018",), directions=("counter-clockwise",), noise="none", vary_vehicle=False
)
STRAIGHT_M = 0.5
POINTS = len(POINTS_AHEAD_M)


def _standing(lateral_m: float, heading_rad: float) -> Simulator:
    """Return a car on re:Invent 2018's long straight, beside the centre line and turned away from it."""
    simulator = Simulator(SIM, n_cars=1, seed=0)
    x_m, y_m, yaw_rad = simulator.route_of(0).pose_at(STRAIGHT_M, lateral_m)
    simulator.set_pose(0, x_m, y_m, yaw_rad + heading_rad)
    return simulator


def test_on_the_centre_line_of_a_straight_the_road_lies_straight_ahead() -> None:
    truth = _standing(0.0, 0.0).truth()
    assert truth.shape == (1, TRUTH_SIZE) and truth.dtype == np.float32
    near = [index for index, ahead_m in enumerate(POINTS_AHEAD_M) if ahead_m <= 1.0]
    np.testing.assert_allclose(truth[0, near], np.array(POINTS_AHEAD_M)[near], atol=0.02)
    np.testing.assert_allclose(truth[0, POINTS : 2 * POINTS][near], 0.0, atol=0.03)


def test_left_of_the_line_the_road_lies_to_the_right_and_the_left_border_is_near() -> None:
    truth = _standing(0.1, 0.0).truth()[0]
    assert truth[POINTS] == pytest.approx(-0.1, abs=0.02)
    left_m, right_m = truth[3 * POINTS : 3 * POINTS + 2]
    assert right_m - left_m == pytest.approx(0.2, abs=0.02)


def test_turned_to_the_left_the_road_bends_away_to_the_right() -> None:
    truth = _standing(0.0, 0.2).truth()[0]
    assert truth[3 * POINTS + 2] == pytest.approx(0.2, abs=0.02)
    assert truth[POINTS + 5] == pytest.approx(-math.sin(0.2), abs=0.05)


def test_commands_are_told_by_time_whatever_the_rate() -> None:
    told = []
    for rate_hz, steps in ((30.0, 3), (10.0, 1)):
        simulator = Simulator(SimConfig(**{**vars(SIM), "control_rate_hz": rate_hz}), n_cars=1, seed=0)
        for _ in range(steps):
            simulator.step(np.array([[0.1, 1.0]], np.float32))
        told.append(simulator.truth()[0, -2 * COMMANDS_TOLD :])
    np.testing.assert_allclose(told[0], told[1])
    np.testing.assert_allclose(
        told[0], [1 / 3] * 3 + told[0][3:4].tolist() + [0.5] * 3 + told[0][-1:].tolist()
    )
