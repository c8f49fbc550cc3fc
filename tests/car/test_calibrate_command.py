"""`sim2race calibrate`: answers become a file, pulses go out, and every way out ends at neutral."""

from __future__ import annotations

import itertools
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from car.action_space import Command
from car.calibrate_command import CalibrateConfig, run
from car.calibration import default_calibration, load_calibration
from car.community_calibration import load_community_calibration
from car.errors import BadFileError, Sim2RaceError
from car.pwm import Pwm, SysfsPwm, make_fake_sysfs, read_sysfs_pwm
from sim2race import main

ANSWERS: dict[str, Any] = {
    "straight_us": 1463,
    "straight_is_straight": True,
    "wheels_point_left": True,
    "left_50_radius_m": 1.155,
    "left_100_radius_m": 0.619,
    "right_50_radius_m": 0.78,
    "right_100_radius_m": 0.593,
    "speed_40_go": True,
    "speed_40_distance_m": 0,
    "speed_50_go": True,
    "speed_50_distance_m": 4.0,
    "speed_50_time_s": 3.6,
    "speed_70_go": True,
    "speed_70_distance_m": 4.0,
    "speed_70_time_s": 1.72,
}
NEUTRAL = default_calibration().neutral


def _config(folder: Path, changes: dict[str, Any] | None = None, **more: Any) -> CalibrateConfig:
    answers = folder / "answers.json"
    answers.write_text(json.dumps({**ANSWERS, **(changes or {})}))
    defaults: dict[str, Any] = {
        "path": folder / "calibration.json",
        "answers": answers,
        "steering_percent": (50, 100),
        "throttle_percent": (40, 50, 70),
    }
    return CalibrateConfig(**{**defaults, **more})


def test_answers_become_a_calibration_that_a_car_drives_by(tmp_path: Path) -> None:
    assert run(_config(tmp_path, name="blue")) == 0
    calibration = load_calibration(tmp_path / "calibration.json")
    assert calibration.name == "blue"
    assert calibration.neutral == Pwm(steering_ns=1_463_000, motor_ns=1_446_000)
    assert calibration.pwm(Command(1.0, 4.0 / 1.72)).steering_ns == 1_700_000
    assert calibration.pwm(Command(1.0, 4.0 / 3.6)).motor_ns == 1_378_500
    assert calibration.pwm(Command(0.0, 9.0)).motor_ns == 1_351_500, "never faster than measured"


def test_the_curve_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(_config(tmp_path))
    shown = capsys.readouterr().out
    assert shown.count("●") == 5 + 4
    assert "wheel angle, degrees" in shown


