"""Laps, frames and latency, counted from reports."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from car.drive_statistics import DriveStatistics, DriveSummary

MS = 1_000_000


def position(statistics: DriveStatistics, laps: int, last_s: float = 0.0, *, off_track: bool = False) -> None:
    statistics.on_track_position(
        progress_percent=10.0, laps=laps, last_lap_time_s=last_s, off_track=off_track
    )


def report(
    statistics: DriveStatistics, source_ns: int, latency_ms: float, state: str = "driving", dropped: int = 0
) -> None:
    statistics.on_drive_report(
        written_ns=source_ns + round(latency_ms * MS),
        source_ns=source_ns,
        state=state,
        reason="late" if state == "stopped" else "",
        dropped=dropped,
    )


def summary(statistics: DriveStatistics) -> DriveSummary:
    return statistics.summary(
        ended="done", succeeded=True, duration_s=1.0, last_pwm_is_neutral=True, log=Path("log")
    )


def test_laps_of_an_earlier_drive_do_not_count() -> None:
    statistics = DriveStatistics()
    position(statistics, 3, 9.0)
    position(statistics, 4, 8.5)
    position(statistics, 4, 8.5)
    position(statistics, 5, 8.25)
    assert summary(statistics).lap_times_s == (8.5, 8.25)
    assert summary(statistics).laps == 2


def test_leaving_the_track_counts_once_until_the_car_is_back() -> None:
    statistics = DriveStatistics()
    for off_track in (False, True, True, False, True):
        position(statistics, 0, off_track=off_track)
    assert statistics.off_tracks == 2


def test_latency_and_rate_are_of_commands_that_were_obeyed_each_once() -> None:
    statistics = DriveStatistics()
    for frame in range(31):
        report(statistics, 1_000 * MS + frame * 20 * MS, 5.0 + frame)
        report(statistics, 1_000 * MS + frame * 20 * MS, 50.0)
    report(statistics, 5_000 * MS, 99.0, state="armed")
    latency = statistics.latency
    assert latency is not None
    assert latency.p50_ms == pytest.approx(20.0)
    assert latency.max_ms == pytest.approx(35.0)
    assert summary(statistics).frames_acted == 31
    assert statistics.fps == pytest.approx(30 / (0.6 + 0.03))


def test_without_a_command_there_is_no_latency() -> None:
    statistics = DriveStatistics()
    assert statistics.latency is None
    assert math.isnan(statistics.fps)


def stop(statistics: DriveStatistics, reason: str) -> None:
    statistics.on_drive_report(written_ns=0, source_ns=0, state="stopped", reason=reason, dropped=0)


@pytest.mark.parametrize(
    ("seen", "reason", "frames_after", "counted"),
    [
        (100, "no fresh command for 100 ms", 0, 0),
        (96, "no fresh command for 100 ms: no decisions come", 0, 0),
        (40, "no fresh command for 100 ms", 0, 1),  # It fell silent on the way.
        (97, "no fresh command for 100 ms", 2, 1),  # Frames came, and no command.
        (100, "the battery is below 10 %", 0, 1),
    ],
)
def test_the_silence_after_a_replay_is_no_stop(
    seen: int, reason: str, frames_after: int, counted: int
) -> None:
    statistics = DriveStatistics(has_track=False)
    report(statistics, 0, 0.0)
    stop(statistics, "no fresh command for 100 ms")
    report(statistics, 0, 0.0)
    statistics.on_inference_report(frames_in=seen, dropped_old=0, dropped_bad=0)
    stop(statistics, reason)
    statistics.on_inference_report(frames_in=seen + frames_after, dropped_old=0, dropped_bad=0)
    statistics.end(replayed=100)
    statistics.end(replayed=100)
    assert len(statistics.stops) == 1 + counted


def test_a_stop_after_the_end_is_none() -> None:
    statistics = DriveStatistics()
    report(statistics, 0, 0.0)
    statistics.end()
    stop(statistics, "no fresh command for 100 ms")
    assert (statistics.stops, statistics.state) == ([], "stopped")


def test_each_stop_keeps_its_reason() -> None:
    statistics = DriveStatistics()
    for state in ("driving", "stopped", "stopped", "armed", "driving", "stopped"):
        report(statistics, 0, 0.0, state=state)
    assert statistics.stops == ["late", "late"]


def test_only_frames_between_begin_and_end_count() -> None:
    statistics = DriveStatistics()
    statistics.on_inference_report(frames_in=100, dropped_old=10, dropped_bad=1)
    report(statistics, 0, 0.0, state="disarmed", dropped=90)
    before = statistics.has_everything
    position(statistics, 0)
    assert [before, statistics.has_everything] == [False, True]
    statistics.begin()
    statistics.on_inference_report(frames_in=130, dropped_old=12, dropped_bad=1)
    report(statistics, 1_000 * MS, 5.0, dropped=91)
    statistics.end()
    statistics.on_inference_report(frames_in=200, dropped_old=80, dropped_bad=9)
    report(statistics, 2_000 * MS, 5.0, dropped=95)
    result = summary(statistics)
    assert (result.frames_published, result.frames_dropped_old, result.frames_dropped_bad) == (30, 2, 0)
    assert (result.frames_acted, result.commands_dropped) == (1, 1)
