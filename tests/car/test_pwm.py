"""PWM files: what is written is what the servo gets, and a reader never finds half of it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from car.errors import Sim2RaceError
from car.pwm import Pwm, RecordingPwm, SysfsPwm, make_fake_sysfs, read_sysfs_pwm


def test_a_chip_sends_nothing_until_the_first_write(tmp_path: Path) -> None:
    make_fake_sysfs(tmp_path)
    output = SysfsPwm(tmp_path)
    assert read_sysfs_pwm(tmp_path) == Pwm(0, 0)
    output.write(Pwm(steering_ns=1_450_000, motor_ns=1_446_000))
    assert read_sysfs_pwm(tmp_path) == Pwm(1_450_000, 1_446_000)


def test_the_files_are_those_of_linux_with_the_motor_on_channel_0(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path)
    SysfsPwm(chip).write(Pwm(steering_ns=1_700_000, motor_ns=1_311_000))
    for channel, duty in ((0, "1311000\n"), (1, "1700000\n")):
        folder = chip / f"pwm{channel}"
        assert (folder / "duty_cycle").read_text() == duty
        assert (folder / "period").read_text() == "20000000\n"
        assert (folder / "enable").read_text() == "1\n"


def test_a_shorter_number_replaces_a_longer_one(tmp_path: Path) -> None:
    output = SysfsPwm(make_fake_sysfs(tmp_path))
    output.write(Pwm(1_450_000, 1_446_000))
    output.write(Pwm(999_999, 500_000))
    assert read_sysfs_pwm(tmp_path) == Pwm(999_999, 500_000)


def test_the_last_pulse_stays_after_closing(tmp_path: Path) -> None:
    output = SysfsPwm(make_fake_sysfs(tmp_path))
    output.write(Pwm(1_450_000, 1_446_000))
    output.close()
    output.close()
    assert read_sysfs_pwm(tmp_path) == Pwm(1_450_000, 1_446_000)
    with pytest.raises(OSError, match="descriptor"):
        output.write(Pwm(1_700_000, 1_311_000))


def test_making_the_chip_again_switches_it_off(tmp_path: Path) -> None:
    SysfsPwm(make_fake_sysfs(tmp_path)).write(Pwm(1_450_000, 1_400_000))
    make_fake_sysfs(tmp_path)
    assert read_sysfs_pwm(tmp_path) == Pwm(0, 0)


def test_a_reader_never_finds_a_torn_value(tmp_path: Path) -> None:
    output = SysfsPwm(make_fake_sysfs(tmp_path))
    values = [Pwm(1_200_000, 1_311_000), Pwm(700_000, 999_999)]
    output.write(values[0])
    done = threading.Event()

    def keep_writing() -> None:
        while not done.is_set():
            for value in values:
                output.write(value)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        seen = {(pwm.steering_ns, pwm.motor_ns) for pwm in (read_sysfs_pwm(tmp_path) for _ in range(2_000))}
    finally:
        done.set()
        writer.join()
    assert {steering for steering, _ in seen} <= {1_200_000, 700_000}
    assert {motor for _, motor in seen} <= {1_311_000, 999_999}


def test_a_second_writer_leaves_a_running_channel_enabled(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path)
    SysfsPwm(chip).write(Pwm(1_450_000, 1_446_000))
    enables = [chip / f"pwm{channel}" / "enable" for channel in (0, 1)]
    for path in enables:
        os.utime(path, ns=(0, 0))
    SysfsPwm(chip).write(Pwm(1_500_000, 1_400_000))
    assert [path.stat().st_mtime_ns for path in enables] == [0, 0]


def test_a_folder_without_a_chip_or_with_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match="found none"):
        SysfsPwm(tmp_path)
    make_fake_sysfs(tmp_path)
    (tmp_path / "pwmchip1").mkdir()
    with pytest.raises(Sim2RaceError, match=r"2 of them \(pwmchip0, pwmchip1\); name one"):
        SysfsPwm(tmp_path)


def test_a_channel_that_never_appears_is_refused(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path)
    (chip / "pwm1" / "duty_cycle").unlink()
    with pytest.raises(Sim2RaceError, match="channel 1 does not become writable"):
        SysfsPwm(chip)


def test_a_file_without_a_number_is_refused(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path)
    SysfsPwm(chip).write(Pwm(1_450_000, 1_446_000))
    (chip / "pwm0" / "duty_cycle").write_text("fast\n")
    with pytest.raises(Sim2RaceError, match="pwm0 cannot be read"):
        read_sysfs_pwm(chip)


def test_a_recording_keeps_everything_in_order() -> None:
    output = RecordingPwm()
    assert output.last is None
    output.write(Pwm(1, 2))
    output.write(Pwm(3, 4))
    assert output.writes == [Pwm(1, 2), Pwm(3, 4)]
    assert output.last == Pwm(3, 4)


def test_a_reader_finds_whole_files_while_an_output_is_set_up(tmp_path: Path) -> None:
    SysfsPwm(make_fake_sysfs(tmp_path)).write(Pwm(1_450_000, 1_446_000))
    is_done = threading.Event()

    def set_up_again_and_again() -> None:
        for i in range(300):
            SysfsPwm(tmp_path, period_ns=20_000_000 + i).close()
        is_done.set()

    writer = threading.Thread(target=set_up_again_and_again)
    writer.start()
    while not is_done.is_set():
        assert read_sysfs_pwm(tmp_path) in (Pwm(1_450_000, 1_446_000), Pwm(1_450_000, 0), Pwm(0, 0))
    writer.join()


def test_an_inverted_channel_is_set_right_before_it_is_used(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path)
    for channel in (0, 1):
        (chip / f"pwm{channel}" / "polarity").write_text("inversed\n")
        (chip / f"pwm{channel}" / "enable").write_text("1\n")
    output = SysfsPwm(tmp_path)
    assert [(chip / f"pwm{channel}" / "polarity").read_text() for channel in (0, 1)] == ["normal\n"] * 2
    assert [(chip / f"pwm{channel}" / "enable").read_text() for channel in (0, 1)] == ["0\n"] * 2
    output.write(Pwm(1_450_000, 1_446_000))
    assert read_sysfs_pwm(tmp_path) == Pwm(1_450_000, 1_446_000)
    output.close()
