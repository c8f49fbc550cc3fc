"""What the drive has done so far: its counts, and its last report."""

from __future__ import annotations

from dataclasses import replace

from car.action_space import Command
from car.clock import Clock
from car.drive_report import DriveReport, DriveState
from car.pwm import Pwm


class DriveLedger:
    """Keeps the books of a drive controller.

    Args:
        clock: wall clock, for the stamps.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.commands = 0
        """Commands received since the start."""
        self.dropped_late = 0
        """Commands whose frame was too old, from the future, or overtaken by a newer one."""
        self.dropped_unarmed = 0
        """Commands that came while the car was not armed, or for another mode."""
        self.dropped_invalid = 0
        """Commands that were not finite, out of range, or could not be written."""
        self._report: DriveReport | None = None

    @property
    def report(self) -> DriveReport:
        """What was done last."""
        assert self._report is not None
        return self._report

    def write_down(
        self,
        state: DriveState,
        reason: str,
        pwm: Pwm,
        command: Command,
        source_ns: int = 0,
        inferred_ns: int = 0,
    ) -> DriveReport:
        """Report that pulse widths have just been written."""
        self._report = DriveReport(
            stamp_ns=self._clock.wall_ns(),
            state=state,
            reason=reason,
            command=command,
            pwm=pwm,
            source_stamp_ns=source_ns,
            inferred_stamp_ns=inferred_ns,
            commands=self.commands,
            dropped=self._dropped(),
        )
        return self._report

    def renew(self, state: DriveState, reason: str) -> DriveReport:
        """Repeat what was written last, with the present state and counts."""
        self._report = replace(
            self.report, state=state, reason=reason, commands=self.commands, dropped=self._dropped()
        )
        return self._report

    def _dropped(self) -> int:
        return self.dropped_late + self.dropped_unarmed + self.dropped_invalid
