"""The small judges around the drive: the clock, who speaks, and the battery."""

from __future__ import annotations

import math

import pytest

from car.battery import BatteryWatch, percent_of_level
from car.clock import HeldClock
from car.clock_watch import ClockWatch
from car.command_source import CommandSource


def test_a_clock_that_is_set_is_noticed_once() -> None:
    clock = HeldClock()
    watch = ClockWatch(clock, limit_s=0.02)
    assert watch.jump_s() == 0.0
    clock.advance(100.0)
    assert watch.jump_s() == 0.0
    clock.set_wall(-3.0)
    clock.advance(0.005)
    assert watch.jump_s() == pytest.approx(-3.0)
    assert watch.jump_s() == 0.0


def test_a_reading_that_was_interrupted_is_no_jump_and_hides_none() -> None:
    class Interrupted(HeldClock):
        pause_s = 0.0

        def wall_ns(self) -> int:
            self.advance(self.pause_s)
            return super().wall_ns()

    clock = Interrupted()
    watch = ClockWatch(clock, limit_s=0.02)
    watch.jump_s()
    clock.pause_s = 0.05
    clock.set_wall(1.0)
    assert watch.jump_s() == 0.0
    clock.pause_s = 0.0
    assert watch.jump_s() == pytest.approx(1.0)


def test_numbers_of_one_publisher_rise_whatever_is_lost() -> None:
    source = CommandSource("/topic")
    assert [source.on_message(number, number / 30) for number in (1, 2, 5, 6, 40)] == [""] * 5


def test_two_publishers_are_noticed_at_the_second_message_of_one_of_them() -> None:
    for first, second in ((100, 1), (1, 100)):
        source = CommandSource("/topic")
        problems = [
            source.on_message(number, i / 60)
            for i, number in enumerate((first, second, first + 1, second + 1, first + 2))
        ]
        assert problems[0] == ""
        assert all("more than one publisher sends on /topic" in problem for problem in problems[2:])


def test_when_one_of_them_has_gone_the_other_is_trusted_again_after_a_second() -> None:
    source = CommandSource("/topic")
    for number in (100, 1, 101):
        source.on_message(number, 0.0)
    assert source.on_message(102, 0.9) != ""
    assert source.on_message(103, 1.1) == ""


def test_publishers_that_do_not_number_are_counted() -> None:
    source = CommandSource("/topic")
    assert source.on_count(1, 0.0) == ""
    assert source.on_count(2, 0.1) != ""
    assert source.on_count(1, 1.2) == ""


def test_a_battery_is_low_at_the_second_reading_in_a_row() -> None:
    watch = BatteryWatch(10.0)
    assert [watch.on_reading(percent) for percent in (50.0, 9.0, 50.0, 9.0)] == [""] * 4
    assert watch.on_reading(8.0) == "the battery is below 10 %"
    assert watch.on_reading(math.nan) == "the battery is below 10 %"
    assert watch.on_reading(11.0) == ""
    assert watch.on_reading(math.nan) == ""
    assert [BatteryWatch(0.0).on_reading(0.0) for _ in range(3)] == [""] * 3


def test_a_limit_of_nothing_judges_nothing() -> None:
    watch = BatteryWatch(0.0)
    assert [watch.on_reading(percent) for percent in (-1.0, -1.0, 0.0)] == ["", "", ""]


def test_the_communitys_gauge_has_eleven_steps() -> None:
    assert (percent_of_level(0), percent_of_level(11)) == (0.0, 100.0)
    assert math.isnan(percent_of_level(-1))
