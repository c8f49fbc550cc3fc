"""Calibration: units in, pulse widths out, and no table that a servo could not follow."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from car.action_space import Command, default_action_space
from car.calibration import Calibration, default_calibration, load_calibration
from car.errors import BadFileError, Sim2RaceError
from car.pwm import Pwm


def _bent() -> Calibration:
    """A car as measured: lopsided, off centre, right side flattening out, a dead band before it moves."""
    return Calibration(
        steering_rad=(-0.27, -0.25, -0.12, 0.0, 0.07, 0.26),
        steering_pulse_ns=(1_200_000, 1_262_500, 1_400_000, 1_463_000, 1_575_000, 1_700_000),
        speed_mps=(-1.0, 0.0, 0.05, 0.9, 3.6),
        motor_pulse_ns=(1_603_500, 1_446_000, 1_392_000, 1_385_250, 1_311_000),
        neutral_steering_ns=1_463_000,
        neutral_motor_ns=1_446_000,
        name="bent",
    )


def test_the_default_has_the_factory_pulses_at_full_lock_and_neutral() -> None:
    calibration = default_calibration()
    assert calibration.pwm(Command(math.radians(20), 0.0)) == Pwm(1_700_000, 1_446_000)
    assert calibration.pwm(Command(math.radians(-20), 4.0)) == Pwm(1_200_000, 1_311_000)
    assert calibration.pwm(Command(0.0, 0.0)) == calibration.neutral == Pwm(1_450_000, 1_446_000)


def test_the_default_reaches_every_default_action_and_brings_it_back() -> None:
    calibration = default_calibration()
    space = default_action_space()
    for index in range(space.size):
        wanted = space.command(index)
        obeyed = calibration.command(calibration.pwm(wanted))
        assert obeyed.steering_rad == pytest.approx(wanted.steering_rad, abs=1e-5)
        assert obeyed.speed_mps == pytest.approx(wanted.speed_mps, abs=1e-4)


def test_a_bent_lopsided_table_is_followed_through_its_points_and_between_them() -> None:
    calibration = _bent()
    assert calibration.pwm(Command(-0.25, 0.9)) == Pwm(1_262_500, 1_385_250)
    assert calibration.pwm(Command(0.035, 0.025)) == Pwm(1_519_000, 1_419_000)
    command = calibration.command(Pwm(1_519_000, 1_419_000))
    assert (command.steering_rad, command.speed_mps) == pytest.approx((0.035, 0.025))


def test_a_command_beyond_the_table_stops_at_its_end() -> None:
    assert _bent().pwm(Command(-9.0, 99.0)) == Pwm(1_200_000, 1_311_000)
    assert default_calibration().pwm(Command(9.0, -99.0)) == Pwm(1_700_000, 1_446_000), "no way into reverse"


def test_a_channel_without_pulses_stands_for_neutral() -> None:
    assert _bent().command(Pwm(0, 0)) == Command(0.0, 0.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_command_that_is_not_finite_is_refused(bad: float) -> None:
    for command in (Command(bad, 1.0), Command(0.1, bad)):
        with pytest.raises(Sim2RaceError, match="not finite"):
            default_calibration().pwm(command)


@pytest.mark.parametrize("calibration", [default_calibration(), _bent()], ids=["default", "bent"])
def test_saving_and_loading_keeps_every_pulse(calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    calibration.save(path)
    loaded = load_calibration(path)
    assert loaded.steering_rad == pytest.approx(calibration.steering_rad, abs=1e-9)
    assert replace(loaded, steering_rad=calibration.steering_rad) == calibration


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": None}, "is no calibration: 'format' is None"),
        ({"Calibration": {"Servo": {}}, "format": ""}, "is no calibration"),
        ({"version": 2}, "version 2; expected 1"),
        ({"period_ns": 0}, "period_ns is 0; expected 2500000 to 25000000"),
        ({"neutral": 3}, "'neutral' is 3"),
        ({"neutral": {"steering_ns": 1_450_000}}, "neutral has no 'motor_ns'"),
        ({"neutral": {"steering_ns": 1_450_000, "motor_ns": 1_500_000}}, "1446000 ns at 0 m/s"),
        ({"neutral": {"steering_ns": 1_900_000, "motor_ns": 1_446_000}}, "neutral steering is 1900000 ns"),
        ({"steering": "wide"}, "'steering' is 'wide'"),
        ({"steering": [1, 2]}, "steering point 0 is 1"),
        ({"steering": [{"angle_deg": 0, "pulse_ns": 1_450_000}]}, "expected two or more"),
        ({"steering": [{"pulse_ns": 1_450_000}]}, "steering point 0 has no 'angle_deg'"),
        ({"speed": [{"speed_mps": 0, "pulse_ns": 1_446_000.5}]}, "speed point 0: 'pulse_ns' is 1446000.5"),
        ({"speed": [{"speed_mps": 0, "pulse_ns": math.nan}]}, "expected a finite number"),
    ],
)
def test_an_ill_formed_file_is_refused_in_one_line_that_says_where(
    change: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({**default_calibration().to_json(), **change}))
    with pytest.raises(BadFileError) as caught:
        load_calibration(path)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (
            [(-20, 1_200_000), (0, 1_450_000), (20, 1_400_000)],
            "steering point 2 has a pulse of 1400000 ns after 1450000",
        ),
        ([(-20, 1_200_000), (0, 1_450_000), (20, 1_450_000)], "expected each longer"),
        ([(-20, 1_700_000), (0, 1_450_000), (20, 1_500_000)], "expected each shorter"),
        ([(-20, 1_200_000), (20, 1_450_000), (0, 1_700_000)], "steering point 2 is not above point 1"),
        ([(-20, 100_000), (0, 1_450_000), (20, 1_700_000)], "pulse of 100000 ns; expected 500000"),
        ([(5, 1_200_000), (10, 1_450_000), (20, 1_700_000)], "does not reach to both sides"),
    ],
)
def test_a_table_that_is_not_monotone_is_refused_at_its_point(
    points: list[tuple[float, int]], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "calibration.json"
    steering = [{"angle_deg": angle, "pulse_ns": pulse} for angle, pulse in points]
    path.write_text(json.dumps({**default_calibration().to_json(), "steering": steering}))
    with pytest.raises(BadFileError, match=reason):
        load_calibration(path)
