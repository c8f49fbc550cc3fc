"""The guard: a driving process that is killed or frozen leaves a car at neutral, on every kind of output."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from car.pwm import Pwm, RecordingPwm
from car.pwm_guard import END, Guard

NEUTRAL = Pwm(1_450_000, 1_446_000)
SILENCE_S = 0.05


class _Gate:
    """A power gate that remembers what became of it."""

    def __init__(self) -> None:
        self.is_cut = False

    @property
    def powered(self) -> bool:
        return not self.is_cut

    def switch_on(self) -> None:
        self.is_cut = False

    def cut(self) -> None:
        self.is_cut = True


class _Refusing(RecordingPwm):
    """A chip that does not answer for a number of writes."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    def write(self, pwm: Pwm) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError("Remote I/O error")
        super().write(pwm)


class _Watched:
    """A guard on a thread, and the other end of its pipe."""

    def __init__(self, output: RecordingPwm) -> None:
        self.output = output
        self.gate = _Gate()
        self._read, self.pipe = os.pipe()
        guard = Guard(self._read, output, NEUTRAL, SILENCE_S, self.gate)
        self.thread = threading.Thread(target=guard.watch)
        self.thread.start()

    def beat(self) -> None:
        os.write(self.pipe, b".")

    def close(self) -> None:
        if self.pipe >= 0:
            os.close(self.pipe)
            self.pipe = -1
        self.thread.join(5.0)


@pytest.fixture
def watched() -> Iterator[_Watched]:
    made = _Watched(RecordingPwm())
    yield made
    made.close()


def _wait_until(is_so: object, within_s: float = 5.0) -> None:
    assert callable(is_so)
    end_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.002)


def test_before_the_first_heartbeat_nothing_is_written(watched: _Watched) -> None:
    time.sleep(3 * SILENCE_S)
    assert watched.output.writes == []


def test_silence_is_answered_once_and_again_after_the_next_heartbeat(watched: _Watched) -> None:
    watched.beat()
    _wait_until(lambda: watched.output.writes == [NEUTRAL])
    time.sleep(3 * SILENCE_S)
    assert watched.output.writes == [NEUTRAL]
    watched.beat()
    _wait_until(lambda: watched.output.writes == [NEUTRAL] * 2)
    assert not watched.gate.is_cut


def test_the_power_of_a_process_that_stays_frozen_is_cut(
    watched: _Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("car.pwm_guard.CUT_AFTER_S", 0.1)
    watched.beat()
    _wait_until(lambda: watched.gate.is_cut)


def test_a_death_leaves_neutral_and_no_power(watched: _Watched) -> None:
    watched.beat()
    watched.close()
    assert not watched.thread.is_alive()
    assert watched.output.last == NEUTRAL
    assert watched.gate.is_cut


def test_an_end_in_order_leaves_the_power_to_who_ends(watched: _Watched) -> None:
    os.write(watched.pipe, END)
    watched.close()
    assert watched.output.last == NEUTRAL
    assert not watched.gate.is_cut


def test_a_chip_that_does_not_answer_loses_its_power_and_is_tried_again() -> None:
    output = _Refusing(refusals=3)
    watched = _Watched(output)
    watched.beat()
    _wait_until(lambda: output.writes == [NEUTRAL])
    assert watched.gate.is_cut
    watched.close()


def test_a_chip_that_does_not_answer_at_the_end_is_tried_again() -> None:
    output = _Refusing(refusals=3)
    watched = _Watched(output)
    watched.close()
    assert output.writes == [NEUTRAL]
