"""The default reward pays progress, and charges mistakes, swings of the wheel and nearness to the border."""

from __future__ import annotations

import numpy as np
import pytest

from sim.motion import OFF_TRACK, PLACE_DTYPE, TIME_UP, lay_routes
from sim.rewards import RewardConfig, step_rewards
from sim.track import load_track

ROUTES = lay_routes([load_track("reinvent-2018")])


def _reward(config: RewardConfig, **place: float) -> float:
    places = np.zeros(1, PLACE_DTYPE)
    for name, value in place.items():
        places[name] = value
    return float(step_rewards(config, places, ROUTES)[0])


def test_progress_is_paid_by_the_metre() -> None:
    assert _reward(RewardConfig(), step_m=0.1) == pytest.approx(0.1)


def test_leaving_the_track_costs_and_running_out_of_time_does_not() -> None:
    assert _reward(RewardConfig(), status=OFF_TRACK) == pytest.approx(-2.0)
    assert _reward(RewardConfig(), status=TIME_UP) == 0.0


def test_swinging_the_wheel_costs() -> None:
    config = RewardConfig(steering_change_per_rad=0.5)
    assert _reward(config, steering_change_rad=0.2) == pytest.approx(-0.1)


def test_nearness_to_either_border_costs_with_the_square_of_the_lost_margin() -> None:
    half_m = float(load_track("reinvent-2018").left_width_m[0])
    config = RewardConfig(edge_per_m=1.0, edge_margin_m=0.2)
    for side in (1.0, -1.0):
        assert _reward(config, step_m=0.1, lateral_m=side * half_m) == pytest.approx(0.0, abs=2e-3)
        assert _reward(config, step_m=0.1, lateral_m=side * (half_m - 0.1)) == pytest.approx(0.075, abs=2e-3)
        assert _reward(config, step_m=0.1, lateral_m=side * (half_m - 0.25)) == pytest.approx(0.1)
