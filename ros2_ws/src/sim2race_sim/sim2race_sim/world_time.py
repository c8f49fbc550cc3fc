"""Simulated time: real time at a factor, which can be paused and stepped."""

from __future__ import annotations


class WorldTime:
    """Counts simulated seconds.

    Args:
        now_s: monotonic time at which simulated time is zero.
        factor: simulated seconds per real one.
    """

    def __init__(self, now_s: float, *, factor: float = 1.0) -> None:
        self._since_s = now_s
        self._counted_s = 0.0
        self._factor = factor
        self._paused = False

    @property
    def paused(self) -> bool:
        """Whether simulated time stands still."""
        return self._paused

    def read(self, now_s: float) -> float:
        """Return the simulated seconds that have passed."""
        running_s = 0.0 if self._paused else (now_s - self._since_s) * self._factor
        return self._counted_s + running_s

    def pause(self, now_s: float) -> None:
        """Stand still."""
        self._counted_s, self._paused = self.read(now_s), True

    def resume(self, now_s: float) -> None:
        """Go on from where it stood."""
        if self._paused:
            self._since_s, self._paused = now_s, False

    def step(self, seconds: float) -> None:
        """Let some time pass while paused."""
        self._counted_s += seconds
