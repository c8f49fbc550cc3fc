"""The drive controller, on a clock that the test holds: every way to lose control ends at neutral."""

from __future__ import annotations

import math
import random

import pytest

from car.action_space import Command
from car.clock import HeldClock
from car.drive import DriveController
from car.drive_report import DriveState
from tests.car.driven_car import AHEAD, CALIBRATION, NEUTRAL, DrivenCar, FailingPwm


def test_neutral_is_written_before_anything_else() -> None:
    car = DrivenCar()
    assert car.output.writes == [NEUTRAL]
    assert car.state() is DriveState.DISARMED


def test_a_command_moves_nothing_until_armed() -> None:
    car = DrivenCar()
    car.command()
    assert car.output.last == NEUTRAL
    assert (car.controller.report.commands, car.controller.report.dropped) == (1, 1)
    assert car.state() is DriveState.READY
    assert car.controller.arm()
    assert car.state() is DriveState.ARMED
    assert car.output.last == NEUTRAL
    car.command()
    assert car.state() is DriveState.DRIVING
    assert car.output.last == CALIBRATION.pwm(AHEAD)


def test_a_report_says_what_was_written_and_from_which_frame() -> None:
    car = DrivenCar()
    car.arm()
    captured_ns = car.clock.wall_ns()
    car.clock.advance(0.03)
    inferred_ns = car.clock.wall_ns()
    car.clock.advance(0.01)
    report = car.controller.on_command(Command(0.1, 0.9), captured_ns, inferred_ns)
    assert (report.source_stamp_ns, report.inferred_stamp_ns) == (captured_ns, inferred_ns)
    assert report.stamp_ns == car.clock.wall_ns()
    assert report.command == Command(0.1, 0.9)
    assert report.pwm == CALIBRATION.pwm(Command(0.1, 0.9)) == car.output.last
    assert report.reason == ""


def test_commands_at_camera_rate_keep_the_car_driving() -> None:
    car = DrivenCar()
    car.drive()
    dropped = car.controller.report.dropped
    for _ in range(100):
        car.wait(1 / 30)
        car.command()
    assert car.state() is DriveState.DRIVING
    assert car.controller.report.dropped == dropped


def test_silence_for_the_deadline_stops_the_car() -> None:
    car = DrivenCar()
    car.drive()
    car.wait(0.095)
    assert car.state() is DriveState.DRIVING
    car.wait(0.01)
    car.assert_stopped("no fresh command for 100 ms")


def test_a_command_after_the_deadline_is_too_late_even_if_nobody_ticked() -> None:
    car = DrivenCar()
    car.drive()
    car.clock.advance(0.2)
    car.command()
    car.assert_stopped("no fresh command for 100 ms")


def test_a_stop_lasts_until_it_is_acknowledged() -> None:
    car = DrivenCar()
    car.drive()
    car.wait(0.2)
    car.command()
    assert not car.controller.arm()
    car.controller.disarm()
    car.assert_stopped("no fresh command")
    car.controller.acknowledge()
    assert car.state() is DriveState.DISARMED
    car.command()
    assert car.output.last == NEUTRAL
    car.drive()


@pytest.mark.parametrize(
    ("age_s", "obeyed"),
    [(0.0, True), (0.099, True), (0.101, False), (-0.049, True), (-0.051, False), (1e3, False)],
)
def test_a_frame_too_old_or_from_the_future_is_not_obeyed(age_s: float, obeyed: bool) -> None:
    car = DrivenCar()
    car.arm()
    car.command(age_s=age_s)
    assert (car.state() is DriveState.DRIVING) is obeyed
    assert (car.output.last != NEUTRAL) is obeyed
    assert car.controller.ledger.dropped_late == (not obeyed)


def test_a_command_without_a_stamp_is_too_old() -> None:
    car = DrivenCar()
    car.arm()
    car.controller.on_command(AHEAD, 0)
    assert car.state() is DriveState.ARMED
    assert car.controller.ledger.dropped_late == 1


def test_old_frames_do_not_feed_the_deadline() -> None:
    car = DrivenCar()
    car.drive()
    for _ in range(10):
        car.wait(0.02)
        car.command(age_s=0.15)
    car.assert_stopped("no fresh command for 100 ms: decisions come too late: their frames are old")


def test_frames_from_the_future_are_named_as_the_cause() -> None:
    car = DrivenCar()
    car.drive()
    for _ in range(10):
        car.wait(0.02)
        car.command(age_s=-10.0)
    car.assert_stopped("no fresh command for 100 ms: the frames' stamps are from the future")


def test_a_frame_overtaken_by_a_newer_one_is_not_obeyed() -> None:
    car = DrivenCar()
    car.drive()
    car.command(Command(0.2, 1.0), age_s=0.05)
    assert car.output.last == CALIBRATION.pwm(AHEAD)
    assert car.controller.ledger.dropped_late == 1


