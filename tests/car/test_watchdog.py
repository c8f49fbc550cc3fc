"""The watchdog looks at the clock by itself, whatever the rest of the process does."""

from __future__ import annotations

import threading

from car.action_space import Command
from car.calibration import default_calibration
from car.clock import SystemClock
from car.drive import DriveController, DriveReport, DriveState
from car.pwm import RecordingPwm
from car.watchdog import Watchdog


def driving(output: RecordingPwm) -> DriveController:
    controller = DriveController(default_calibration(), output, SystemClock(), deadline_s=0.05)
    controller.arm()
    controller.on_command(Command(0.1, 1.0), SystemClock().wall_ns())
    return controller


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
    assert reports[0].state is DriveState.STOPPED
    assert "50 ms" in reports[0].reason


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
    controller.arm()
    controller.on_command(Command(0.1, 1.0), SystemClock().wall_ns())
    assert called.wait(2.0)
    watchdog.close()
    assert output.last == default_calibration().neutral


def test_a_closed_watchdog_looks_no_more() -> None:
    watchdog = Watchdog(driving(RecordingPwm()), lambda report: None)
    watchdog.close()
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())