def test_the_pulses_go_out_and_end_at_neutral(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chip = make_fake_sysfs(tmp_path / "pwm")
    written: list[Pwm] = []
    write = SysfsPwm.write

    def spy(self: SysfsPwm, pwm: Pwm) -> None:
        written.append(pwm)
        write(self, pwm)

    monkeypatch.setattr(SysfsPwm, "write", spy)
    run(_config(tmp_path, output=str(chip)))
    assert written[0] == NEUTRAL
    moving = [pwm.motor_ns for pwm in written if pwm.motor_ns != NEUTRAL.motor_ns]
    assert moving == [1_392_000, 1_378_500, 1_351_500]
    for before, after in itertools.pairwise(written):
        assert NEUTRAL.motor_ns in (before.motor_ns, after.motor_ns), "neutral between any two runs"
    assert {1_581_500, 1_331_500, 1_700_000, 1_200_000} <= {pwm.steering_ns for pwm in written}
    assert read_sysfs_pwm(chip) == NEUTRAL


def test_the_previous_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    default_calibration().save(path)
    before = path.read_bytes()
    run(_config(tmp_path))
    assert (tmp_path / "calibration.json.bak").read_bytes() == before
    assert path.read_bytes() != before


def test_the_communitys_file_comes_along(tmp_path: Path) -> None:
    path = tmp_path / "theirs.json"
    run(_config(tmp_path, community=path))
    assert load_community_calibration(path).servo.mid_ns == 1_463_000


def test_wheels_that_point_the_other_way_turn_the_table_round(tmp_path: Path) -> None:
    run(_config(tmp_path, {"wheels_point_left": False}))
    assert load_calibration(tmp_path / "calibration.json").pwm(Command(1.0, 0.0)).steering_ns == 1_200_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"left_100_radius_m": 1.2}, "left at 1700000 ns has a radius of 1.2 m, at 1581500 ns it was 1.155"),
        ({"speed_70_time_s": 9.0}, "run at 1351500 ns had 0.44 m/s, at 1378500 ns it was 1.11"),
        ({"straight_us": 1200}, "'straight_us' is 1200; expected 1250 to 1650"),
        ({"straight_is_straight": False}, "1463 us is not straight"),
        ({"speed_50_go": "yes"}, "'speed_50_go' is 'yes'; expected true or false"),
        ({"left_50_radius_m": None}, "'left_50_radius_m' is None"),
        ({"left_50_radius_m": 0, "left_100_radius_m": 0}, "No circle to the left"),
    ],
)
def test_answers_that_cannot_be_leave_the_old_file_as_it_was(
    changes: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "calibration.json"
    default_calibration().save(path)
    before = path.read_bytes()
    with pytest.raises(BadFileError, match=reason):
        run(_config(tmp_path, changes))
    assert path.read_bytes() == before
    assert not (tmp_path / "calibration.json.bak").exists()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"steering_percent": (50, 25)}, "steering percentages"),
        ({"throttle_percent": (50, 110)}, "throttle percentages"),
        ({"wheelbase_m": 16.5}, "wheelbase"),
        ({"run_s": 60.0}, "longest run"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_before_anything_moves(
    wrong: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(Sim2RaceError, match=reason):
        run(_config(tmp_path, output=str(tmp_path / "no-chip"), **wrong))


def test_the_command_line_prints_one_line_and_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", "--output", str(tmp_path), "--path", str(tmp_path / "c.json")]) == 2
    assert "found none" in capsys.readouterr().err


class _Terminal:
    """`sim2race calibrate` with a person at its terminal, driving at 50 % from the start."""

    def __init__(self, folder: Path) -> None:
        self.chip = make_fake_sysfs(folder / "pwm")
        keyboard, terminal = pty.openpty()
        self._keyboard = keyboard
        arguments = ["--path", str(folder / "c.json"), "--output", str(self.chip)]
        percents = ["--steering-percent", "100", "--throttle-percent", "50", "--run-s", "20"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sim2race", "calibrate", *arguments, *percents],
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(terminal)
        for answer in ("1450", "y", "y", "0.6", "0.6", "y"):
            os.write(keyboard, f"{answer}\n".encode())

    def press_enter(self) -> None:
        os.write(self._keyboard, b"\n")

    def answer(self, *answers: str) -> None:
        for answer in answers:
            os.write(self._keyboard, f"{answer}\n".encode())

    def wait_for(self, condition: Callable[[Pwm], bool], seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while not condition(read_sysfs_pwm(self.chip)):
            assert time.monotonic() < end_s, read_sysfs_pwm(self.chip)
            time.sleep(0.005)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._keyboard)


@pytest.fixture
def terminal(tmp_path: Path) -> Any:
    opened = _Terminal(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_every_signal_ends_at_neutral_while_the_motor_runs(terminal: _Terminal, number: int) -> None:
    terminal.wait_for(lambda pwm: pwm.motor_ns == 1_378_500, 20.0)
    time.sleep(0.5)  # the guard is another process, which starts as slowly as this one
    terminal.process.send_signal(number)
    terminal.wait_for(lambda pwm: pwm == NEUTRAL, 20.0)
    terminal.process.wait(20.0)
    assert read_sysfs_pwm(terminal.chip) == NEUTRAL


def test_enter_ends_a_run_and_the_answers_are_kept(terminal: _Terminal, tmp_path: Path) -> None:
    terminal.wait_for(lambda pwm: pwm.motor_ns == 1_378_500, 20.0)
    terminal.press_enter()
    terminal.wait_for(lambda pwm: pwm == NEUTRAL, 20.0)
    terminal.answer("4.0", "2.5")
    assert terminal.process.wait(20.0) == 0
    assert json.loads((tmp_path / "c.answers.json").read_text())["speed_50_time_s"] == 2.5
    assert load_calibration(tmp_path / "c.json").pwm(Command(0.0, 1.6)).motor_ns == 1_378_500
