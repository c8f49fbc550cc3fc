"""The watchdog looks at the clock by itself, whatever the rest of the process does."""

from __future__ import annotations

import threading

import pytest

from car.action_space import Command
from car.calibration import default_calibration
from car.clock import SystemClock
from car.drive import DriveController
from car.drive_limits import DriveLimits
from car.drive_report import DriveReport, DriveState
from car.pwm import RecordingPwm
from car.watchdog import Watchdog


def driving(output: RecordingPwm) -> DriveController:
    limits = DriveLimits(deadline_s=0.05)
    controller = DriveController(default_calibration(), output, SystemClock(), limits=limits)
    drive(controller)
    return controller


def drive(controller: DriveController) -> None:
    for _ in range(2):
        controller.on_command(Command(0.1, 1.0), SystemClock().wall_ns())
        controller.arm()
    assert controller.report.state is DriveState.DRIVING


def test_silence_leads_to_neutral_and_a_report() -> None:
    output = RecordingPwm()
    reports: list[DriveReport] = []
    came = threading.Event()

    def take(report: DriveReport) -> None:
        reports.append(report)
        came.set()

    watchdog = Watchdog(driving(output), take)
    assert came.wait(2.0)
    watchdog.close()
    assert output.last == default_calibration().neutral
    assert reports[-1].state is DriveState.STOPPED
    assert "50 ms" in reports[-1].reason


def test_a_report_that_nobody_takes_does_not_end_the_watch() -> None:
    called = threading.Event()

    def refuse(report: DriveReport) -> None:
        called.set()
        raise RuntimeError("the graph is gone")

    output = RecordingPwm()
    controller = driving(output)
    watchdog = Watchdog(controller, refuse)
    assert called.wait(2.0)
    called.clear()
    controller.acknowledge()
    drive(controller)
    assert called.wait(2.0)
    watchdog.close()
    assert output.last == default_calibration().neutral


def test_a_look_that_fails_stops_the_car_and_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    output = RecordingPwm()
    controller = DriveController(
        default_calibration(), output, SystemClock(), limits=DriveLimits(deadline_s=60)
    )
    stopped = threading.Event()
    beats: list[int] = []
    watchdog = Watchdog(controller, lambda report: stopped.set(), lambda: beats.append(1))
    drive(controller)
    stopped.clear()
    look = controller.tick

    def fail() -> DriveReport | None:
        raise ValueError("no such thing")

    monkeypatch.setattr(controller, "tick", fail)
    assert stopped.wait(10.0)
    assert output.last == default_calibration().neutral
    assert controller.report.reason == "the watch over the deadline failed: no such thing"
    monkeypatch.setattr(controller, "tick", look)
    seen = len(beats)
    end_s = SystemClock().monotonic_s() + 10.0
    while len(beats) == seen:
        assert SystemClock().monotonic_s() < end_s, "the watch has ended"
    watchdog.close()


def test_a_closed_watchdog_looks_no_more() -> None:
    watchdog = Watchdog(driving(RecordingPwm()), lambda report: None)
    watchdog.close()
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())


def test_every_look_is_a_heartbeat_and_without_a_guard_the_car_stops() -> None:
    output = RecordingPwm()
    controller = DriveController(
        default_calibration(), output, SystemClock(), limits=DriveLimits(deadline_s=60)
    )
    beats: list[str] = []
    problem = ""
    stopped = threading.Event()

    def beat() -> None:
        beats.append(problem)
        if problem:
            raise OSError(problem)

    watchdog = Watchdog(controller, lambda report: stopped.set(), beat)
    drive(controller)
    stopped.clear()
    assert not stopped.wait(0.1)
    assert len(beats) > 5
    problem = "the guard process does not start"
    assert stopped.wait(2.0)
    assert controller.report.reason == problem
    assert output.last == default_calibration().neutral
    controller.acknowledge()
    controller.on_command(Command(0.1, 1.0), SystemClock().wall_ns())
    assert not controller.arm()
    problem = ""
    stopped.clear()
    assert stopped.wait(2.0)
    assert controller.arm()
    watchdog.close()
