"""What a running graph's record finds, and that it is what the log of the same drive would show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.console.live_feed import LiveFeed
from analysis.console.live_record import LEAST, MOST_EVENTS, WINDOW, LiveRecord
from analysis.event_rules import UNSURE
from analysis.events import timeline_events
from car.frame_table import FrameTable
from tests.analysis.frames import START_NS, frame_table

PERIOD_NS = 33_333_333


def report(stamp_ns: int, **changes: Any) -> dict[str, Any]:
    usual = {
        "state": "driving",
        "reason": "",
        "steering_rad": 0.0,
        "speed_mps": 1.0,
        "latency_ms": 8.0,
        "stamp_ns": stamp_ns,
        "source_ns": stamp_ns,
    }
    return {**usual, **changes}


def drive_along(record: LiveRecord, frames: FrameTable) -> None:
    """Tell the record what the nodes would have said while this was logged."""
    for i in range(len(frames)):
        stamp, written = int(frames.stamp_ns[i]), int(frames.written_ns[i])
        record.add_frame(stamp, frames.probabilities[i])
        latency_ms = (written - stamp) / 1e6
        record.add_report("drive", report(stamp, steering_rad=frames.steering_rad[i], latency_ms=latency_ms))


def sure(frames: int) -> NDArray[np.float32]:
    return np.tile(np.array([0.9, 0.05, 0.05], np.float32), (frames, 1))


def eventful() -> FrameTable:
    """Ten seconds with a gap, a spike of three frames, a swing, and a second of doubt."""
    stamps = START_NS + np.arange(300) * PERIOD_NS
    stamps[60:] += 200_000_000
    written = stamps + 8_000_000
    written[[100, 101, 102]] += np.array([40, 70, 50]) * 1_000_000
    steering = np.deg2rad(np.where(np.arange(300) < 170, -12.0, 12.0))
    probabilities = sure(300)
    probabilities[200:230] = [0.46, 0.44, 0.1]
    probabilities[215] = [0.455, 0.445, 0.1]
    return frame_table(
        300,
        stamp_ns=stamps,
        written_ns=written,
        steering_rad=steering,
        probabilities=probabilities,
        action=np.zeros(300, np.int64),
    )


def test_a_running_car_shows_the_events_that_its_log_will_show() -> None:
    frames = eventful()
    record = LiveRecord()
    drive_along(record, frames)
    log: Any = SimpleNamespace(frames=frames, events=[], run={})
    logged = [
        (e.kind, START_NS + round(e.time_s * 1e9), e.text, e.severity) for e in timeline_events(log, [])
    ]

    found = [(e.kind, e.stamp_ns, e.text, e.severity) for e in reversed(record.events) if e.kind != "driving"]

    assert [kind for kind, *_ in logged] == ["gap", "latency", "swing", "unsure"]
    assert found == logged


def test_a_stop_is_there_at_once_with_its_reason_and_a_repeated_report_adds_nothing() -> None:
    feed = LiveFeed()
    feed.on_report("drive", report(START_NS))
    version, _ = feed.events_since(-1)
    feed.on_report("drive", report(START_NS + 1, state="stopped", reason="no fresh command for 100 ms"))
    feed.on_report("drive", report(START_NS + 2, state="stopped", reason="no fresh command for 100 ms"))

    changed, events = feed.events_since(version)

    assert events is not None
    assert [(event.kind, event.text, event.severity) for event in events] == [
        ("stopped", "Stopped: no fresh command for 100 ms", "alarm"),
        ("driving", "Driving", "info"),
    ]
    assert feed.events_since(changed) == (changed, None)


def test_a_report_that_is_repeated_under_another_state_is_of_now() -> None:
    record = LiveRecord()
    record.add_report("drive", report(START_NS))
    record.add_frame(START_NS + 5_000_000_000, None)
    record.add_report("drive", report(START_NS, state="stopped", reason="the guard says so"))

    assert record.events[0].stamp_ns == START_NS + 5_000_000_000
    assert record.events[0].kind == "stopped"


def test_laps_and_leaving_the_track_are_events_once() -> None:
    record = LiveRecord()
    place = {"laps": 0, "off_track": False, "progress_percent": 41.6, "last_lap_time_s": 0.0, "stamp_ns": 1}
    outside = {**place, "off_track": True, "stamp_ns": 2}
    for said in (place, outside, outside, {**place, "laps": 1, "last_lap_time_s": 9.876, "stamp_ns": 3}):
        record.add_report("place", said)

    assert [(event.kind, event.text) for event in record.events] == [
        ("lap", "Lap 1: 9.88 s"),
        ("off_track", "Left the track at 42 %"),
    ]


def test_what_was_over_is_not_found_again_when_the_usual_changes() -> None:
    record = LiveRecord()
    stamps = START_NS + np.arange(600) * PERIOD_NS
    # At first every tenth frame takes 60 ms, a second period; later none, and then one again.
    latency = np.where((np.arange(600) < 200), 60.0, 8.0)
    latency[500] = 60.0
    for stamp, taken in zip(stamps.tolist(), latency.tolist(), strict=True):
        record.add_frame(stamp, None)
        record.add_report("drive", report(stamp, latency_ms=taken))

    spikes = [event.stamp_ns for event in record.events if event.kind == "latency"]

    assert spikes == [stamps[500]]


def test_a_spell_before_a_long_gap_is_kept_and_so_is_a_short_one_while_it_lasts() -> None:
    record = LiveRecord()
    stamps = START_NS + np.arange(100) * PERIOD_NS
    stamps[60:] += 5_000_000_000
    for i, stamp in enumerate(stamps.tolist()):
        record.add_frame(stamp, None)
        record.add_report("drive", report(stamp, latency_ms=90.0 if i == 57 else 8.0))
        if i == 59:
            assert [event.kind for event in record.events] == ["latency", "driving"]

    kinds = [event.kind for event in record.events]

    assert kinds == ["gap", "latency", "driving"]


def test_nothing_is_judged_before_it_is_known_what_is_usual_and_a_clock_set_back_begins_anew() -> None:
    record = LiveRecord()
    for i in range(LEAST - 1):
        record.add_frame(START_NS + i * PERIOD_NS * (1 + 9 * (i % 4 == 0)), None)
    assert record.events == ()
    for i in range(40):
        record.add_frame(1_000 + i * PERIOD_NS, None)

    assert record.events == ()
    assert abs(record.rate_fps - 30.0) < 0.01


def test_a_report_that_overtakes_its_frame_belongs_to_it_and_the_first_of_two_counts() -> None:
    record = LiveRecord()
    for i in range(60):
        stamp = START_NS + i * PERIOD_NS
        record.add_report("drive", report(stamp, latency_ms=90.0 if i == 40 else 8.0))
        record.add_frame(stamp, None)
        record.add_report("drive", report(stamp, latency_ms=200.0))

    spikes = [event for event in record.events if event.kind == "latency"]

    assert [event.text for event in spikes] == ["Slow: 90 ms from camera to PWM"]


def counted(dropped_by_the_policy: int) -> LiveRecord:
    """Hear every frame but five, which the policy may have dropped."""
    record = LiveRecord()
    for i in range(120):
        stamp = START_NS + i * PERIOD_NS
        if i == 65:
            record.add_report("inference", {"dropped": dropped_by_the_policy})
        if not 60 <= i < 65:
            record.add_frame(stamp, None, number=1000 + i)
            record.add_report("drive", report(stamp))
    return record


def test_frames_that_only_this_console_missed_are_no_gap_but_those_that_the_policy_dropped_are() -> None:
    missed, dropped = counted(0), counted(5)

    assert [event.kind for event in missed.events] == ["driving"]
    assert abs(missed.rate_fps - 30.0) < 0.01
    assert [event.text for event in dropped.events if event.kind == "gap"] == ["No frame for 200 ms"]


def test_another_cameras_count_adds_nothing() -> None:
    record = LiveRecord()
    for i in range(60):
        number = 50_000 + i if i < 30 else i
        record.add_frame(START_NS + i * PERIOD_NS, None, number=number)

    assert record.events == ()
    assert len(record._rows) == 60


def test_a_frame_that_comes_twice_or_late_counts_once() -> None:
    record = LiveRecord()
    for i in range(60):
        record.add_frame(START_NS + i * PERIOD_NS, None)
        record.add_frame(START_NS + i * PERIOD_NS, sure(1)[0])
        record.add_frame(START_NS + (i - 1) * PERIOD_NS, sure(1)[0])

    assert record.events == ()
    assert abs(record.rate_fps - 30.0) < 0.01


def test_memory_is_bounded_however_long_it_runs() -> None:
    record = LiveRecord()
    for i in range(2 * WINDOW + 700):
        stamp = START_NS + i * PERIOD_NS
        record.add_frame(stamp, None)
        record.add_report("drive", report(stamp, state="driving" if i % 3 else "stopped", reason=str(i)))

    assert len(record.events) == MOST_EVENTS
    assert record.events[0].stamp_ns > record.events[-1].stamp_ns
    assert len(record._rows) == WINDOW
    assert record._rows.stamps[-1] == stamp and np.isfinite(record._rows.signals().latency_ms).all()


def test_doubt_is_judged_of_probabilities_only() -> None:
    record = LiveRecord()
    for i in range(60):
        record.add_frame(START_NS + i * PERIOD_NS, np.array([UNSURE / 4, 0.0], np.float32))

    assert record.events == ()
