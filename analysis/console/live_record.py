"""The last minute of a running graph as a log would hold it, and the events that the log's rules find in it.

The rules know whole signals, so they are asked again every few frames. A spell that still goes on may move to
a worse frame or grow; once half a second has passed without it, its event stands.

A console that is busy does not hear every frame, and that is no fault of the car: frames that the camera
counted, that the policy did not drop, and that are not here all the same have rows of which nothing is known.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.event_rules import CLOSE_S, RULES, Severity, Signals, severity_of, words_of
from analysis.metrics import confidence, entropy_nats
from car.frame_table import left_track

WINDOW = 1800
"""Frames that the rules look at: a minute at 30 a second."""
LEAST = 15
"""Fewer frames do not say what is usual."""
MOST_EVENTS = 100
"""Of more events, the oldest are forgotten."""
_EARLY = 8
"""Reports that may come before their frame."""
_EVERY = 5
"""Frames between two looks."""
_MOST_UNHEARD = 300
"""More than ten seconds of frames are not missed by being busy."""
_RATE_OVER = 10
"""Frames that the rate is taken over, as in recording.js."""
_CLOSE_NS = round(CLOSE_S * 1e9)
_ANOTHER_GRAPH_NS = 1_000_000_000
"""A frame so much older than the last one comes from another graph, or from a clock that was set."""


@dataclass(frozen=True)
class LiveEvent:
    """Something that happened while the graph ran."""

    stamp_ns: int
    """Wall clock of the graph."""
    kind: str
    text: str
    """One line for a person."""
    severity: Severity


class _Rows:
    """The last `WINDOW` frames; what is read are views, nothing is copied for a look."""

    def __init__(self) -> None:
        self._stamps = np.zeros(2 * WINDOW, np.int64)
        self._values = np.full((2 * WINDOW, 3), np.nan)
        self._end = 0
        self._early: dict[int, tuple[float, float]] = {}

    def __len__(self) -> int:
        return min(self._end, WINDOW)

    @property
    def stamps(self) -> NDArray[np.int64]:
        """(F,) when each frame was captured."""
        return self._stamps[max(0, self._end - WINDOW) : self._end]

    def add(self, stamp_ns: int, sure: float) -> None:
        if self._end == len(self._stamps):
            self._stamps[:WINDOW], self._values[:WINDOW] = self._stamps[WINDOW:], self._values[WINDOW:]
            self._end = WINDOW
        self._stamps[self._end] = stamp_ns
        self._values[self._end] = (*self._early.pop(stamp_ns, (np.nan, np.nan)), sure)
        self._end += 1

    def write(self, stamp_ns: int, latency_ms: float, steering_rad: float) -> None:
        """Take in what was written for a frame; of several, the first counts, as in a log."""
        stamps, values = self.stamps, self._values[max(0, self._end - WINDOW) : self._end]
        at = int(np.searchsorted(stamps, stamp_ns))
        if at < len(stamps) and stamps[at] == stamp_ns:
            if np.isnan(values[at, 0]):
                values[at, :2] = latency_ms, steering_rad
        elif at == len(stamps):
            self._early.setdefault(stamp_ns, (latency_ms, steering_rad))
            if len(self._early) > _EARLY:
                del self._early[next(iter(self._early))]  # A stick's stamp, for one, is no frame's.

    def signals(self) -> Signals:
        values = self._values[max(0, self._end - WINDOW) : self._end]
        return Signals(
            seconds=(self.stamps - self.stamps[0]) / 1e9,
            latency_ms=values[:, 0],
            steering_deg=np.rad2deg(values[:, 1]),
            confidence=values[:, 2],
        )


class LiveRecord:
    """Rows of the last minute; not safe to use from several threads, `LiveFeed` sees to that."""

    def __init__(self) -> None:
        self._rows = _Rows()
        self._standing: deque[LiveEvent] = deque(maxlen=MOST_EVENTS)
        self._open: list[LiveEvent] = []
        self._looked_ns = 0
        self._waited = 0
        self._number = -1
        self._dropped = (0, 0)
        self._state = ("", "")
        self._place = (0, False)
        self.version = 0
        """Rises whenever the events are other than before."""

    @property
    def events(self) -> tuple[LiveEvent, ...]:
        """The events, the newest first."""
        found = sorted([*self._standing, *self._open], key=lambda event: event.stamp_ns, reverse=True)
        return tuple(found[:MOST_EVENTS])

    @property
    def _newest_ns(self) -> int:
        return int(self._rows.stamps[-1]) if len(self._rows) else 0

    @property
    def rate_fps(self) -> float:
        """Frames a second over the last few; NaN before there are two."""
        last = self._rows.stamps[-_RATE_OVER - 1 :]
        return float((len(last) - 1) * 1e9 / (last[-1] - last[0])) if len(last) > 1 else np.nan

    def add_frame(self, captured_ns: int, outputs: NDArray[np.float32] | None, number: int = -1) -> None:
        """Take in a frame.

        Args:
            captured_ns: wall clock of the graph.
            outputs: (A,) what the policy said about it, if it did.
            number: the camera's own count; -1 if it does not count.
        """
        late_ns = self._newest_ns - captured_ns if len(self._rows) else -1
        if late_ns > _ANOTHER_GRAPH_NS:
            self._begin_anew()
        elif late_ns >= 0:
            return  # Seen already by the camera's own topic, before the policy judged it.
        self._add_unheard(captured_ns, number)
        self._rows.add(captured_ns, decided(outputs)[0])
        self._waited += 1
        if self._waited >= _EVERY:
            self._waited = 0
            self._look()

    def add_report(self, name: str, content: dict[str, Any]) -> None:
        """Take in a report: the drive's and the place on the track make events."""
        if name == "drive":
            self._take_drive(content)
        elif name == "place":
            self._take_place(content)
        elif name == "inference":
            self._dropped = (self._dropped[0], content["dropped"])

    def _add_unheard(self, captured_ns: int, number: int) -> None:
        """Add rows for the frames between the last one and this that the graph had and this console not."""
        before, self._number = self._number, number
        dropped = self._dropped[1] - self._dropped[0]
        self._dropped = (self._dropped[1], self._dropped[1])
        if before < 0 or number < 0 or not len(self._rows):
            return
        unheard = number - before - 1 - max(dropped, 0)
        if 0 < unheard <= _MOST_UNHEARD:
            for stamp in np.linspace(self._newest_ns, captured_ns, unheard + 2)[1:-1].astype(np.int64):
                self._rows.add(int(stamp), np.nan)

    def _take_drive(self, content: dict[str, Any]) -> None:
        source_ns, latency_ms = content["source_ns"], content["latency_ms"]
        if source_ns and latency_ms is not None:
            self._rows.write(source_ns, latency_ms, content["steering_rad"])
        state = (str(content["state"]), str(content["reason"]))
        if state != self._state:
            self._state = state
            self._stand(content["stamp_ns"], state[0], words_of(*state))

    def _take_place(self, content: dict[str, Any]) -> None:
        laps, off_track = content["laps"], content["off_track"]
        laps_before, was_off_track = self._place
        self._place = (laps, off_track)
        if laps > laps_before:
            text = f"Lap {laps}: {content['last_lap_time_s']:.2f} s"
            self._stand(content["stamp_ns"], "lap", text, severity="good")
        if off_track and not was_off_track:
            left = left_track(content["stamp_ns"], content["progress_percent"])
            self._stand(left.stamp_ns, left.kind, words_of(left.kind, left.text))

    def _stand(self, stamp_ns: int, kind: str, text: str, severity: Severity | None = None) -> None:
        # A drive that repeats its last report under another state repeats the stamp too: it is of now.
        stamp_ns = max(stamp_ns, self._newest_ns)
        self._standing.append(LiveEvent(stamp_ns, kind, text, severity or severity_of(kind)))
        self.version += 1

    def _begin_anew(self) -> None:
        self._rows = _Rows()
        self._standing.extend(self._open)
        self._open = []
        self._looked_ns = 0

    def _look(self) -> None:
        """Ask the rules; what was over at the last look has been seen, whatever is usual by now."""
        if len(self._rows) < LEAST:
            return
        stamps, signals = self._rows.stamps, self._rows.signals()
        over_before_ns, over_ns = self._looked_ns - _CLOSE_NS, int(stamps[-1]) - _CLOSE_NS
        still_open: list[LiveEvent] = []
        over: list[LiveEvent] = []
        for rule in RULES:
            for spell in rule.find(signals):
                last_ns = int(stamps[spell.last])
                if last_ns < over_before_ns:
                    continue
                event = LiveEvent(int(stamps[spell.worst]), rule.kind, spell.text, rule.severity)
                (over if last_ns < over_ns else still_open).append(event)
        if over or still_open != self._open:
            self.version += 1
        self._standing.extend(over)
        self._open = still_open
        self._looked_ns = int(stamps[-1])


def decided(outputs: NDArray[np.float32] | None) -> tuple[float, float]:
    """Return how sure a policy was: the gap between its best two probabilities, and the entropy in nats.

    Args:
        outputs: (A,) its outputs; the two of a continuous policy, or none, give NaN.
    """
    if outputs is None or len(outputs) < 3:
        return np.nan, np.nan
    return float(confidence(outputs[None])[0]), float(entropy_nats(outputs[None])[0])
