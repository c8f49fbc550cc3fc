"""What counts as a moment worth a mark: rules over the signals of frames, for a log and for a running car.

Every rule is relative to what it is given, a whole log or the last minute of a running graph: a gap is long
beside the usual period, a spike beside the usual latency, a swing beside the range of the commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

GAP_PERIODS = 2.5
"""Two frames further apart than this many median periods are a gap."""

SLOW_MEDIANS = 3.0
"""A frame whose latency is above this many medians, and above the time to the next frame, is a spike."""

SWING_SHARE = 0.5
"""A swing is a step of the commanded steering by this share of the range that the commands span..."""

SWING_DEG = 10.0
"""...and by this at least."""

UNSURE = 0.1
"""A policy whose best two probabilities are closer than this could as well have done the other."""

UNSURE_FRAMES = 3
"""It is an event when it lasts so many frames of any half second."""

MAX_OF_A_KIND = 300
"""Of more moments of one kind, the worst are kept: a list of thousands helps nobody."""

CLOSE_S = 0.5
"""Frames that are no further apart belong to one spell, which is one event."""

Severity = Literal["info", "good", "warning", "alarm"]


@dataclass(frozen=True)
class Signals:
    """What the rules look at; arrays of length F in order of time, NaN where unknown."""

    seconds: NDArray[np.float64]
    """When each frame was captured."""
    latency_ms: NDArray[np.float64]
    """From capture to PWM written."""
    steering_deg: NDArray[np.float64]
    """What was asked for."""
    confidence: NDArray[np.float64]
    """Gap between the best two probabilities; NaN throughout of a continuous policy."""


@dataclass(frozen=True)
class Spell:
    """Frames that make one event."""

    first: int
    last: int
    worst: int
    """Which frame the event is at."""
    text: str
    """One line for a person."""


@dataclass(frozen=True)
class Rule:
    """One kind of event."""

    kind: str
    severity: Severity
    find: Callable[[Signals], list[Spell]]


def gaps(signals: Signals) -> list[Spell]:
    """Return the places where frames are missing, at the last frame before each."""
    if len(signals.seconds) < 3:
        return []
    steps = np.diff(signals.seconds)
    rows = np.flatnonzero(steps > GAP_PERIODS * float(np.median(steps)))
    return [Spell(i, i + 1, i, f"No frame for {steps[i] * 1000:.0f} ms") for i in rows.tolist()]


def slow_frames(signals: Signals) -> list[Spell]:
    """Return latency spikes."""
    latency, seconds = signals.latency_ms, signals.seconds
    known = np.isfinite(latency)
    if known.sum() < 3:
        return []
    period_ms = float(np.median(np.diff(seconds))) * 1000.0
    limit = max(SLOW_MEDIANS * float(np.median(latency[known])), period_ms)
    slow = np.flatnonzero(np.nan_to_num(latency) > limit)
    words = "Slow: {:.0f} ms from camera to PWM".format
    return spells(slow, latency, seconds, lambda i: words(latency[i]))


def swings(signals: Signals) -> list[Spell]:
    """Return large steps of the commanded steering from one frame to the next."""
    degrees = signals.steering_deg
    known = degrees[np.isfinite(degrees)]
    if len(known) < 2:
        return []
    step = np.abs(np.nan_to_num(np.diff(degrees, prepend=degrees[:1])))
    large = np.flatnonzero(step >= max(SWING_SHARE * float(np.ptp(known)), SWING_DEG))
    words = "Swing: steering from {:+.0f}° to {:+.0f}°".format
    return spells(large, step, signals.seconds, lambda i: words(degrees[i - 1], degrees[i]))


def unsure(signals: Signals) -> list[Spell]:
    """Return spells in which the policy's best two actions were about as probable as each other."""
    gap = signals.confidence
    doubt = np.where(np.isfinite(gap), 1.0 - gap, 0.0)
    rows = np.flatnonzero(doubt > 1.0 - UNSURE)
    words = "Unsure: the best two actions are {:.1f} % apart".format
    return spells(rows, doubt, signals.seconds, lambda i: words(100 * gap[i]), at_least=UNSURE_FRAMES)


RULES = (
    Rule("gap", "warning", gaps),
    Rule("latency", "warning", slow_frames),
    Rule("swing", "warning", swings),
    Rule("unsure", "info", unsure),
)
"""Those that need nothing but the frames' own signals."""


def spells(
    rows: NDArray[np.int64],
    badness: NDArray[np.float64],
    seconds: NDArray[np.float64],
    words: Callable[[int], str],
    *,
    at_least: int = 1,
) -> list[Spell]:
    """Group rows that are within half a second of each other, and return the groups in order of time.

    Args:
        rows: which frames count.
        badness: (F,) how bad each frame is; a group's event is at its worst.
        seconds: (F,) when each is.
        words: the line for a frame.
        at_least: members that a group needs.
    """
    if not len(rows):
        return []
    groups = np.split(rows, np.flatnonzero(np.diff(seconds[rows]) > CLOSE_S) + 1)
    found = [
        (int(group[0]), int(group[-1]), int(group[np.argmax(badness[group])]))
        for group in groups
        if len(group) >= at_least
    ]
    kept = sorted(sorted(found, key=lambda spell: -badness[spell[2]])[:MAX_OF_A_KIND])
    return [Spell(first, last, worst, words(worst)) for first, last, worst in kept]


_WORDS = {
    "armed": "Armed",
    "disarmed": "Disarmed",
    "driving": "Driving",
    "stopped": "Stopped",
    "off_track": "",  # Its text says it.
    "end": "Log ends",
}
_SEVERITIES: dict[str, Severity] = {
    **dict.fromkeys(("stopped", "off_track"), "alarm"),
    **dict.fromkeys(("crashed", "immobilized", "reversed"), "alarm"),  # How an episode of a simulator fails.
}


def words_of(kind: str, text: str) -> str:
    """Return one line for what a car itself says: a state of its drive with the reason, or an off-track."""
    is_said = text.startswith(kind)  # As in "disarmed on request".
    words = ": ".join(part for part in ("" if is_said else _WORDS.get(kind, kind), text) if part)
    return words[:1].upper() + words[1:]


def severity_of(kind: str) -> Severity:
    """Return how what a car itself says is coloured."""
    return _SEVERITIES.get(kind, "info")
