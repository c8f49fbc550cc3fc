"""Moments of a log that a person wants to jump to, found in it: what happened, and what nearly did.

Starts and stops with their reason, laps, frame gaps and slow frames; large swings of the steering and moments
in which the policy could not decide; and where the track is known, coming near its edge and leaving it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.course import course_of, lay
from analysis.laps import Lap
from analysis.measures_survival import SurvivalParameters
from analysis.metrics import confidence, frame_times_s, latencies_ms
from car.frame_table import LogEvent
from car.log_reader import CarLog

GAP_PERIODS = 2.5
"""Two frames further apart than this many median periods are a gap."""

SLOW_MEDIANS = 3.0
"""A frame whose latency is above this many medians, and above the time to the next frame, is a spike."""

SWING_SHARE = 0.5
"""A swing is a step of the commanded steering by this share of the range that the log's commands span..."""

SWING_DEG = 10.0
"""...and by this at least."""

UNSURE = 0.1
"""A policy whose best two probabilities are closer than this could as well have done the other."""

UNSURE_FRAMES = 3
"""It is an event when it lasts so many frames of any half second."""

MAX_OF_A_KIND = 300
"""Of more moments of one kind, the worst are kept: a list of thousands helps nobody."""

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
    events = [*_logged(log), *_laps(laps), *_gaps(log), *_slow_frames(log), *_swings(log), *_unsure(log)]
    events += _edges(log)
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
    gaps = np.flatnonzero(steps > GAP_PERIODS * period).tolist()
    return _moments("gap", "warning", seconds, gaps, lambda i: f"No frame for {steps[i] * 1000:.0f} ms")


def _slow_frames(log: CarLog) -> list[TimelineEvent]:
    """Return latency spikes; spikes within half a second of each other are one event, at its worst frame."""
    latency, seconds = latencies_ms(log.frames), frame_times_s(log.frames)
    known = np.isfinite(latency)
    if known.sum() < 3:
        return []
    period_ms = float(np.median(np.diff(seconds))) * 1000.0
    limit = max(SLOW_MEDIANS * float(np.median(latency[known])), period_ms)
    slow = np.flatnonzero(np.nan_to_num(latency) > limit)
    worst = _worst(slow, latency, seconds)
    words = "Slow: {:.0f} ms from camera to PWM".format
    return _moments("latency", "warning", seconds, worst, lambda i: words(latency[i]))


def _swings(log: CarLog) -> list[TimelineEvent]:
    """Return large steps of the commanded steering from one frame to the next."""
    degrees, seconds = np.rad2deg(log.frames.steering_rad), frame_times_s(log.frames)
    known = degrees[np.isfinite(degrees)]
    if len(known) < 2:
        return []
    step = np.abs(np.nan_to_num(np.diff(degrees, prepend=degrees[:1])))
    large = np.flatnonzero(step >= max(SWING_SHARE * float(np.ptp(known)), SWING_DEG))
    words = "Swing: steering from {:+.0f}° to {:+.0f}°".format
    worst = _worst(large, step, seconds)
    return _moments("swing", "warning", seconds, worst, lambda i: words(degrees[i - 1], degrees[i]))


def _unsure(log: CarLog) -> list[TimelineEvent]:
    """Return spells in which the policy's best two actions were about as probable as each other."""
    if not (log.frames.action >= 0).any():
        return []
    gap, seconds = confidence(log.frames.probabilities), frame_times_s(log.frames)
    doubt = np.where(np.isfinite(gap), 1.0 - gap, 0.0)
    rows = np.flatnonzero(doubt > 1.0 - UNSURE)
    words = "Unsure: the best two actions are {:.1f} % apart".format
    worst = _worst(rows, doubt, seconds, at_least=UNSURE_FRAMES)
    return _moments("unsure", "info", seconds, worst, lambda i: words(100 * gap[i]))


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
    worst = _worst(close, -margin, seconds)
    events = _moments("edge", "warning", seconds, worst, lambda i: words(100 * margin[i]))
    if any(event.kind == "off_track" for event in log.events):
        return events
    spells = np.split(left, np.flatnonzero(np.diff(left) > 1) + 1) if len(left) else []
    first = [int(spell[0]) for spell in spells[:MAX_OF_A_KIND]]
    return events + _moments("off_track", "alarm", seconds, first, lambda _: "Left the track")


def _moments(
    kind: str,
    severity: Severity,
    seconds: NDArray[np.float64],
    rows: list[int],
    words: Callable[[int], str],
) -> list[TimelineEvent]:
    """Return one event per row, with the words for it."""
    return [TimelineEvent(float(seconds[i]), kind, words(i), severity) for i in rows]


def _worst(
    rows: NDArray[np.int64],
    badness: NDArray[np.float64],
    seconds: NDArray[np.float64],
    *,
    at_least: int = 1,
) -> list[int]:
    """Return the worst of each group of rows that are within half a second of each other, in order of time.

    Args:
        rows: which moments count.
        badness: (F,) how bad each moment is.
        seconds: (F,) when each is.
        at_least: members that a group needs.
    """
    if not len(rows):
        return []
    groups = np.split(rows, np.flatnonzero(np.diff(seconds[rows]) > _CLOSE_S) + 1)
    worst = [int(group[np.argmax(badness[group])]) for group in groups if len(group) >= at_least]
    return sorted(sorted(worst, key=lambda i: -badness[i])[:MAX_OF_A_KIND])
