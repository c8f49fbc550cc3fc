"""Who may move the car, and when it must stop: the state machine in front of the PWM.

Neutral is the default. The car moves only while it is armed and fresh, valid commands keep coming; anything
else, from a late frame to a PWM chip that does not answer, ends at neutral. Whatever ended a drive stays
the reason until somebody acknowledges it, so that a car does not start again by itself.

    disarmed --arm--> armed --first command--> driving --deadline, bad command, failed write--> stopped
        ^---------disarm, from any of them---------'                                               |
        '-----------------------------------acknowledge--------------------------------------------'
"""

from __future__ import annotations

import contextlib
import math
import threading
from dataclasses import dataclass
from enum import Enum

from car.action_space import MAX_SPEED_MPS, MAX_STEERING_RAD, Command
from car.calibration import Calibration
from car.clock import Clock
from car.pwm import Pwm, PwmOutput

NO_COMMAND = Command(0.0, 0.0)
_ROUNDING = 1e-6
"""Commands travel as 32-bit floats, so that a limit may arrive a little above itself."""


class DriveState(Enum):
    """Whether the car may move."""

    DISARMED = "disarmed"
    ARMED = "armed"
    DRIVING = "driving"
    STOPPED = "stopped"


@dataclass(frozen=True)
class DriveReport:
    """What the controller did last and why; the drive node publishes it."""

    stamp_ns: int
    """Wall clock, when the pulse widths were written."""
    state: DriveState
    reason: str
    """Why the car is not driving; empty while it drives."""
    command: Command
    """What the wheels obey; zero at neutral."""
    pwm: Pwm
    """What was written last."""
    source_stamp_ns: int
    """Wall clock, when the frame behind the command was captured; 0 at neutral."""
    inferred_stamp_ns: int
    """Wall clock, when the policy had decided; 0 at neutral."""
    commands: int
    """Commands received since the start."""
    dropped: int
    """Commands not obeyed: late, not armed, not a number or out of range."""


