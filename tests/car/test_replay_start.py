"""A replay begins when everybody hears it, and says who does not."""

from __future__ import annotations

import pytest

from car.clock import HeldClock
from car.errors import Sim2RaceError
from car.replay_start import LOG_NEEDS, NOBODY_SENDS, SETTLE_S, ReplayStart


def complete(start: ReplayStart) -> None:
    start.on_inference("no frames come")
    start.on_drive()
    start.on_log(LOG_NEEDS)


def test_it_begins_a_moment_after_the_last_one_listens() -> None:
    clock = HeldClock()
    start = ReplayStart(clock, logging=True)
    assert not start.has_begun()
    complete(start)
    assert not start.has_begun()
    clock.advance(SETTLE_S)
    assert start.has_begun()


@pytest.mark.parametrize("logging", [True, False])
def test_whoever_does_not_hear_is_waited_for(logging: bool) -> None:
    clock = HeldClock()
    start = ReplayStart(clock, logging=logging)
    start.on_inference("no frames come")
    start.on_drive()
    start.on_log(LOG_NEEDS[:1])
    assert start.missing() == ([f"the log node does not hear {LOG_NEEDS[1]}"] if logging else [])
    start.has_begun()
    clock.advance(SETTLE_S)
    assert start.has_begun() is not logging


def test_one_who_is_lost_again_is_waited_for_again_but_not_once_it_has_begun() -> None:
    clock = HeldClock()
    start = ReplayStart(clock, logging=True)
    complete(start)
    start.has_begun()
    clock.advance(SETTLE_S / 2)
    start.on_inference(NOBODY_SENDS)
    assert not start.has_begun()
    clock.advance(SETTLE_S)
    complete(start)
    assert not start.has_begun()
    clock.advance(SETTLE_S)
    assert start.has_begun()
    start.on_inference(NOBODY_SENDS)
    assert start.has_begun()


def test_at_the_deadline_it_says_who_is_missing() -> None:
    clock = HeldClock()
    start = ReplayStart(clock, logging=True, deadline_s=5.0)
    start.on_inference(NOBODY_SENDS)
    start.on_log(())
    clock.advance(4.9)
    assert not start.has_begun()
    clock.advance(0.2)
    with pytest.raises(Sim2RaceError, match="within 5 s") as error:
        start.has_begun()
    for words in (
        "inference node has not found the frames",
        "drive node is not there",
        f"log node does not hear {LOG_NEEDS[0]} and {LOG_NEEDS[1]}",
    ):
        assert words in str(error.value)
