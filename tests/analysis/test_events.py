from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.event_rules import MAX_OF_A_KIND
from analysis.events import timeline_events
from analysis.laps import Lap
from car.frame_table import FrameTable, LogEvent
from sim.track import load_track
from tests.analysis.frames import START_NS, frame_table


def log_of(frames: FrameTable, events: list[LogEvent] | None = None) -> Any:
    return SimpleNamespace(frames=frames, events=events or [], run={})


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


def test_a_swing_is_a_step_by_half_of_what_the_log_commands() -> None:
    steering = np.deg2rad(np.where(np.arange(90) < 40, -10.0, 2.0))
    steering[80] = np.deg2rad(20.0)

    events = timeline_events(log_of(frame_table(90, steering_rad=steering)), [])

    assert [event.kind for event in events] == ["swing"]
    assert events[0].text == "Swing: steering from +2° to +20°"
    assert events[0].time_s == pytest.approx(80 / 30, abs=1e-3)


def test_small_steps_of_a_calm_drive_are_no_swings() -> None:
    steering = np.deg2rad(np.where(np.arange(90) % 2 < 1, -2.5, 2.5))

    assert timeline_events(log_of(frame_table(90, steering_rad=steering)), []) == []


def test_a_spell_without_a_clear_best_action_is_marked_at_its_worst() -> None:
    probabilities = np.tile(np.array([0.8, 0.1, 0.1], np.float32), (60, 1))
    probabilities[30:34] = (0.42, 0.38, 0.2)
    probabilities[32] = (0.41, 0.40, 0.19)
    probabilities[50] = (0.4, 0.4, 0.2)
    frames = frame_table(60, probabilities=probabilities, action=np.zeros(60, np.int64))

    (event,) = timeline_events(log_of(frames), [])

    assert (event.kind, event.severity) == ("unsure", "info")
    assert event.time_s == pytest.approx(32 / 30, abs=1e-3)
    assert "1.0 %" in event.text


def test_a_continuous_policy_is_never_unsure() -> None:
    outputs = np.zeros((30, 2), np.float32)

    assert timeline_events(log_of(frame_table(30, probabilities=outputs)), []) == []


def drive(lateral_m: list[float], events: list[LogEvent] | None = None) -> Any:
    track = load_track("reinvent-2018")
    poses = np.array([track.pose_at(1.0 + 0.04 * i, lateral) for i, lateral in enumerate(lateral_m)])
    frames = frame_table(len(poses), x_m=poses[:, 0], y_m=poses[:, 1], yaw_rad=poses[:, 2])
    log = log_of(frames, events)
    log.run = {"track": "reinvent-2018"}
    return log


def test_coming_near_the_edge_and_leaving_the_track_are_found_by_position() -> None:
    # The track is 0.76 m wide.
    lateral = [0.0] * 20 + [0.33, 0.35, 0.32] + [0.0] * 30 + [0.42, 0.45, 0.43] + [0.0] * 10

    events = timeline_events(drive(lateral), [])

    assert [(event.kind, event.severity) for event in events] == [("edge", "warning"), ("off_track", "alarm")]
    assert events[0].text == "Near the edge: 3 cm left"
    assert events[0].time_s == pytest.approx(21 / 30, abs=1e-3)
    assert events[1].time_s == pytest.approx(53 / 30, abs=1e-3)


def test_leaving_the_track_is_told_once_where_the_car_wrote_it_down() -> None:
    lateral = [0.0] * 20 + [0.42] * 3 + [0.0] * 10

    events = timeline_events(drive(lateral, [LogEvent(START_NS, "off_track", "left the track at 4 %")]), [])

    assert [event.text for event in events] == ["Left the track at 4 %"]


def test_of_thousands_of_moments_the_worst_are_kept() -> None:
    count = 30_000
    degrees = np.zeros(count)
    degrees[::40] = np.linspace(20.0, 30.0, len(degrees[::40]))

    events = timeline_events(log_of(frame_table(count, steering_rad=np.deg2rad(degrees))), [])

    assert len(events) == MAX_OF_A_KIND
    assert events[-1].time_s > 900.0
