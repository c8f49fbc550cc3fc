"""Time as an argument: the product reads a clock that a test can hold."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Two readings: monotonic seconds for deadlines, wall nanoseconds for stamps that leave the process."""

    def monotonic_s(self) -> float:
        """Return seconds that never go backwards."""
        ...

    def wall_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic_s(self) -> float:
        """Return seconds that never go backwards."""
        return time.monotonic()

    def wall_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        return time.time_ns()


class HeldClock:
    """A clock that moves only when told to, for tests and for replay.

    Args:
        start_s: first reading of both clocks, in seconds.
    """

    def __init__(self, start_s: float = 1_000.0) -> None:
        self._now_ns = round(start_s * 1e9)
        self._set_ns = 0

    def monotonic_s(self) -> float:
        """Return the held time in seconds."""
        return self._now_ns / 1e9

    def wall_ns(self) -> int:
        """Return the held time in nanoseconds."""
        return self._now_ns + self._set_ns

    def advance(self, seconds: float) -> None:
        """Move both readings forward by `seconds`."""
        self._now_ns += round(seconds * 1e9)

    def set_wall(self, seconds: float) -> None:
        """Set the wall clock forward, or back if negative, as a person or a time service does."""
        self._set_ns += round(seconds * 1e9)
