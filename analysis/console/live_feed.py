"""What a running node graph says, as the live page needs it: the newest of everything, and nothing older.

The graph's client calls `on_...` from its own thread; requests wait for a frame that is newer than the last
one they saw. One frame is kept and never a queue: a slow browser skips frames.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.console.live_record import LiveEvent, LiveRecord

MOST_FRAMES, MOST_COMMANDS = 8, 16
"""How much of the past a policy may look at: frames and commands."""
_QUIET_NS = 300_000_000
"""After so long without a decision, the camera's own frames are shown."""


@dataclass(frozen=True)
class LiveFrame:
    """The newest frame with what belongs to it."""

    sequence: int
    """Rises with every frame."""
    jpeg: bytes
    captured_ns: int
    """Wall clock of the graph."""
    outputs: NDArray[np.float32] | None
    """(A,) what the policy said about it; None for a frame that it has not judged."""
    recent: tuple[bytes, ...]
    """JPEGs of the last frames, this one last."""
    commands: tuple[tuple[float, float], ...]
    """The last commands (rad, m/s) before it, newest last."""
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The latest of every report by its name: drive, inference, place, device."""
    rate_fps: float = float("nan")
    """Frames a second, those included that nobody looked at."""


class LiveFeed:
    """The newest of everything; safe to use from several threads."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._frame: LiveFrame | None = None
        self._facts: dict[str, dict[str, Any]] = {}
        self._recent: deque[bytes] = deque(maxlen=MOST_FRAMES)
        self._commands: deque[tuple[float, float]] = deque(maxlen=MOST_COMMANDS)
        self._judged_ns = 0
        self._sequence = 0
        self._run: dict[str, Any] = {}
        self._record = LiveRecord()
        self._closed = False

    @property
    def run(self) -> dict[str, Any]:
        """What the graph says of its run: policy, action space, track; empty until it has."""
        with self._news:
            return self._run

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        """The latest of every report."""
        with self._news:
            return dict(self._facts)

    def events_since(self, version: int) -> tuple[int, tuple[LiveEvent, ...] | None]:
        """Return the version of the events that were found, and the events, unless that version is known."""
        with self._news:
            known = self._record.version == version
            return self._record.version, None if known else self._record.events

    def on_decision(self, jpeg: bytes, captured_ns: int, outputs: list[float], number: int = -1) -> None:
        """Take in a frame with what the policy said about it; `number` is the camera's count, -1 if none."""
        self._judged_ns = captured_ns
        self._take(jpeg, captured_ns, np.array(outputs, np.float32), number)

    def on_camera(self, jpeg: bytes, captured_ns: int, number: int = -1) -> None:
        """Take in a frame of the camera, unless the policy judges frames anyway."""
        if captured_ns - self._judged_ns > _QUIET_NS:
            self._take(jpeg, captured_ns, None, number)

    def on_report(self, name: str, content: dict[str, Any]) -> None:
        """Take in a report: drive, inference, place or device."""
        with self._news:
            self._facts[name] = content
            self._record.add_report(name, content)
            if name == "drive":
                self._commands.append((content["steering_rad"], content["speed_mps"]))

    def on_run(self, run: dict[str, Any]) -> None:
        """Take in what the graph says of its run."""
        with self._news:
            self._run = run

    def newer(self, sequence: int, timeout_s: float) -> LiveFrame | None:
        """Wait for a frame newer than `sequence`; None if there was none in time."""
        with self._news:
            self._news.wait_for(lambda: self._closed or self._sequence > sequence, timeout_s)
            frame = self._frame
            return frame if frame is not None and frame.sequence > sequence and not self._closed else None

    def close(self) -> None:
        """Let everybody who waits go."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _take(self, jpeg: bytes, captured_ns: int, outputs: NDArray[np.float32] | None, number: int) -> None:
        with self._news:
            self._sequence += 1
            self._recent.append(jpeg)
            self._record.add_frame(captured_ns, outputs, number)
            self._frame = LiveFrame(
                self._sequence,
                jpeg,
                captured_ns,
                outputs,
                tuple(self._recent),
                tuple(self._commands),
                dict(self._facts),
                self._record.rate_fps,
            )
            self._news.notify_all()
