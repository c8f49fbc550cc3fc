"""Moments of a log that a person wants to jump to, found in it: what happened, and what nearly did.

Starts and stops with their reason, laps, frame gaps and slow frames; large swings of the steering and moments
in which the policy could not decide; and where the track is known, coming near its edge and leaving it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.course import course_of, lay
from analysis.event_rules import (
    MAX_OF_A_KIND,
    RULES,
    Severity,
    Signals,
    Spell,
    severity_of,
    spells,
    words_of,
)
from analysis.laps import Lap
from analysis.measures_survival import SurvivalParameters
from analysis.metrics import confidence, frame_times_s, latencies_ms
from car.log_reader import CarLog


@dataclass(frozen=True)
class TimelineEvent:
    """One mark on the timeline."""

    time_s: float
    """Seconds from the first frame; negative or beyond the last frame where the log says so."""
    kind: str
    """"lap", "gap", "latency", "swing", "unsure", "edge", "off_track", or the kind that the log gave."""
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
    events = [*_logged(log), *_laps(laps)]
    signals = _signals(log)
    for rule in RULES:
        events += _marks(rule.kind, rule.severity, signals.seconds, rule.find(signals))
    events += _edges(log)
    return sorted(events, key=lambda event: event.time_s)


def _signals(log: CarLog) -> Signals:
    frames = log.frames
    discrete = bool((frames.action >= 0).any())
    return Signals(
        seconds=frame_times_s(frames),
        latency_ms=latencies_ms(frames),
        steering_deg=np.rad2deg(frames.steering_rad),
        confidence=confidence(frames.probabilities) if discrete else np.full(len(frames), np.nan),
    )


def _logged(log: CarLog) -> list[TimelineEvent]:
    """Return what the car itself wrote down; its laps are left out, as they are timed here for every log."""
    start_ns = int(log.frames.stamp_ns[0]) if len(log.frames) else 0
    return [
        TimelineEvent(
            time_s=(event.stamp_ns - start_ns) / 1e9 if len(log.frames) else 0.0,
            kind=event.kind,
            text=words_of(event.kind, event.text),
            severity=severity_of(event.kind),
        )
        for event in log.events
        if event.kind != "lap"
    ]


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


def _edges(log: CarLog) -> list[TimelineEvent]:
    """Return where the car's middle came near the edge, and left the track unless the log says so itself."""
    course = course_of(log.run)
    if course is None or not len(log.frames):
        return []
    laid = lay(log.frames, course)
    near = SurvivalParameters().near_m
    left = np.flatnonzero(laid.margin_m < 0.0)
    close = np.flatnonzero((laid.margin_m < near) & (laid.margin_m >= 0.0))
    margin, seconds = laid.margin_m, laid.time_s
    words = "Near the edge: {:.0f} cm left".format
    near_edge = spells(close, -margin, seconds, lambda i: words(100 * margin[i]))
    events = _marks("edge", "warning", seconds, near_edge)
    if any(event.kind == "off_track" for event in log.events):
        return events
    runs = np.split(left, np.flatnonzero(np.diff(left) > 1) + 1) if len(left) else []
    outside = [
        Spell(int(rows[0]), int(rows[-1]), int(rows[0]), "Left the track") for rows in runs[:MAX_OF_A_KIND]
    ]
    return events + _marks("off_track", "alarm", seconds, outside)


def _marks(
    kind: str, severity: Severity, seconds: NDArray[np.float64], found: list[Spell]
) -> list[TimelineEvent]:
    """Return one event per spell, at its worst frame."""
    return [TimelineEvent(float(seconds[spell.worst]), kind, spell.text, severity) for spell in found]
