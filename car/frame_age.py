"""Whether a command is about now: the age of the frame behind it, and its order among the others."""

from __future__ import annotations

from car.clock import Clock
from car.drive_limits import DriveLimits


class FrameAge:
    """Judges the stamps of frames.

    Args:
        clock: wall clock.
        limits: how old, and how far in the future, a frame may be.
    """

    def __init__(self, clock: Clock, limits: DriveLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._newest_ns = 0

    def problem(self, stamp_ns: int) -> str:
        """Return why a frame is not of now, always in the same words, or nothing."""
        age_s = (self._clock.wall_ns() - stamp_ns) / 1e9
        if age_s > self._limits.max_frame_age_s:
            return "decisions come too late: their frames are old"
        if age_s < -self._limits.max_future_s:
            return "the frames' stamps are from the future: a clock is wrong"
        return "an older frame came after a newer one" if stamp_ns < self._newest_ns else ""

    def on_obeyed(self, stamp_ns: int) -> None:
        """Remember that no older frame may follow this one."""
        self._newest_ns = stamp_ns

    def forget(self) -> None:
        """Begin anew."""
        self._newest_ns = 0