class DriveController:
    """Obeys fresh commands while armed, and writes neutral in every other case.

    All methods may be called from several threads.

    Args:
        calibration: turns commands into pulse widths.
        output: where pulse widths go; it is given neutral at once.
        clock: monotonic for the deadline, wall for the age of frames.
        deadline_s: longest time without a fresh, valid command while driving.
        max_frame_age_s: a command is dropped if its frame was captured longer ago than this.
        max_future_s: a command is dropped if its frame is from this far in the future: a clock is wrong.
        arm_deadline_s: longest wait for the first command; an armed car that is forgotten must not set off.
    """

    def __init__(
        self,
        calibration: Calibration,
        output: PwmOutput,
        clock: Clock,
        *,
        deadline_s: float = 0.1,
        max_frame_age_s: float = 0.1,
        max_future_s: float = 0.05,
        arm_deadline_s: float = 30.0,
    ) -> None:
        self._calibration = calibration
        self._output = output
        self._clock = clock
        self._deadline_s = deadline_s
        self._max_frame_age_s = max_frame_age_s
        self._max_future_s = max_future_s
        self._arm_deadline_s = arm_deadline_s
        self._lock = threading.RLock()
        self._closed = False
        self._commands = 0
        self.dropped_late = 0
        """Commands whose frame was too old, from the future, or overtaken by a newer one."""
        self.dropped_unarmed = 0
        """Commands that came while the car was not armed."""
        self.dropped_invalid = 0
        """Commands that were not finite, out of range, or could not be written."""
        self._state = DriveState.DISARMED
        self._reason = "not armed"
        self._waiting_since_s = 0.0
        self._newest_source_ns = 0
        self._neutral_is_due = False
        self._report = self._make_report(calibration.neutral, NO_COMMAND, 0, 0)
        self._go_neutral()

    @property
    def report(self) -> DriveReport:
        """What was done last."""
        with self._lock:
            return self._report

    def on_command(self, command: Command, source_stamp_ns: int, inferred_stamp_ns: int = 0) -> DriveReport:
        """Obey `command` if the car is armed and the command is fresh and valid.

        Args:
            command: what the policy asks for.
            source_stamp_ns: wall clock, when its frame was captured; 0 (unknown) is too old.
            inferred_stamp_ns: wall clock, when the policy had decided; only reported.

        Returns:
            What was done.
        """
        with self._lock:
            self._check_deadline()
            self._commands += 1
            if self._closed or self._state not in (DriveState.ARMED, DriveState.DRIVING):
                self.dropped_unarmed += 1
                return self._renew_report()
            age_s = (self._clock.wall_ns() - source_stamp_ns) / 1e9
            is_fresh = -self._max_future_s <= age_s <= self._max_frame_age_s
            if not is_fresh or source_stamp_ns < self._newest_source_ns:
                self.dropped_late += 1
                return self._renew_report()
            problem = _what_is_wrong(command)
            if problem:
                self.dropped_invalid += 1
                return self._stop(problem)
            return self._obey(command, source_stamp_ns, inferred_stamp_ns)

    def tick(self) -> DriveReport | None:
        """Check the deadline; to be called at 100 Hz or more.

        Returns:
            A report if something changed, else None.
        """
        with self._lock:
            before = self._report
            self._check_deadline()
            if self._neutral_is_due and not self._closed:
                self._go_neutral()
            return self._report if self._report is not before else None

    def arm(self) -> bool:
        """Allow the car to move with the next command.

        Returns:
            Whether the car is armed now; not so if it is closed, or stopped and not acknowledged.
        """
        with self._lock:
            if self._closed or self._state is DriveState.STOPPED:
                return False
            if self._state is DriveState.DISARMED:
                self._state, self._reason = DriveState.ARMED, "waiting for the first command"
                self._waiting_since_s = self._clock.monotonic_s()
                self._go_neutral()
            return self._state in (DriveState.ARMED, DriveState.DRIVING)

    def disarm(self, reason: str = "disarmed") -> DriveReport:
        """Go to neutral and obey nothing more; a stop that nobody acknowledged stays a stop."""
        with self._lock:
            if self._state is not DriveState.STOPPED:
                self._state, self._reason = DriveState.DISARMED, reason
            return self._go_neutral()

    def acknowledge(self) -> DriveReport:
        """Accept the reason of a stop, so that the car can be armed again."""
        with self._lock:
            if self._state is not DriveState.STOPPED:
                return self._report
            self._state, self._reason = DriveState.DISARMED, "not armed"
            return self._go_neutral()

    def stop(self, reason: str) -> DriveReport:
        """Go to neutral and stay there until somebody acknowledges `reason`."""
        with self._lock:
            return self._stop(reason)

    def close(self) -> None:
        """Go to neutral for good and let go of the hardware."""
        with self._lock:
            if self._closed:
                return
            if self._state is not DriveState.STOPPED:
                self._state, self._reason = DriveState.DISARMED, "closed"
            self._go_neutral()
            self._closed = True
            with contextlib.suppress(Exception):
                self._output.close()

    def _obey(self, command: Command, source_stamp_ns: int, inferred_stamp_ns: int) -> DriveReport:
        try:
            pwm = self._calibration.pwm(command)
            self._output.write(pwm)
        except Exception as error:  # whatever it is, the car must not go on
            self.dropped_invalid += 1
            return self._stop(f"the command could not be written: {error}")
        self._state, self._reason = DriveState.DRIVING, ""
        self._newest_source_ns = source_stamp_ns
        self._waiting_since_s = self._clock.monotonic_s()
        self._report = self._make_report(pwm, command, source_stamp_ns, inferred_stamp_ns)
        return self._report

    def _check_deadline(self) -> None:
        waited_s = self._clock.monotonic_s() - self._waiting_since_s
        if self._state is DriveState.DRIVING and waited_s > self._deadline_s:
            self._stop(f"no fresh command for {self._deadline_s * 1e3:.0f} ms")
        elif self._state is DriveState.ARMED and waited_s > self._arm_deadline_s:
            self._stop(f"no command within {self._arm_deadline_s:g} s of arming")

    def _stop(self, reason: str) -> DriveReport:
        # The first reason is the cause; what follows it is a consequence.
        if self._state is not DriveState.STOPPED:
            self._state, self._reason = DriveState.STOPPED, reason
        return self._go_neutral()

    def _go_neutral(self) -> DriveReport:
        """Write neutral; if that fails, the car is stopped and every tick tries again."""
        neutral = self._calibration.neutral
        if self._closed:
            return self._renew_report()
        try:
            self._output.write(neutral)
            self._neutral_is_due = False
        except Exception as error:  # whatever it is, try again
            if not self._neutral_is_due:
                before = f"{self._reason}; " if self._state is DriveState.STOPPED else ""
                self._state = DriveState.STOPPED
                self._reason = f"{before}neutral could not be written: {error}"
            self._neutral_is_due = True
            return self._renew_report()
        self._newest_source_ns = 0
        self._report = self._make_report(neutral, NO_COMMAND, 0, 0)
        return self._report

    def _renew_report(self) -> DriveReport:
        """Repeat what was written last, with the present state and counts."""
        last = self._report
        self._report = self._make_report(
            last.pwm, last.command, last.source_stamp_ns, last.inferred_stamp_ns, stamp_ns=last.stamp_ns
        )
        return self._report

    def _make_report(
        self, pwm: Pwm, command: Command, source_ns: int, inferred_ns: int, *, stamp_ns: int | None = None
    ) -> DriveReport:
        return DriveReport(
            stamp_ns=self._clock.wall_ns() if stamp_ns is None else stamp_ns,
            state=self._state,
            reason=self._reason,
            command=command,
            pwm=pwm,
            source_stamp_ns=source_ns,
            inferred_stamp_ns=inferred_ns,
            commands=self._commands,
            dropped=self.dropped_late + self.dropped_unarmed + self.dropped_invalid,
        )


def _what_is_wrong(command: Command) -> str:
    """Return why no car may obey `command`, or nothing."""
    if not (math.isfinite(command.steering_rad) and math.isfinite(command.speed_mps)):
        return f"a command that is not finite: {command.steering_rad} rad, {command.speed_mps} m/s"
    if abs(command.steering_rad) > MAX_STEERING_RAD + _ROUNDING:
        return f"a command out of range: {command.steering_rad:.3f} rad; at most {MAX_STEERING_RAD:.3f}"
    if not -_ROUNDING <= command.speed_mps <= MAX_SPEED_MPS + _ROUNDING:
        return f"a command out of range: {command.speed_mps:.3f} m/s; 0 to {MAX_SPEED_MPS:g}"
    return ""
