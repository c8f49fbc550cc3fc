"""Real processes, killed and frozen: their guard leaves neutral, and a guard itself is replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from car import pwm_guard
from car.errors import Sim2RaceError
from car.guarded_pwm import END_DEADLINE_S, GuardedPwm, Heart
from car.pwm import Pwm, make_fake_sysfs, read_sysfs_pwm
from tests.car.shared_i2c import smbus2 as shared_i2c
from tests.car.shared_i2c.smbus2 import VARIABLE, SMBus, power_on

NEUTRAL = Pwm(1_450_000, 1_446_000)
FULL_SPEED = Pwm(1_450_000, 1_311_000)
DRIVER = textwrap.dedent(
    """
    import sys, time
    from car.pwm import Pwm
    from car.guarded_pwm import GuardedPwm

    output = GuardedPwm(sys.argv[1], Pwm(1_450_000, 1_446_000))
    while True:
        output.write(Pwm(1_450_000, 1_311_000))
        for _ in range(6):
            output.beat()
            time.sleep(0.005)
    """
)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """The file of a power gate."""
    line = tmp_path / "gpio514"
    line.mkdir()
    (line / "value").write_text("1\n")
    (line / "direction").write_text("in\n")
    return line / "direction"


@pytest.fixture
def driver(tmp_path: Path, gate: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that drives at full speed for ever."""
    make_fake_sysfs(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", DRIVER, f"{tmp_path}+{gate.parent}"])
    try:
        _wait_until(lambda: read_sysfs_pwm(tmp_path) == FULL_SPEED)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]
)
def test_a_driver_that_a_signal_ends_leaves_neutral_no_power_and_no_process(
    number: signal.Signals, driver: subprocess.Popen[bytes], tmp_path: Path, gate: Path
) -> None:
    (guard,) = _guards(driver.pid)
    driver.send_signal(number)
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == NEUTRAL)
    _wait_until(lambda: not guard.is_running() or guard.status() == psutil.STATUS_ZOMBIE)
    assert gate.read_text() == "high\n"


def test_a_frozen_driver_is_at_neutral_until_it_thaws(
    driver: subprocess.Popen[bytes], tmp_path: Path, gate: Path
) -> None:
    os.kill(driver.pid, signal.SIGSTOP)
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == NEUTRAL)
    assert gate.read_text() == "low\n"
    os.kill(driver.pid, signal.SIGCONT)
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == FULL_SPEED)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_servo_hat_behind_i2c_gets_neutral_from_the_guard_too(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registers = tmp_path / "registers"
    power_on(registers)
    monkeypatch.setenv(VARIABLE, str(registers))
    monkeypatch.setenv("PYTHONPATH", str(Path(shared_i2c.__file__).parent))
    hat = SMBus(1)
    process = subprocess.Popen([sys.executable, "-c", DRIVER, "pca9685:1:0x40"])
    try:
        _wait_until(lambda: round(hat.pulse_ns(0)) == pytest.approx(FULL_SPEED.motor_ns, abs=5_000))
        process.send_signal(number)
        _wait_until(lambda: hat.pulse_ns(0) == pytest.approx(NEUTRAL.motor_ns, abs=5_000))
        assert hat.pulse_ns(1) == pytest.approx(NEUTRAL.steering_ns, abs=5_000)
    finally:
        process.kill()
        process.wait()


def test_who_freezes_behind_the_first_pulses_is_guarded(tmp_path: Path) -> None:
    make_fake_sysfs(tmp_path)
    output = GuardedPwm(tmp_path, NEUTRAL)
    output.write(FULL_SPEED)
    assert read_sysfs_pwm(tmp_path) == FULL_SPEED
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == NEUTRAL)
    output.close()


def test_a_chip_that_does_not_answer_keeps_no_heartbeat_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fake_sysfs(tmp_path)
    output = GuardedPwm(tmp_path, NEUTRAL)
    output.write(FULL_SPEED)
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == NEUTRAL)

    def write_and_freeze(pwm: Pwm) -> None:
        really_write(pwm)
        raise OSError("Remote I/O error")

    really_write = output._output.write
    monkeypatch.setattr(output._output, "write", write_and_freeze)
    with pytest.raises(OSError, match="Remote I/O"):
        output.write(FULL_SPEED)
    assert read_sysfs_pwm(tmp_path) == FULL_SPEED
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == NEUTRAL)
    output.close()


