"""The community's calibration.json: their numbers give their pulses, and a broken file is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from car.action_space import Command
from car.calibration import default_calibration, from_community, load_calibration, to_community
from car.community_calibration import factory_calibration, load_community_calibration
from car.errors import BadFileError, Sim2RaceError
from car.pwm import Pwm

THEIR_FILE = {
    "Calibration": {
        "Servo": {"min": 1_200_000, "mid": 1_450_000, "max": 1_700_000, "polarity": 1},
        "Motor": {"min": 1_311_000, "mid": 1_446_000, "max": 1_603_500, "polarity": -1},
        "version": 1,
    }
}


def test_the_factory_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(THEIR_FILE))
    assert load_community_calibration(path) == factory_calibration()


def test_what_is_written_is_their_file(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    factory_calibration().save(path)
    assert json.loads(path.read_text()) == THEIR_FILE


@pytest.mark.parametrize(
    ("throttle", "pulse_ns"),
    [
        (0.0, 1_446_000),
        (0.1, 1_432_500),
        (0.3, 1_405_500),
        (0.5, 1_378_500),
        (1.0, 1_311_000),
        (-1, 1_603_500),
    ],
)
def test_throttle_becomes_their_pulse(throttle: float, pulse_ns: int) -> None:
    assert factory_calibration().pwm(0.0, throttle) == Pwm(steering_ns=1_450_000, motor_ns=pulse_ns)


def test_left_is_the_longer_pulse() -> None:
    assert factory_calibration().pwm(1.0, 0.0).steering_ns == 1_700_000
    assert factory_calibration().pwm(-0.5, 0.0).steering_ns == 1_325_000


@pytest.mark.parametrize("bad", [1.01, -1.01, math.nan, math.inf])
def test_a_value_beyond_full_is_refused(bad: float) -> None:
    with pytest.raises(Sim2RaceError, match="expected -1 to 1"):
        factory_calibration().pwm(bad, 0.0)


@pytest.mark.parametrize(
    ("channel", "change", "reason"),
    [
        ("Servo", {"mid": 1_100_000}, "Servo: min, mid and max are 1200000, 1100000 and 1700000"),
        ("Motor", {"polarity": 0}, "Motor: the polarity is 0; expected 1 or -1"),
        ("Servo", {"max": 20_000_000}, "Servo: the pulses reach from 1200000 to 20000000"),
        ("Motor", {"min": "low"}, "Motor: 'min' is 'low'"),
        ("Motor", {"min": 1_300_000.5}, "Motor has the values [1300000.5"),
    ],
)
def test_an_unusable_file_is_refused_by_both_readers(
    channel: str, change: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    content = json.loads(json.dumps(THEIR_FILE))
    content["Calibration"][channel].update(change)
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(content))
    for read in (load_community_calibration, load_calibration):
        with pytest.raises(BadFileError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"Calibration": 3}, "'Calibration' is 3"),
        ({"Calibration": {"Servo": {}, "Motor": {}}}, "version None; expected 1"),
        ({"Calibration": {"version": 1, "Servo": None}}, "Servo is None"),
        ({"format": "sim2race-calibration", "Calibration": {}}, "version None; expected 1"),
    ],
)
def test_a_foreign_file_is_refused_with_the_reason(
    content: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(content))
    with pytest.raises(BadFileError, match=reason):
        load_calibration(path)


def test_load_calibration_gives_their_file_the_nominal_units(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(THEIR_FILE))
    assert load_calibration(path) == replace(default_calibration(), name="community")
    assert load_calibration(path).pwm(Command(0.0, -1.0)).motor_ns == 1_446_000, "no way into reverse"


def test_a_turned_servo_keeps_left_on_the_left() -> None:
    factory = factory_calibration()
    turned = replace(factory, servo=replace(factory.servo, polarity=-1))
    assert from_community(turned).pwm(Command(math.radians(20.0), 0.0)).steering_ns == 1_200_000


def test_reducing_a_calibration_keeps_its_ends_and_neutral() -> None:
    reduced = to_community(default_calibration())
    assert reduced.servo == factory_calibration().servo
    assert reduced.motor.to_json() == {
        "min": 1_311_000,
        "mid": 1_446_000,
        "max": 1_581_000,
        "polarity": -1,
    }
    assert from_community(reduced) == replace(default_calibration(), name="community")
