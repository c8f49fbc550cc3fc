"""What must be so before a car may be armed, and the first thing that is not."""

from __future__ import annotations

import math

from car.clock import Clock
from car.drive_report import DriveMode

NOTHING_COMES = "no decisions come: is the camera there, is a policy loaded?"


class DriveConditions:
    """Collects what the drive itself and others know.

    Args:
        clock: monotonic.
        flow_s: decisions flow if the last good one is no older than this.
    """

    def __init__(self, clock: Clock, *, flow_s: float) -> None:
        self._clock = clock
        self._flow_s = flow_s
        self._blocks: dict[str, str] = {}
        self._heard_s = self._flowed_s = -math.inf
        self._flow_problem = ""

    def on_decision(self, problem: str) -> None:
        """Take in that a decision of the policy came, and what is wrong with it, if anything.

        `problem` should be the same text as long as the cause is the same.
        """
        self._heard_s = self._clock.monotonic_s()
        self._flow_problem = problem
        if not problem:
            self._flowed_s = self._heard_s

    def block(self, what: str, reason: str) -> None:
        """Take in from outside why the car must not drive; empty when it may, for all that `what` knows."""
        self._blocks[what] = reason

    def problem(self, mode: DriveMode) -> str:
        """Return the first reason why the car cannot be armed in `mode`, or nothing."""
        for reason in self._blocks.values():
            if reason:
                return reason
        # A person decides when to send; a policy that does not is broken or blind.
        now_s = self._clock.monotonic_s()
        if mode is not DriveMode.AUTONOMOUS or now_s - self._flowed_s <= self._flow_s:
            return ""
        return self.flow_problem() or NOTHING_COMES

    def flow_problem(self) -> str:
        """Return what is wrong with the decisions that come, or nothing, also where none come."""
        is_recent = self._clock.monotonic_s() - self._heard_s <= self._flow_s
        return self._flow_problem if is_recent else ""
