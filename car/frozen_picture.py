"""Telling a camera that has frozen from a car that stands still.

A camera that hangs may go on sending its last picture under new stamps, and a car would drive by it until
the wall. A real sensor has noise, so that no two pictures are equal, moving or not. The simulated camera has
none when told so, and a car that stands then sends the same bytes for ever. So a picture equal to the one
before is a fault only while the car is known to move: while the drive has been reporting a command that moves
every car for longer than the slowest needs to set off. A camera that was found frozen stays so until its
picture changes, so that nobody sets off with it again.
"""

from __future__ import annotations

import math

from car.clock import Clock

MOVING_MPS = 0.5
"""The command from which on every car moves; the motor of a real one does nothing at 0.3 m/s."""
SETS_OFF_WITHIN_S = 0.3
"""From the command to the first picture that differs, with the slowest vehicle preset."""
TOLD_WITHIN_S = 0.5
"""A drive that drives reports every command; older news say nothing about the car."""


class FrozenPicture:
    """Compares every picture with the one before.

    Args:
        clock: monotonic, for how long the car has been told to move.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._picture = b""
        self._new_ns = 0
        self._moving_since_s = math.inf
        self._told_s = -math.inf
        self._is_frozen = False

    def on_drive(self, speed_mps: float) -> None:
        """Take in what the wheels obey now; 0 if the car is not driving."""
        self._told_s = self._clock.monotonic_s()
        if speed_mps < MOVING_MPS:
            self._moving_since_s = math.inf
        elif self._moving_since_s == math.inf:
            self._moving_since_s = self._clock.monotonic_s()

    def frozen_s(self, picture: bytes, captured_ns: int) -> float:
        """Return for how long a frozen camera has been showing the same picture; 0 if it is not frozen.

        Args:
            picture: the bytes as they came.
            captured_ns: their stamp.
        """
        if picture != self._picture:
            self._picture, self._new_ns, self._is_frozen = picture, captured_ns, False
        elif self._clock.monotonic_s() - self._told_s > TOLD_WITHIN_S:
            # A drive that says no more may be dead, and its car stand: nothing is known.
            self._moving_since_s = math.inf
        elif self._clock.monotonic_s() - self._moving_since_s >= SETS_OFF_WITHIN_S:
            self._is_frozen = True
        return max(0.0, (captured_ns - self._new_ns) / 1e9) if self._is_frozen else 0.0
