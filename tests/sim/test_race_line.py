"""The minimum-time line against closed forms, and its car against the simulator's own."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from car.action_space import ContinuousActionSpace, DiscreteActionSpace, default_action_space
from car.errors import BadFileError, Sim2RaceError, UnknownNameError
from sim.car_limits import CarLimits, limits_of
from sim.limit_command import LimitConfig, limits, run
from sim.race_line import race_line
from sim.speed_profile import lap_time, speed_profile
from sim.track import Track, build_track
from sim.vehicle import STATE_DTYPE, drive_constant
from sim.vehicle_parameters import PARAMETER_DTYPE, VEHICLES, VehicleParameters, parameter_row

HALL = Path(__file__).parents[2] / "car" / "policies" / "hall.onnx"
LOCK = math.radians(20.0)
REAL = VEHICLES["real-car"][0]
# A car whose motor gives what it can at any speed, and whose tyres slip so little that they cost nothing.
SIMPLE = VehicleParameters(
    friction=0.5, tyre_stiffness=2_000.0, acceleration_mps2=2.0, braking_mps2=3.0, speed_lag_s=1e-6,
    braking_lag_s=1e-6,
)  # fmt: skip
GRIP = 0.5 * 9.81


def _limits(car: VehicleParameters = SIMPLE, *, top_mps: float = 9.0) -> CarLimits:
    return limits_of(car, ContinuousActionSpace(-LOCK, LOCK, 0.0, top_mps))


def _circle(radius_m: float, half_width_m: float) -> Track:
    angle = np.linspace(0.0, 2 * np.pi, 60, endpoint=False)
    points = radius_m * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return build_track("circle", points, np.full((60, 2), half_width_m))


def _oval(radius_m: float, straight_m: float, step_m: float) -> tuple[npt.NDArray[np.float64], ...]:
    """Return distances and curvature of two straights joined by half circles."""
    around, along = round(math.pi * radius_m / step_m), round(straight_m / step_m)
    half = [*[math.pi * radius_m / around] * around, *[straight_m / along] * along]
    bends = [*[1.0 / radius_m] * around, *[0.0] * along]
    return np.array(half * 2), np.array(bends * 2)


def test_on_a_circle_the_fastest_line_is_the_innermost_at_the_speed_of_the_grip() -> None:
    line = race_line(_circle(2.0, 0.4), _limits(), trials_per_m=300)
    # All wheels on the road: the inner ones on the border, at a radius of 1.6 m.
    radius_m = 1.6 + 0.5 * SIMPLE.track_width_m
    assert line.flying_lap_s == pytest.approx(2 * math.pi * math.sqrt(radius_m / GRIP), rel=0.015)
    np.testing.assert_allclose(np.hypot(*line.points_m.T), radius_m, atol=0.02)
    assert -0.002 < line.clearance_m < 0.01


def test_one_wheel_on_the_road_allows_a_tighter_circle_than_all() -> None:
    line = race_line(_circle(2.0, 0.4), _limits(), wheels="one", trials_per_m=300)
    radius_m = 1.6 - 0.5 * SIMPLE.track_width_m
    assert line.flying_lap_s == pytest.approx(2 * math.pi * math.sqrt(radius_m / GRIP), rel=0.01)


def test_a_given_oval_takes_the_time_of_the_closed_form() -> None:
    steps_m, bends = _oval(1.0, 6.0, 0.005)
    speeds = speed_profile(steps_m, bends, _limits())
    corner = math.sqrt(GRIP)
    peak = math.sqrt(corner**2 + 2 * 2.0 * 3.0 * 6.0 / (2.0 + 3.0))
    straight_s = (peak - corner) / 2.0 + (peak - corner) / 3.0
    assert speeds.max() == pytest.approx(peak, rel=0.005)
    assert speeds.min() == pytest.approx(corner, rel=0.002)
    assert lap_time(steps_m, speeds) == pytest.approx(2 * math.pi / corner + 2 * straight_s, rel=0.005)


def test_a_slow_motor_comes_to_speed_along_an_exponential() -> None:
    car = replace(SIMPLE, speed_lag_s=0.8, acceleration_mps2=50.0, friction=10.0)
    steps_m = np.full(4_000, 0.005)
    speeds = speed_profile(steps_m, np.zeros(4_000), _limits(car, top_mps=4.0), start_mps=0.0)
    seconds = np.concatenate([[0.0], np.cumsum(2 * steps_m / (speeds[1:] + speeds[:-1]))])
    late = seconds > 0.2
    np.testing.assert_allclose(speeds[late], 4.0 * (1.0 - np.exp(-seconds[late] / 0.8)), rtol=0.02)


@pytest.mark.parametrize("command_mps", [1.0, 3.0])
@pytest.mark.parametrize("steering_deg", [4.0, 12.0])
def test_the_car_of_the_limits_is_that_of_the_simulator(command_mps: float, steering_deg: float) -> None:
    state, parameters = np.zeros(1, STATE_DTYPE), np.array([parameter_row(REAL)], PARAMETER_DTYPE)
    drive_constant(state, parameters, math.radians(steering_deg), command_mps, 8.0)
    driven_mps = math.hypot(state["forward_mps"][0], state["lateral_mps"][0])
    bends: npt.NDArray[np.float64] = np.full(200, state["yaw_rate_radps"][0] / driven_mps)
    one = DiscreteActionSpace((math.radians(steering_deg),), (command_mps,))
    speeds = speed_profile(2 * np.pi / bends / 200, bends, limits_of(REAL, one))
    np.testing.assert_allclose(speeds, driven_mps, rtol=0.01)


def test_between_two_actions_their_mean_can_be_driven() -> None:
    found = limits_of(REAL, default_action_space())
    assert found.top_mps.max() == pytest.approx(1.3, abs=0.01)
    straight = len(found.wheel_rad) // 2
    assert found.top_mps[0] == found.top_mps[-1] == pytest.approx(0.8)
    assert found.low_mps[straight] == pytest.approx(0.8)
    assert np.degrees(found.wheel_rad[[0, -1]]) == pytest.approx([-15.6, 14.9])


def test_more_speed_is_a_faster_lap_and_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = LimitConfig(
        track="trapezoid-narrow",
        top_speed=(3.0,),
        picture=tmp_path / "line.png",
        json=tmp_path / "l.json",
    )
    assert run(config) == 0
    written = json.loads((tmp_path / "l.json").read_text())["limits"]
    laps = [one["flying_lap_s"] for one in written]
    assert laps == sorted(laps, reverse=True)
    for one in written:
        assert one["clearance_m"] > -0.003
        assert one["standing_lap_s"] > one["mean_of_three_s"] > one["flying_lap_s"]
        assert one["fastest_mps"] <= 3.0
    assert f"{laps[-1]:.2f}" in capsys.readouterr().out
    picture = cv2.imread(str(tmp_path / "line.png"))
    assert picture is not None and picture.shape[1] == 960


def test_the_limit_with_a_policys_actions_stands_beside_the_free_choice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = LimitConfig(track="trapezoid-narrow", policy=HALL, json=tmp_path / "l.json")
    assert run(config) == 0
    actions, free = json.loads((tmp_path / "l.json").read_text())["limits"]
    assert (actions["commands"], free["commands"]) == ("actions of hall, to 3 m/s", "any, to 4 m/s")
    assert free["flying_lap_s"] < actions["flying_lap_s"]
    assert "actions of hall, to 3 m/s" in capsys.readouterr().out


def test_an_action_space_is_given_once(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match="--policy and --actions both give an action space"):
        limits(LimitConfig(policy=HALL, actions=tmp_path / "model_metadata.json"))
    with pytest.raises(BadFileError, match="does not exist"):
        limits(LimitConfig(policy=tmp_path / "policy.onnx"))


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'trapezoid'"):
        limits(LimitConfig(track="trapezoit"))
    with pytest.raises(UnknownNameError, match="Did you mean 'real-car'"):
        limits(LimitConfig(vehicle="real-cat"))
    with pytest.raises(Sim2RaceError, match=r"top_speed is 0.0"):
        limits(LimitConfig(track="trapezoid", top_speed=(0.0,)))
