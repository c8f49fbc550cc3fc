"""Notices when the system clock is set: frames then look old or new that are not."""

from __future__ import annotations

from car.clock import Clock

UNCERTAIN_S = 0.002
"""When reading both clocks took longer, the process was interrupted in between."""


class ClockWatch:
    """Compares the wall clock with the monotonic one; call it every few milliseconds.

    A clock that is slewed, as time services do while all is well, moves by less than a millisecond between
    two readings; one that is set jumps.

    Args:
        clock: is watched.
        limit_s: a jump up to this is none.
    """

    def __init__(self, clock: Clock, *, limit_s: float) -> None:
        self._clock = clock
        self._limit_s = limit_s
        self._offset_s: float | None = None

    def jump_s(self) -> float:
        """Return by how much the wall clock has been set since the last call; 0 if it has not."""
        before_s = self._clock.monotonic_s()
        wall_s = self._clock.wall_ns() / 1e9
        after_s = self._clock.monotonic_s()
        if after_s - before_s > UNCERTAIN_S:
            return 0.0
        offset_s = wall_s - before_s
        jump_s = 0.0 if self._offset_s is None else offset_s - self._offset_s
        self._offset_s = offset_s
        return jump_s if abs(jump_s) > self._limit_s else 0.0
