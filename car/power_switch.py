"""When the power of servo and motor is cut and given back, on cars that have a gate."""

from __future__ import annotations

import contextlib

from car.clock import Clock
from car.gpio import PowerGate

CUT_AFTER_S = 2.0
"""A motor controller brakes only as long as it has power; by then the car stands."""
WAKE_S = 2.0
"""A motor controller that gets power wants to see neutral for this long before it obeys."""


class PowerSwitch:
    """Cuts the power of a car that was stopped by a fault, and gives it back when a person arms it.

    Args:
        gate: the hardware; None on cars without one, where nothing is ever switched.
        clock: monotonic.
    """

    def __init__(self, gate: PowerGate | None, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock
        self._stopped_s: float | None = None
        self._is_cut = False
        self._awake_s = float("-inf")

    @property
    def is_waking(self) -> bool:
        """Whether the motor controller has not had its time at neutral yet."""
        return self._clock.monotonic_s() < self._awake_s

    def on_stop(self) -> None:
        """Begin to count the time at neutral."""
        if self._stopped_s is None:
            self._stopped_s = self._clock.monotonic_s()

    def on_release(self) -> None:
        """A person has taken over; the power stays as it is until the car is armed."""
        self._stopped_s = None

    def tick(self) -> None:
        """Cut the power if its time has come."""
        stopped_s = self._stopped_s
        if stopped_s is not None and self._clock.monotonic_s() - stopped_s > CUT_AFTER_S:
            self.cut()

    def cut(self) -> None:
        """Cut the power now; tried again at every tick if the hardware does not take it."""
        if self._gate is None or self._is_cut:
            return
        with contextlib.suppress(OSError):
            self._gate.cut()
            self._is_cut = True

    def switch_on(self) -> None:
        """Give the power back, whoever cut it; neutral must have been written.

        Raises:
            OSError: the hardware did not take it.
        """
        # The guard of a process that was frozen for a while has cut it, too.
        if self._gate is None or self._gate.powered:
            self._is_cut = False
            return
        self._gate.switch_on()
        self._is_cut = False
        self._awake_s = self._clock.monotonic_s() + WAKE_S
