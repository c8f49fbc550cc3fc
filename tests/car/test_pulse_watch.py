"""Watching the pulse files: when they became neutral, and that nothing is missed in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from car.action_space import Command
from car.calibration import default_calibration
from car.pulse_watch import PulseWatch
from car.pwm import SysfsPwm, make_fake_sysfs

UNITS = default_calibration()


def wait_until(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 5.0
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.001)


def test_it_knows_when_the_pulses_became_neutral(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path / "pwm")
    output = SysfsPwm(chip)
    output.write(UNITS.neutral)
    with PulseWatch(chip, UNITS.neutral) as watch:
        assert watch.is_neutral
        started_s = time.monotonic()
        output.write(UNITS.pwm(Command(0.1, 1.0)))
        wait_until(lambda: not watch.is_neutral)
        assert watch.neutral_after(started_s) is None
        assert 0.0 <= watch.driving_for_s() < 5.0
        time.sleep(0.05)
        output.write(UNITS.neutral)
        wait_until(lambda: watch.is_neutral)
        after_s = watch.neutral_after(started_s)
        assert after_s is not None
        assert 0.05 <= after_s <= time.monotonic() - started_s
        assert watch.driving_for_s() == 0.0


def test_a_short_stop_is_not_missed(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path / "pwm")
    output = SysfsPwm(chip)
    output.write(UNITS.pwm(Command(0.0, 1.0)))
    with PulseWatch(chip, UNITS.neutral) as watch:
        wait_until(lambda: not watch.is_neutral)
        since_s = time.monotonic()
        assert not watch.was_neutral(since_s)
        output.write(UNITS.neutral)
        wait_until(lambda: watch.is_neutral)
        output.write(UNITS.pwm(Command(0.0, 1.0)))
        wait_until(lambda: not watch.is_neutral)
        assert watch.was_neutral(since_s)
