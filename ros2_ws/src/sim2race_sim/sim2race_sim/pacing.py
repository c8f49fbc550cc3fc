"""A schedule that does not drift: what is due at a steady rate, counted from a fixed start."""

from __future__ import annotations

import math


class Pacer:
    """Counts the periods that have passed.

    Sleeping for one period after another adds up every lateness; this counts from the start instead, so that
    a late call is followed by a shorter wait.

    Args:
        rate_hz: periods per second.
        start_s: monotonic time of period 0.
        max_behind_s: when more than this has been missed, the rest is let go.
    """

    def __init__(self, rate_hz: float, start_s: float, *, max_behind_s: float) -> None:
        self._rate_hz = rate_hz
        self._start_s = start_s
        self._most = max(1, math.floor(max_behind_s * rate_hz))
        self._done = 0
        self.skipped = 0
        """Periods let go since the start."""

    def due(self, now_s: float) -> int:
        """Return how many periods have passed since the last call; each is returned once."""
        passed = math.floor((now_s - self._start_s) * self._rate_hz)
        steps = max(0, passed - self._done)
        self._done += steps
        returned = min(steps, self._most)
        self.skipped += steps - returned
        return returned
