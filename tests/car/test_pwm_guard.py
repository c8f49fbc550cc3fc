"""The guard: a driving process that is killed or frozen leaves a car at neutral."""

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

from car.pwm import Pwm, make_fake_sysfs, read_sysfs_pwm
from car.pwm_guard import GuardedPwm

NEUTRAL = Pwm(1_450_000, 1_446_000)
FULL_SPEED = Pwm(1_450_000, 1_311_000)
DRIVER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from car.pwm import Pwm
    from car.pwm_guard import GuardedPwm

    output = GuardedPwm(Path(sys.argv[1]), Pwm(1_450_000, 1_446_000))
    while True:
        output.write(Pwm(1_450_000, 1_311_000))
        time.sleep(0.03)
    """
)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that drives at full speed for ever, with its guard ready."""
    make_fake_sysfs(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)])
    try:
        _wait_until(lambda: read_sysfs_pwm(tmp_path) == FULL_SPEED)
        _wait_until(lambda: len(_guards(process.pid)) == 1)
        time.sleep(0.5)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_killed_driver_leaves_neutral_and_no_process(
    driver: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    (guard,) = _guards(driver.pid)
    driver.kill()
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == NEUTRAL, within_s=1.0)
    _wait_until(lambda: not guard.is_running() or guard.status() == psutil.STATUS_ZOMBIE)


def test_a_frozen_driver_is_at_neutral_until_it_thaws(
    driver: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    os.kill(driver.pid, signal.SIGSTOP)
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == NEUTRAL, within_s=1.0)
    os.kill(driver.pid, signal.SIGCONT)
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == FULL_SPEED)


def test_a_kill_of_the_guard_brings_a_new_one(driver: subprocess.Popen[bytes], tmp_path: Path) -> None:
    (guard,) = _guards(driver.pid)
    guard.kill()
    _wait_until(lambda: [new.pid for new in _guards(driver.pid)] not in ([], [guard.pid]))
    time.sleep(0.5)
    driver.kill()
    _wait_until(lambda: read_sysfs_pwm(tmp_path) == NEUTRAL, within_s=1.0)


def test_a_steady_driver_is_left_alone(driver: subprocess.Popen[bytes], tmp_path: Path) -> None:
    seen = set()
    for _ in range(50):
        seen.add(read_sysfs_pwm(tmp_path))
        time.sleep(0.01)
    assert seen == {FULL_SPEED}


def test_closing_ends_the_guard(tmp_path: Path) -> None:
    make_fake_sysfs(tmp_path)
    output = GuardedPwm(tmp_path, NEUTRAL)
    output.write(FULL_SPEED)
    (guard,) = _guards(os.getpid())
    output.close()
    assert read_sysfs_pwm(tmp_path) == NEUTRAL
    assert not guard.is_running()


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