@pytest.mark.parametrize(
    "command",
    [
        Command(math.nan, 1.0),
        Command(0.0, math.nan),
        Command(math.inf, 1.0),
        Command(0.0, -math.inf),
        Command(1.0, 1.0),
        Command(-20.0, 1.0),
        Command(0.0, -0.5),
        Command(0.0, 11.0),
    ],
)
def test_a_command_that_no_car_may_obey_stops_it(command: Command) -> None:
    car = DrivenCar()
    car.drive()
    car.command(command)
    car.assert_stopped("a command")
    assert car.controller.ledger.dropped_invalid == 1


def test_a_write_that_fails_stops_the_car_at_neutral() -> None:
    car = DrivenCar()
    car.drive()
    car.output.refuses_motion = True
    car.command(Command(0.1, 1.0))
    car.assert_stopped("could not be written: Input/output error")


def test_a_neutral_that_cannot_be_written_is_tried_again_at_every_tick() -> None:
    car = DrivenCar()
    car.drive()
    car.output.refuses_all = True
    car.wait(0.3)
    assert car.state() is DriveState.STOPPED
    reason = "no fresh command for 100 ms; neutral could not be written: Input/output error"
    assert car.controller.report.reason == reason
    assert car.controller.report.pwm == CALIBRATION.pwm(AHEAD), (
        "the report does not claim what was not written"
    )
    car.output.refuses_all = False
    car.wait(0.005)
    car.assert_stopped(reason)


def test_a_chip_that_is_dead_from_the_start_cannot_be_armed() -> None:
    output = FailingPwm()
    output.refuses_all = True
    controller = DriveController(CALIBRATION, output, HeldClock())
    assert controller.report.state is DriveState.STOPPED
    assert not controller.arm()


def test_disarming_and_closing_write_neutral_and_nothing_follows() -> None:
    car = DrivenCar()
    car.drive()
    car.controller.disarm("race over")
    assert car.output.last == NEUTRAL
    assert (car.state(), car.controller.report.reason) == (DriveState.DISARMED, "race over")
    car.drive()
    car.controller.close()
    assert car.output.last == NEUTRAL
    assert car.output.closed
    car.command()
    assert not car.controller.arm()
    car.controller.close()
    assert car.output.last == NEUTRAL


def test_closing_a_broken_output_raises_nothing() -> None:
    car = DrivenCar()
    car.drive()
    car.output.refuses_all = True
    car.controller.close()
    assert car.output.closed


def test_an_armed_car_that_is_forgotten_does_not_set_off_later() -> None:
    car = DrivenCar()
    car.arm()
    car.wait(29)
    assert car.state() is DriveState.ARMED, car.controller.report.reason
    car.wait(2)
    car.command()
    car.assert_stopped("no command within 30 s of arming")


def test_acknowledging_what_is_no_stop_changes_nothing() -> None:
    car = DrivenCar()
    car.drive()
    car.controller.acknowledge()
    assert car.state() is DriveState.DRIVING
    assert car.output.last == CALIBRATION.pwm(AHEAD)


def test_the_first_reason_stays() -> None:
    car = DrivenCar()
    car.drive()
    car.controller.stop("the camera is gone")
    car.command(Command(math.nan, 1.0))
    car.wait(0.3)
    car.assert_stopped("the camera is gone")


def test_a_tick_reports_a_change_once() -> None:
    car = DrivenCar()
    car.drive()
    assert car.controller.tick() is None
    car.clock.advance(0.2)
    report = car.controller.tick()
    assert report is not None
    assert report.state is DriveState.STOPPED
    assert car.controller.tick() is None


def test_whatever_happens_the_car_moves_only_while_it_may() -> None:
    """Ten thousand random events: who moves was armed and had a fresh valid command within the deadline."""
    rng = random.Random(7)
    car = DrivenCar()
    moved_at_s = -math.inf
    for _ in range(10_000):
        event = rng.random()
        if event < 0.5:
            command = rng.choice(
                [AHEAD, AHEAD, AHEAD, Command(-0.3, 0.8), Command(math.nan, 1), Command(0, -1)]
            )
            before = car.state()
            car.command(command, age_s=rng.choice([0.0, 0.03, 0.09, 0.2, -1.0]))
            if car.state() is DriveState.DRIVING and car.controller.report.stamp_ns == car.clock.wall_ns():
                assert before in (DriveState.ARMED, DriveState.DRIVING)
                moved_at_s = car.clock.monotonic_s()
        elif event < 0.6:
            car.controller.arm()
        elif event < 0.65:
            car.controller.acknowledge()
        elif event < 0.67:
            car.controller.disarm()
        elif event < 0.69:
            car.output.refuses_motion = not car.output.refuses_motion
        car.clock.advance(rng.choice([0.001, 0.01, 0.03, 0.05]))
        car.controller.tick()
        is_moving = car.output.last != NEUTRAL
        assert is_moving == (car.state() is DriveState.DRIVING)
        if is_moving:
            assert car.clock.monotonic_s() - moved_at_s <= 0.1 + 1e-9
    assert car.controller.report.commands > 4_000
