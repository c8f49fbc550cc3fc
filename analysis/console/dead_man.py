"""Driving from a page with a dead man's handle: the car moves only while somebody holds on.

A hold begins with a press and lives on beats that the page keeps sending. When they stop, for whatever
reason, or when the car itself says that it has stopped, the car is disarmed, and that press is dead: a beat
that comes late revives nothing, somebody has to press again. Only one page holds at a time.

    idle --press--> arming --armed--> held --silence, release, stop--> disarming --done--> idle

This is the second of two guards: the drive node has deadlines of its own for decisions and for the stick.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from car.clock import Clock
from car.errors import Sim2RaceError

SILENCE_S = 0.5
"""Longest time without a beat: ten of them. The drive's own deadline for a stick is the same."""
SETTLE_S = 1.0
"""After arming, the car's last word may still be one from before; at rest, it speaks once a second."""
_DEAD_PRESSES = 256


class Controls(Protocol):
    """What can be asked of the car; every answer is "" or why not."""

    def arm(self) -> str:
        """Allow the car to move."""

    def disarm(self) -> str:
        """Bring the car to rest."""

    def set_manual(self, manual: bool) -> str:
        """Let a person drive, or the policy; disarms."""

    def steer(self, angle: float, throttle: float) -> None:
        """Say where the stick is, each -1..1, + is left and forward; only in manual mode."""

    def set_max_speed(self, share: float) -> str:
        """Limit the policy's speed to a share of the greatest, 0..1."""


@dataclass(frozen=True)
class Beat:
    """One sign of life of a page that holds."""

    press: str
    """Which press of the button it belongs to; every press has a name of its own."""
    manual: bool = False
    """Whether the stick drives, and not the policy."""
    angle: float = 0.0
    throttle: float = 0.0


class DeadMan:
    """Arms, keeps and disarms; safe to use from several threads. Somebody calls `tick` 20 times a second.

    Args:
        controls: the car.
        clock: monotonic.
        silence_s: longest time without a beat.
    """

    def __init__(self, controls: Controls, clock: Clock, *, silence_s: float = SILENCE_S) -> None:
        self._controls = controls
        self._clock = clock
        self._silence_s = silence_s
        self._lock = threading.Lock()
        self._press = ""
        self._manual: bool | None = None
        self._armed = False
        self._beaten_s = 0.0
        self._armed_s = 0.0
        self._dead: deque[str] = deque(maxlen=_DEAD_PRESSES)
        self._disarm_is_due = False
        self.why_stopped = ""
        """Why the last hold ended."""

    @property
    def held(self) -> bool:
        """Whether somebody holds."""
        with self._lock:
            return bool(self._press)

    def beat(self, beat: Beat) -> None:
        """Take in a sign of life; the first one of a press arms the car, which takes a moment.

        Raises:
            Sim2RaceError: the press is dead, another page holds, or the car does not arm; says why.
        """
        with self._lock:
            if beat.press in self._dead:
                raise Sim2RaceError(f"The hold has ended: {self.why_stopped}. Let go and press again.")
            if self._press and self._press != beat.press:
                raise Sim2RaceError("Another page holds the car.")
            if self._disarm_is_due:
                raise Sim2RaceError("The car is still being stopped.")
            is_first = not self._press
            self._press = beat.press
            self._beaten_s = self._clock.monotonic_s()
            if is_first:
                self._armed = False
        if is_first:
            self._begin(beat)
        if beat.manual and self._armed and self._manual:
            self._controls.steer(beat.angle, beat.throttle)

    def release(self, press: str, why: str = "released") -> None:
        """End a hold now; of a press that does not hold, only that it never will."""
        with self._lock:
            if press in self._dead:
                return
            if press != self._press:
                self._dead.append(press)
                return
            self._end(why)
        self._disarm()

    def tick(self, at_rest: str = "") -> None:
        """End a hold that is silent or whose car has stopped; repeat a stop that the car has not confirmed.

        Args:
            at_rest: why the car does not drive, in its own words; empty while it may, or has said nothing.
        """
        with self._lock:
            now_s = self._clock.monotonic_s()
            if self._press and self._armed:
                if now_s - self._beaten_s > self._silence_s:
                    self._end("the page fell silent")
                elif at_rest and now_s - self._armed_s > SETTLE_S:
                    self._end(at_rest)
        self._disarm()

    def stop(self, why: str = "stopped") -> str:
        """Stop whoever holds, or nobody; returns "" or why the car did not confirm."""
        with self._lock:
            if self._press:
                self._end(why)
            self._disarm_is_due = True
        return self._disarm()

    def _begin(self, beat: Beat) -> None:
        # Every time: the drive may have started anew since, or somebody else have set the mode.
        problem = self._controls.set_manual(beat.manual)
        if not problem:
            self._manual = beat.manual
            problem = self._controls.arm()
        with self._lock:
            if self._press != beat.press:
                self._disarm_is_due = True  # Released while the car was being armed.
            elif problem:
                self._end(problem)
            else:
                # The page could say nothing while it waited for this answer: its time begins now.
                self._beaten_s = self._armed_s = self._clock.monotonic_s()
                self._armed = True
        self._disarm()
        if problem:
            raise Sim2RaceError(f"The car does not arm: {problem}.")

    def _end(self, why: str) -> None:
        """Forget the hold; the lock is held."""
        self._dead.append(self._press)
        self._press, self._armed = "", False
        self.why_stopped = why
        self._disarm_is_due = True

    def _disarm(self) -> str:
        with self._lock:
            if not self._disarm_is_due:
                return ""
        if self._manual:
            self._controls.steer(0.0, 0.0)
        problem = self._controls.disarm()
        with self._lock:
            # Until it is confirmed, every tick asks again and nobody can press.
            self._disarm_is_due = bool(problem)
        return problem
