"""The figures of a drive: sums that must come out, percentiles, growth, and when an aim is met."""

from __future__ import annotations

import math

import numpy as np
import pytest

from car.drive_trace import DriveTrace, FrameTotals, Percentiles, ProcessTrace


def good_trace(*, loaded: bool = False, p99_ms: float = 10.0) -> DriveTrace:
    trace = DriveTrace(fps=30.0, loaded=loaded, duration_s=10.0)
    trace.frames = FrameTotals(frames_in=300, acted=297, overtaken=2, too_old=1)
    trace.obeyed = 297
    trace.to_written_ms = [p99_ms] * 297
    trace.written_s = list(np.arange(297) / 30.0)
    return trace


def test_drops_are_named_by_their_cause_and_add_up() -> None:
    counted = FrameTotals(frames_in=400, acted=390, overtaken=6, too_old=2, frozen=1).since(
        FrameTotals(frames_in=100, acted=95, overtaken=5)
    )
    assert (counted.frames_in, counted.acted) == (300, 295)
    assert counted.dropped == {"overtaken": 1, "too old": 2, "frozen": 1}
    assert counted.unaccounted == 1


@pytest.mark.parametrize(
    ("loaded", "p99_ms", "is_met"), [(False, 14.9, True), (False, 15.1, False), (True, 32.0, True)]
)
def test_the_latency_aim_depends_on_the_load(loaded: bool, p99_ms: float, is_met: bool) -> None:
    verdicts = good_trace(loaded=loaded, p99_ms=p99_ms).verdicts()
    assert [met for _, _, met in verdicts] == [True, is_met]


def test_a_frame_of_which_nothing_is_known_fails_the_first_aim() -> None:
    trace = good_trace()
    trace.frames = FrameTotals(frames_in=300, acted=299)
    what, how, is_met = trace.verdicts()[0]
    assert (what, is_met) == ("every frame acted on or counted", False)
    assert "1 of 300" in how


def test_a_drive_without_frames_meets_nothing() -> None:
    assert not any(is_met for _, _, is_met in DriveTrace(fps=30.0, loaded=False).verdicts())


def test_jitter_is_the_deviation_from_the_period_and_a_stop_is_none() -> None:
    trace = good_trace()
    assert trace.jitter.max < 0.001
    trace.written_s[100:] = [at_s + 0.010 for at_s in trace.written_s[100:]]
    trace.written_s[200:] = [at_s + 3.0 for at_s in trace.written_s[200:]]
    assert trace.jitter.max == pytest.approx(10.0)


def test_memory_that_grows_after_the_warm_up_is_found_and_what_is_taken_once_is_not() -> None:
    at_s = [5.0 * i for i in range(40)]
    leaks = ProcessTrace("leaks", at_s, [0.1 * i for i in range(40)], [100.0 + 0.2 * i for i in range(40)])
    takes = ProcessTrace("takes", at_s, [0.1 * i for i in range(40)], [50.0 + min(i, 8) for i in range(40)])
    assert leaks.growth_mib_per_hour == pytest.approx(144.0)
    assert leaks.cpu_percent == pytest.approx(2.0)
    trace = good_trace()
    trace.processes = [leaks, takes]
    assert trace.growing() == [leaks]
    assert trace.verdicts()[2][1:] == ("leaks", False)


def test_too_few_readings_tell_nothing() -> None:
    assert math.isnan(ProcessTrace("young", [0.0, 5.0], [0.0, 1.0], [1.0, 9.0]).growth_mib_per_hour)
    trace = good_trace()
    trace.processes = [ProcessTrace("young", [0.0, 5.0], [0.0, 1.0], [1.0, 9.0])]
    assert "no process grows" not in [what for what, _, _ in trace.verdicts()]
    assert math.isnan(Percentiles.of([]).p99)