def test_a_kill_of_the_guard_brings_a_new_one(driver: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (guard,) = _guards(driver.pid)
    time.sleep(1.0)
    guard.kill()
    _wait_until(lambda: [new.pid for new in _guards(driver.pid)] not in ([], [guard.pid]))
    time.sleep(0.5)
    driver.kill()
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == NEUTRAL)


def test_a_steady_driver_is_left_alone(driver: subprocess.Popen[bytes], tmp_path: Path) -> None:
    seen = set()
    for _ in range(50):
        seen.add(read_sysfs_pwm(tmp_path))
        time.sleep(0.01)
    assert seen == {FULL_SPEED}


def test_a_guard_that_hangs_is_replaced(tmp_path: Path) -> None:
    make_fake_sysfs(tmp_path)
    output = GuardedPwm(tmp_path, NEUTRAL)
    (guard,) = _guards(os.getpid())
    time.sleep(1.0)
    guard.suspend()
    for _ in range(5000):
        output.beat()

    def is_replaced() -> bool:
        output.beat()
        return _guards(os.getpid()) not in ([], [guard])

    _wait_until(is_replaced)
    output.close()


def test_without_a_guard_the_heartbeat_fails_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fake_sysfs(tmp_path)
    output = GuardedPwm(tmp_path, NEUTRAL)
    monkeypatch.setattr("car.guarded_pwm.UNGUARDED_S", 0.2)
    monkeypatch.setattr("car.pwm_guard.command", lambda *arguments: ["false"])
    _guards(os.getpid())[0].kill()

    def fails() -> bool:
        try:
            output.beat()
        except OSError as error:
            return "guard process does not start" in str(error)
        return False

    _wait_until(fails)
    output.close()


def test_an_output_whose_guard_does_not_start_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_fake_sysfs(tmp_path)
    monkeypatch.setattr("car.pwm_guard.command", lambda *arguments: ["false"])
    with pytest.raises(Sim2RaceError, match=r"guard process for .* does not start"):
        GuardedPwm(tmp_path, NEUTRAL)


def test_closing_ends_the_guard_and_cuts_the_power(tmp_path: Path, gate: Path) -> None:
    make_fake_sysfs(tmp_path)
    output = GuardedPwm(f"{tmp_path}+{gate.parent}", NEUTRAL)
    assert output.has_gate
    output.write(FULL_SPEED)
    assert gate.read_text() == "low\n"
    (guard,) = _guards(os.getpid())
    output.close()
    assert read_sysfs_pwm(tmp_path) == NEUTRAL
    assert gate.read_text() == "high\n"
    assert not guard.is_running()


def test_a_guard_is_given_the_time_for_all_its_tries() -> None:
    assert END_DEADLINE_S > pwm_guard.LAST_TRIES * pwm_guard.RETRY_S


def test_the_guard_learns_a_new_neutral(tmp_path: Path) -> None:
    make_fake_sysfs(tmp_path)
    output = GuardedPwm(tmp_path, NEUTRAL)
    trimmed = Pwm(1_470_000, 1_446_000)
    output.use_neutral(trimmed)
    assert read_sysfs_pwm(tmp_path) == trimmed
    output.write(FULL_SPEED)
    with Heart(output):
        time.sleep(0.3)
        assert read_sysfs_pwm(tmp_path) == FULL_SPEED
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == trimmed)
    output.close()


def _guards(pid: int) -> list[psutil.Process]:
    children = psutil.Process(pid).children()
    return [child for child in children if "car.pwm_guard" in _command_line(child)]


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _wait_until(is_so: Callable[[], bool], *, within_s: float = 20.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_pulses_come_as_often_as_the_calibration_says(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path)
    output = GuardedPwm(tmp_path, NEUTRAL, period_ns=10_000_000)
    assert [(chip / f"pwm{channel}" / "period").read_text() for channel in (0, 1)] == ["10000000\n"] * 2
    output.close()
    assert read_sysfs_pwm(tmp_path) == NEUTRAL
    assert (chip / "pwm0" / "period").read_text() == "10000000\n"
