from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.events import timeline_events
from analysis.laps import Lap
from car.frame_table import FrameTable, LogEvent
from tests.analysis.frames import START_NS, frame_table


def log_of(frames: FrameTable, events: list[LogEvent] | None = None) -> Any:
    return SimpleNamespace(frames=frames, events=events or [])


def test_what_the_car_wrote_down_is_shown_in_words_at_its_time() -> None:
    log = log_of(
        frame_table(30), [LogEvent(START_NS + 500_000_000, "stopped", "no fresh command for 100 ms")]
    )

    (event,) = timeline_events(log, [])

    assert event.time_s == pytest.approx(0.5)
    assert event.text == "Stopped: no fresh command for 100 ms"
    assert event.severity == "alarm"


def test_each_lap_is_one_event_even_where_the_car_counted_it_too() -> None:
    log = log_of(frame_table(30), [LogEvent(START_NS + 900_000_000, "lap", "lap 1 in 0.90 s")])

    events = timeline_events(log, [Lap(1, 0.0, 0.9), Lap(2, 0.9, 0.8)])

    assert [event.text for event in events] == ["Lap 1: 0.900 s", "Lap 2: 0.800 s (best)"]
    assert [event.time_s for event in events] == pytest.approx([0.9, 1.7])


def test_a_gap_is_marked_where_the_frames_stop_coming() -> None:
    stamps = np.arange(30) * 33_333_333
    stamps[20:] += 200_000_000

    (event,) = timeline_events(log_of(frame_table(30, stamp_ns=START_NS + stamps)), [])

    assert (event.kind, event.severity) == ("gap", "warning")
    assert event.time_s == pytest.approx(19 / 30, abs=1e-3)
    assert "233 ms" in event.text


def test_slow_frames_close_together_are_one_event_at_the_worst() -> None:
    written = START_NS + np.arange(60) * 33_333_333 + 10_000_000
    written[[30, 31, 32]] += np.array([40, 70, 50]) * 1_000_000
    frames = frame_table(60, stamp_ns=START_NS + np.arange(60) * 33_333_333, written_ns=written)

    (event,) = timeline_events(log_of(frames), [])

    assert event.kind == "latency"
    assert event.time_s == pytest.approx(31 / 30, abs=1e-3)
    assert "80 ms" in event.text


def test_a_frame_that_is_slower_than_usual_but_done_before_the_next_is_no_event() -> None:
    stamps = START_NS + np.arange(60) * 33_333_333
    written = stamps + 5_000_000
    written[30] += 20_000_000

    assert timeline_events(log_of(frame_table(60, stamp_ns=stamps, written_ns=written)), []) == []


def test_leaving_the_track_is_said_once() -> None:
    log = log_of(frame_table(30), [LogEvent(START_NS, "off_track", "left the track at 3 %")])

    (event,) = timeline_events(log, [])

    assert (event.text, event.severity) == ("Left the track at 3 %", "alarm")


def test_events_come_in_order_of_time_and_a_steady_log_has_none() -> None:
    log = log_of(
        frame_table(30), [LogEvent(START_NS + 2, "stopped", "b"), LogEvent(START_NS - 1, "armed", "a")]
    )

    assert [event.kind for event in timeline_events(log, [])] == ["armed", "stopped"]
    assert timeline_events(log_of(frame_table(30)), []) == []
    assert timeline_events(log_of(frame_table(0)), []) == []
