"""Circles and runs of a physical car become its calibration, and contradictions are named."""

from __future__ import annotations

import math

import pytest

from car.action_space import Command
from car.calibration_survey import Circle, Survey, TimedRun, speed_mps, wheel_angle_rad
from car.errors import BadFileError

# Command in percent of full deflection, measured radius in m, effective wheel angle in degrees.
MEASURED_CIRCLES = [
    (-100, 0.593, 15.6),
    (-75, 0.637, 14.5),
    (-50, 0.780, 12.0),
    (-25, 1.348, 7.0),
    (0, 12.7, 0.7),
    (5, 37.0, 0.3),
    (25, 2.372, 4.0),
    (50, 1.155, 8.1),
    (75, 0.761, 12.2),
    (100, 0.619, 14.9),
]


def _survey(**changes: object) -> Survey:
    """The physical car, with straight at +5 % and its plus side on the left."""
    circles = tuple(
        Circle(1_450_000 + 2_500 * percent, radius_m, is_left=percent > 0)
        for percent, radius_m, _ in sorted(MEASURED_CIRCLES, key=lambda row: abs(row[0]))
        if abs(percent) >= 25
    )
    runs = (
        TimedRun(1_392_000, 0.0, 0.0),
        TimedRun(1_385_000, 4.0, 4.0 / 0.90),
        TimedRun(1_372_000, 4.0, 4.0 / 1.61),
        TimedRun(1_351_000, 4.0, 4.0 / 2.32),
    )
    values = {
        "straight_ns": 1_462_500,
        "standstill_ns": 1_446_000,
        "circles": circles,
        "runs": runs,
        **changes,
    }
    return Survey(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("percent", "radius_m", "angle_deg"), MEASURED_CIRCLES)
def test_a_measured_circle_gives_the_published_wheel_angle(
    percent: int, radius_m: float, angle_deg: float
) -> None:
    assert math.degrees(wheel_angle_rad(radius_m)) == pytest.approx(angle_deg, abs=0.06)


def test_a_shorter_wheelbase_steers_less_on_the_same_circle() -> None:
    assert wheel_angle_rad(1.0, wheelbase_m=0.1) == pytest.approx(math.atan(0.1))


def test_speed_is_distance_over_time_and_a_car_that_stands_has_none() -> None:
    assert speed_mps(4.0, 2.5) == pytest.approx(1.6)
    assert speed_mps(0.0, 0.0) == 0.0


@pytest.mark.parametrize("radius_m", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_radius_is_refused(radius_m: float) -> None:
    with pytest.raises(BadFileError, match="radius"):
        wheel_angle_rad(radius_m)


@pytest.mark.parametrize(
    ("distance_m", "time_s"), [(-1.0, 1.0), (math.nan, 1.0), (1.0, 0.0), (1.0, math.nan)]
)
def test_an_impossible_run_is_refused(distance_m: float, time_s: float) -> None:
    with pytest.raises(BadFileError, match="expected"):
        speed_mps(distance_m, time_s)


def test_the_physical_car_becomes_a_lopsided_table_through_every_measurement() -> None:
    calibration = _survey().calibration(name="physical")
    assert calibration.neutral.steering_ns == 1_462_500
    for percent, radius_m, _ in MEASURED_CIRCLES:
        if abs(percent) < 25:
            continue
        angle_rad = math.copysign(wheel_angle_rad(radius_m), percent)
        assert calibration.pwm(Command(angle_rad, 0.0)).steering_ns == 1_450_000 + 2_500 * percent
    assert calibration.pwm(Command(math.radians(20.0), 0.0)).steering_ns == 1_700_000, (
        "full lock is 14.9 degrees"
    )
    assert calibration.pwm(Command(0.0, 1.61)).motor_ns == 1_372_000


def test_the_dead_band_is_jumped_over() -> None:
    calibration = _survey().calibration(name="physical")
    assert calibration.pwm(Command(0.0, 0.0)).motor_ns == 1_446_000
    assert 1_385_000 < calibration.pwm(Command(0.0, 0.3)).motor_ns < 1_392_000


def test_a_servo_mounted_the_other_way_round_is_as_good() -> None:
    circles = tuple(
        Circle(circle.pulse_ns, circle.radius_m, not circle.is_left) for circle in _survey().circles
    )
    calibration = _survey(circles=circles).calibration(name="turned")
    assert calibration.pwm(Command(1.0, 0.0)).steering_ns == 1_200_000


def test_a_circle_that_is_not_tighter_is_named() -> None:
    circles = (
        Circle(1_575_000, 1.1, is_left=True),
        Circle(1_700_000, 1.2, is_left=True),
        Circle(1_200_000, 0.6, is_left=False),
    )
    with pytest.raises(
        BadFileError, match=r"left at 1700000 ns has a radius of 1.2 m, at 1575000 ns it was 1.1"
    ):
        _survey(circles=circles).calibration(name="x")


def test_a_run_that_is_not_faster_is_named() -> None:
    runs = (TimedRun(1_390_000, 4.0, 4.0), TimedRun(1_380_000, 4.0, 5.0))
    with pytest.raises(BadFileError, match=r"1380000 ns had 0.80 m/s, at 1390000 ns it was 1.00"):
        _survey(runs=runs).calibration(name="x")


def test_a_car_that_stops_again_at_more_throttle_is_named() -> None:
    runs = (TimedRun(1_390_000, 4.0, 4.0), TimedRun(1_380_000, 0.0, 0.0))
    with pytest.raises(BadFileError, match=r"1380000 ns had 0.00 m/s"):
        _survey(runs=runs).calibration(name="x")


def test_a_survey_without_a_side_or_without_motion_is_refused() -> None:
    with pytest.raises(BadFileError, match="No circle to the right"):
        _survey(circles=(Circle(1_700_000, 0.6, is_left=True),)).calibration(name="x")
    with pytest.raises(BadFileError, match="never moved"):
        _survey(runs=(TimedRun(1_390_000, 0.0, 0.0),)).calibration(name="x")
    with pytest.raises(BadFileError, match=r"expected more than 0\.05"):
        _survey(runs=(TimedRun(1_390_000, 0.1, 10.0),)).calibration(name="x")
