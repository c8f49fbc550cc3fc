"""What a car needs before it may be armed, who may drive it, and when its power is cut."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from car.action_space import Command
from car.drive import MISTIMED_STICK
from car.drive_conditions import NOTHING_COMES
from car.drive_limits import DriveLimits
from car.drive_report import DriveMode, DriveState
from car.errors import Sim2RaceError
from car.pwm import Pwm
from tests.car.driven_car import AHEAD, CALIBRATION, NEUTRAL, DrivenCar


def test_a_car_is_ready_once_decisions_flow_and_not_when_they_cease() -> None:
    car = DrivenCar()
    car.controller.tick()
    assert (car.state(), car.controller.report.reason) == (DriveState.DISARMED, NOTHING_COMES)
    assert not car.controller.arm()
    car.command(age_s=0.2)
    assert "frames are old" in car.controller.report.reason
    car.command(age_s=-1.0)
    assert "from the future" in car.controller.report.reason
    car.command(Command(math.nan, 1.0))
    assert "not finite" in car.controller.report.reason
    assert not car.controller.arm()
    car.command()
    assert (car.state(), car.controller.report.reason) == (DriveState.READY, "not armed")
    car.wait(0.6)
    assert (car.state(), car.controller.report.reason) == (DriveState.DISARMED, NOTHING_COMES)


def test_an_obstacle_from_outside_keeps_a_car_from_being_armed_and_stops_one_that_drives() -> None:
    car = DrivenCar()
    car.command()
    low = "the battery is low"
    report = car.controller.block("battery", low)
    assert report is not None
    assert (report.state, report.reason) == (DriveState.DISARMED, low)
    assert car.controller.block("battery", low) is None
    assert not car.controller.arm()
    car.controller.block("battery", "")
    car.drive()
    report = car.controller.block("battery", low)
    assert report is not None
    car.assert_stopped(low)
    car.controller.acknowledge()
    assert not car.controller.arm()
    car.controller.block("battery", "")
    car.drive()


@pytest.mark.parametrize("jump_s", [-500.0, -0.03, 0.03, 5.0])
def test_a_clock_that_is_set_stops_the_car(jump_s: float) -> None:
    car = DrivenCar()
    car.drive()
    car.wait(0.05)
    car.clock.set_wall(jump_s)
    car.wait(0.005)
    car.assert_stopped("the system clock was set by")
    car.controller.acknowledge()
    car.drive()


def test_a_clock_that_is_slewed_or_set_while_nothing_moves_stops_nothing() -> None:
    car = DrivenCar()
    car.wait(0.1)
    car.clock.set_wall(1000.0)
    car.wait(0.1)
    car.drive()
    for _ in range(100):
        car.clock.set_wall(0.0005)
        car.wait(0.01)
        car.command()
    assert car.state() is DriveState.DRIVING


def test_a_program_arms_itself_once_when_it_is_ready() -> None:
    car = DrivenCar()
    car.controller.arm_when_ready()
    car.wait(0.05)
    assert car.state() is DriveState.DISARMED
    car.command()
    assert car.state() is DriveState.ARMED
    car.command()
    assert car.state() is DriveState.DRIVING
    car.wait(0.2)
    car.controller.acknowledge()
    car.command()
    assert car.state() is DriveState.READY


def test_a_stick_is_obeyed_only_in_manual_mode() -> None:
    car = DrivenCar()
    car.drive()
    car.controller.on_manual(1.0, 1.0)
    assert car.output.last == CALIBRATION.pwm(AHEAD)
    car.controller.set_mode(DriveMode.MANUAL)
    assert car.output.last == NEUTRAL
    car.arm()
    car.command()
    assert car.output.last == NEUTRAL
    car.controller.on_manual(1.0, 0.5)
    assert car.output.last == CALIBRATION.pwm(Command(math.radians(20.0), 2.0))
    assert car.controller.report.command == Command(math.radians(20.0), 2.0)


def test_a_browser_that_falls_silent_stops_a_moving_car_and_rests_a_standing_one() -> None:
    car = DrivenCar(DriveMode.MANUAL)
    car.arm()
    car.controller.on_manual(0.5, 0.0)
    assert car.state() is DriveState.DRIVING
    car.wait(0.52)
    assert (car.state(), car.output.last) == (DriveState.ARMED, NEUTRAL)
    car.controller.on_manual(0.5, 0.3)
    car.wait(0.49)
    assert car.output.last != NEUTRAL
    car.wait(0.02)
    car.assert_stopped("no fresh command for 500 ms")


def test_a_stick_with_stamps_is_repeated_and_may_be_silent_no_longer_than_a_policy() -> None:
    car = DrivenCar(DriveMode.MANUAL)
    car.arm()
    car.controller.on_manual(0.5, 0.3, car.clock.wall_ns())
    car.wait(0.09)
    assert car.output.last != NEUTRAL
    car.wait(0.02)
    car.assert_stopped("no fresh command for 100 ms")


@pytest.mark.parametrize("stick", [(math.nan, 0.0), (0.0, math.inf), (1.1, 0.0), (0.0, -1.1)])
def test_a_stick_out_of_range_stops_the_car(stick: tuple[float, float]) -> None:
    car = DrivenCar(DriveMode.MANUAL)
    car.arm()
    car.controller.on_manual(0.0, 0.2)
    car.controller.on_manual(*stick)
    car.assert_stopped("a stick")


def test_a_stick_that_was_read_long_ago_is_not_obeyed() -> None:
    car = DrivenCar(DriveMode.MANUAL)
    car.arm()
    car.controller.on_manual(0.0, 0.2, car.clock.wall_ns() - 1_000_000_000)
    assert car.output.last == NEUTRAL
    assert car.controller.ledger.dropped_late == 1


def test_without_a_reverse_in_the_table_a_stick_backwards_stands() -> None:
    car = DrivenCar(DriveMode.MANUAL)
    car.arm()
    car.controller.on_manual(-1.0, -1.0)
    assert car.output.last == CALIBRATION.pwm(Command(math.radians(-20.0), 0.0))


def test_pulses_are_tried_out_within_limits_and_the_motor_only_for_a_moment() -> None:
    car = DrivenCar(DriveMode.CALIBRATION)
    car.controller.on_pulses(1_600_000, -1)
    assert car.output.last == NEUTRAL
    car.arm()
    car.controller.on_pulses(1_600_000, -1)
    assert car.output.last == Pwm(1_600_000, NEUTRAL.motor_ns)
    car.wait(60.0)
    assert car.output.last == Pwm(1_600_000, NEUTRAL.motor_ns)
    car.controller.on_pulses(-1, 1_400_000)
    assert car.output.last == Pwm(1_600_000, 1_400_000)
    car.wait(3.1)
    car.assert_stopped("no fresh command for 3000 ms")


@pytest.mark.parametrize("pulses", [(20_000_000, -1), (-1, 0), (math.nan, -1)])
def test_a_pulse_that_could_harm_a_servo_stops_the_car(pulses: tuple[float, float]) -> None:
    car = DrivenCar(DriveMode.CALIBRATION)
    car.arm()
    car.controller.on_pulses(1_600_000, -1)
    car.controller.on_pulses(*pulses)
    car.assert_stopped("a pulse out of range")


def test_leaving_a_mode_leads_to_neutral() -> None:
    car = DrivenCar(DriveMode.CALIBRATION)
    car.arm()
    car.controller.on_pulses(-1, 1_400_000)
    report = car.controller.set_mode(DriveMode.AUTONOMOUS)
    assert (report.state, report.pwm) == (DriveState.DISARMED, NEUTRAL)


def test_another_calibration_counts_from_the_next_pulse_on() -> None:
    car = DrivenCar()
    car.drive()
    trimmed = replace(CALIBRATION, neutral_steering_ns=1_470_000)
    car.controller.recalibrate(trimmed)
    assert car.output.last == trimmed.neutral
    assert car.state() is DriveState.DISARMED


def test_the_power_is_cut_when_a_stopped_car_stands_and_comes_back_with_time_to_wake() -> None:
    car = DrivenCar()
    car.drive()
    car.wait(0.2)
    assert not car.gate.is_cut()
    car.wait(2.1)
    assert car.gate.is_cut()
    car.controller.acknowledge()
    assert car.gate.is_cut()
    car.arm()
    assert not car.gate.is_cut()
    car.wait(1.9)
    car.command()
    assert (car.state(), car.output.last) == (DriveState.ARMED, NEUTRAL)
    car.wait(0.2)
    car.command()
    assert car.state() is DriveState.DRIVING


def test_power_that_somebody_else_cut_comes_back_too() -> None:
    car = DrivenCar()
    car.drive()
    car.wait(0.2)
    car.gate.cut()
    car.controller.acknowledge()
    car.arm()
    assert not car.gate.is_cut()
    car.command()
    assert car.output.last == NEUTRAL, "the motor controller has not woken yet"


def test_the_power_of_a_car_that_a_person_disarmed_is_left_on() -> None:
    car = DrivenCar()
    car.drive()
    car.controller.disarm()
    car.wait(5.0)
    assert not car.gate.is_cut()


def test_a_chip_that_does_not_take_neutral_costs_the_car_its_power_at_once() -> None:
    car = DrivenCar()
    car.drive()
    car.output.refuses_all = True
    car.controller.disarm()
    assert car.gate.is_cut()


def test_a_stick_whose_clock_is_wrong_moves_nothing_and_says_so() -> None:
    car = DrivenCar(mode=DriveMode.MANUAL)
    car.arm()
    report = car.controller.on_manual(0.0, 0.5, car.clock.wall_ns() - 5_000_000_000)
    assert (report.state, report.reason) == (DriveState.ARMED, MISTIMED_STICK)
    assert car.output.last == NEUTRAL
    assert car.controller.on_manual(0.0, 0.5, car.clock.wall_ns()).state is DriveState.DRIVING


def test_a_maximum_is_a_share_of_the_limit_and_the_policys_alone() -> None:
    car = DrivenCar()
    car.controller.limit_speed(0.05)
    car.arm()
    car.command()
    assert car.controller.report.command.speed_mps == pytest.approx(0.05 * DriveLimits().speed_limit_mps)
    with pytest.raises(Sim2RaceError, match="0 to 1"):
        car.controller.limit_speed(math.nan)
    car.controller.set_mode(DriveMode.MANUAL)
    car.arm()
    car.controller.on_manual(0.0, 1.0)
    assert car.controller.report.command.speed_mps > 1.0
