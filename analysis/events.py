"""Moments of a log that a person wants to jump to: starts and stops, lap lines, frame gaps, slow frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.laps import Lap
from analysis.metrics import frame_times_s, latencies_ms
from car.frame_table import LogEvent
from car.log_reader import CarLog

GAP_PERIODS = 2.5
"""Two frames further apart than this many median periods are a gap."""

SLOW_MEDIANS = 3.0
"""A frame whose latency is above this many medians, and above the time to the next frame, is a spike."""

_CLOSE_S = 0.5

Severity = Literal["info", "good", "warning", "alarm"]

_WORDS = {
    "armed": "Armed",
    "disarmed": "Disarmed",
    "driving": "Driving",
    "stopped": "Stopped",
    "off_track": "",  # Its text says it.
    "end": "Log ends",
}
_SEVERITIES: dict[str, Severity] = {"stopped": "alarm", "off_track": "alarm"}


@dataclass(frozen=True)
class TimelineEvent:
    """One mark on the timeline."""

    time_s: float
    """Seconds from the first frame; negative or beyond the last frame where the log says so."""
    kind: str
    """What it is: "lap", "gap", "latency", or the kind that the log gave."""
    text: str
    """One line for a person."""
    severity: Severity
    """How it is coloured."""


def timeline_events(log: CarLog, laps: list[Lap]) -> list[TimelineEvent]:
    """Collect the moments of a log, in order of time.

    Args:
        log: the log.
        laps: its completed laps, see `analysis.laps.find_laps`.
    """
    events = [*_logged(log), *_laps(laps), *_gaps(log), *_slow_frames(log)]
    return sorted(events, key=lambda event: event.time_s)


def _logged(log: CarLog) -> list[TimelineEvent]:
    """Return what the car itself wrote down; its laps are left out, as they are timed here for every log."""
    start_ns = int(log.frames.stamp_ns[0]) if len(log.frames) else 0
    return [
        TimelineEvent(
            time_s=(event.stamp_ns - start_ns) / 1e9 if start_ns else 0.0,
            kind=event.kind,
            text=_in_words(event),
            severity=_SEVERITIES.get(event.kind, "info"),
        )
        for event in log.events
        if event.kind != "lap"
    ]


def _in_words(event: LogEvent) -> str:
    parts = (_WORDS.get(event.kind, event.kind), event.text)
    words = ": ".join(part for part in parts if part)
    return words[:1].upper() + words[1:]


def _laps(laps: list[Lap]) -> list[TimelineEvent]:
    """Return the closing line of each completed lap."""
    best = min((lap.time_s for lap in laps), default=0.0)
    return [
        TimelineEvent(
            time_s=lap.end_s,
            kind="lap",
            text=f"Lap {lap.number}: {lap.time_s:.3f} s" + (" (best)" if lap.time_s == best else ""),
            severity="good",
        )
        for lap in laps
    ]


def _gaps(log: CarLog) -> list[TimelineEvent]:
    """Return the places where frames are missing."""
    seconds = frame_times_s(log.frames)
    if len(seconds) < 3:
        return []
    steps = np.diff(seconds)
    period = float(np.median(steps))
    return [
        TimelineEvent(
            time_s=float(seconds[i]),
            kind="gap",
            text=f"No frame for {steps[i] * 1000:.0f} ms",
            severity="warning",
        )
        for i in np.flatnonzero(steps > GAP_PERIODS * period)
    ]


def _slow_frames(log: CarLog) -> list[TimelineEvent]:
    """Return latency spikes; spikes within half a second of each other are one event, at its worst frame."""
    latency, seconds = latencies_ms(log.frames), frame_times_s(log.frames)
    known = np.isfinite(latency)
    if known.sum() < 3:
        return []
    period_ms = float(np.median(np.diff(seconds))) * 1000.0
    limit = max(SLOW_MEDIANS * float(np.median(latency[known])), period_ms)
    slow = np.flatnonzero(np.nan_to_num(latency) > limit)
    groups = np.split(slow, np.flatnonzero(np.diff(seconds[slow]) > _CLOSE_S) + 1) if len(slow) else []
    worst = [int(group[np.argmax(latency[group])]) for group in groups]
    return [
        TimelineEvent(
            time_s=float(seconds[i]),
            kind="latency",
            text=f"Slow: {latency[i]:.0f} ms from camera to PWM",
            severity="warning",
        )
        for i in worst
    ]
