"""The calibration of a running car: read by either mapping, changed whole or not at all."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from car.action_space import Command, default_action_space
from car.calibration import default_calibration, load_calibration
from car.calibration_store import STEERING, THROTTLE, CalibrationStore
from car.community_calibration import (
    CommunityCalibration,
    CommunityChannel,
    factory_calibration,
    load_community_calibration,
)
from car.errors import BadFileError, Sim2RaceError, UnknownNameError
from car.pwm import Pwm

SPACE = default_action_space()
TRIMMED = CommunityChannel(1_210_000, 1_470_000, 1_690_000, polarity=1)


@pytest.fixture
def community(tmp_path: Path) -> Path:
    path = tmp_path / "calibration.json"
    factory_calibration().save(path)
    return path


def test_without_a_file_the_factorys_values_drive_and_nothing_can_be_written() -> None:
    store = CalibrationStore(None, SPACE)
    assert store.pulses == default_calibration()
    assert store.channel(THROTTLE) == factory_calibration().motor
    with pytest.raises(Sim2RaceError, match="No calibration file is in use"):
        store.set_channel(STEERING, TRIMMED)


def test_a_channel_is_written_to_the_file_and_the_previous_file_is_kept(community: Path) -> None:
    store = CalibrationStore(community, SPACE)
    pulses = store.set_channel(STEERING, TRIMMED)
    assert pulses.neutral == Pwm(1_470_000, 1_446_000)
    assert pulses.pwm(Command(math.radians(20.0), 0.0)).steering_ns == 1_690_000
    assert store.channel(STEERING) == TRIMMED
    written = load_community_calibration(community)
    assert written == CommunityCalibration(TRIMMED, factory_calibration().motor)
    assert load_community_calibration(community.with_name("calibration.json.bak")) == factory_calibration()


def test_what_does_not_rise_is_no_channel_and_the_file_stays(community: Path) -> None:
    before = community.read_bytes()
    store = CalibrationStore(community, SPACE)
    with pytest.raises(BadFileError, match="expected them to rise"):
        store.set_channel(STEERING, CommunityChannel(1_500_000, 1_470_000, 1_690_000, polarity=1))
    with pytest.raises(Sim2RaceError, match="expected 0"):
        store.set_channel(2, TRIMMED)
    assert community.read_bytes() == before


def test_a_folder_that_cannot_be_written_leaves_the_old_calibration_in_use(
    community: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = CalibrationStore(community, SPACE)

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("car.files.os.replace", fail)
    with pytest.raises(Sim2RaceError, match="No space left"):
        store.set_channel(STEERING, TRIMMED)
    assert store.channel(STEERING) == factory_calibration().servo
    assert load_community_calibration(community) == factory_calibration()


def test_measured_tables_are_not_replaced_by_three_pulses(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    default_calibration().save(path)
    store = CalibrationStore(path, SPACE)
    assert store.channel(STEERING) == factory_calibration().servo
    with pytest.raises(Sim2RaceError, match="use sim2race calibrate"):
        store.set_channel(STEERING, TRIMMED)
    assert load_calibration(path) == default_calibration()


@pytest.mark.parametrize("is_measured", [False, True])
def test_the_communitys_mapping_drives_as_their_stack(is_measured: bool, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    (default_calibration() if is_measured else factory_calibration()).save(path)
    store = CalibrationStore(path, SPACE, mapping="community", max_speed_percent=50.0)
    # The largest angle is full lock; the largest speed is full throttle, of which the console allows half.
    assert store.pulses.pwm(Command(math.radians(20.0), 1.3)) == Pwm(1_700_000, 1_378_500)
    # Half of the largest speed is 0.8 of that.
    assert store.pulses.pwm(Command(math.radians(-10.0), 0.65)) == Pwm(1_325_000, 1_392_000)
    assert store.set_max_speed(100.0).pwm(Command(0.0, 1.3)) == Pwm(1_450_000, 1_311_000)
    with pytest.raises(Sim2RaceError, match="expected 0 to 100"):
        store.set_max_speed(101.0)
    assert store.pulses.pwm(Command(0.0, 1.3)) == Pwm(1_450_000, 1_311_000)


def test_a_maximum_in_percent_means_nothing_in_units() -> None:
    with pytest.raises(Sim2RaceError, match="mapping:=community"):
        CalibrationStore(None, SPACE).set_max_speed(50.0)


def test_an_unknown_mapping_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'community'"):
        CalibrationStore(None, SPACE, mapping="comunity")
