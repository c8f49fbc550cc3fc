"""Who may move the car, and when it must stop: the state machine in front of the PWM.

Neutral is the default. The car moves only while it is armed and fresh, valid commands keep coming; anything
else, from a late frame to a PWM chip that does not answer, ends at neutral. Whatever ended a drive stays
the reason until somebody acknowledges it, so that a car does not start again by itself.

    disarmed <--something is missing, or not--> ready --arm--> armed --first command--> driving
        ^                                         ^-----disarm---'------------------------'|
        |                                                                                  | fault
        '-------------------------------------acknowledge--------------- stopped <---------'

What commands are, and whose are obeyed, is in `car.drive`.
"""

from __future__ import annotations

import contextlib
import threading

from car.calibration import PulseMap
from car.clock import Clock
from car.clock_watch import ClockWatch
from car.drive_conditions import DriveConditions
from car.drive_ledger import DriveLedger
from car.drive_limits import DriveLimits
from car.drive_report import NO_COMMAND, SILENCE, DriveMode, DriveReport, DriveState
from car.frame_age import FrameAge
from car.gpio import PowerGate
from car.power_switch import PowerSwitch
from car.pwm import PwmOutput

UNARMED = "not armed"
WAITING = "waiting for the first command"
MOVING = (DriveState.ARMED, DriveState.DRIVING)


class DriveMachine:
    """Arms, stops, and writes neutral wherever no command is obeyed.

    All methods may be called from several threads.

    Args:
        pulses: turns commands into pulse widths.
        output: where pulse widths go; it is given neutral at once.
        clock: monotonic for the deadline, wall for the age of frames.
        limits: when the car stops.
        mode: who drives.
        gate: cuts the power of servo and motor, on cars that have it.
    """

    def __init__(
        self,
        pulses: PulseMap,
        output: PwmOutput,
        clock: Clock,
        *,
        limits: DriveLimits | None = None,
        mode: DriveMode = DriveMode.AUTONOMOUS,
        gate: PowerGate | None = None,
    ) -> None:
        self._pulses = pulses
        self._output = output
        self._clock = clock
        self._limits = limits or DriveLimits()
        self._speed_limit_mps = self._limits.speed_limit_mps
        self._mode = mode
        self._power = PowerSwitch(gate, clock)
        self._frame_age = FrameAge(clock, self._limits)
        self._conditions = DriveConditions(clock, flow_s=self._limits.flow_s)
        self._clock_watch = ClockWatch(clock, limit_s=self._limits.max_clock_jump_s)
        self._lock = threading.RLock()
        self._closed = False
        self.ledger = DriveLedger(clock)
        """What was received, and what of it was not obeyed."""
        self._state = DriveState.DISARMED
        self._reason = self._rest_reason = UNARMED
        self._arms_itself = False
        self._waiting_since_s = 0.0
        self._deadline_s = 0.0
        self._may_rest = False
        self._neutral_is_due = False
        self.ledger.write_down(self._state, self._reason, pulses.neutral, NO_COMMAND)
        self._go_neutral()

    @property
    def report(self) -> DriveReport:
        """What was done last."""
        with self._lock:
            return self.ledger.report

    @property
    def mode(self) -> DriveMode:
        """Who drives."""
        return self._mode

    def tick(self) -> DriveReport | None:
        """Check deadlines, clock and readiness; to be called at 100 Hz or more.

        Returns:
            A report if something changed, else None.
        """
        with self._lock:
            before = self.ledger.report
            jump_s = self._clock_watch.jump_s()
            if jump_s and self._state in MOVING:
                self._stop(f"the system clock was set by {jump_s:+.3f} s")
            self._check_deadline()
            if self._neutral_is_due and not self._closed:
                self._go_neutral()
            self._power.tick()
            self._update_readiness()
            return self.ledger.report if self.ledger.report is not before else None

    def block(self, what: str, reason: str) -> DriveReport | None:
        """Say why the car must not drive, from outside: stops it, and keeps it from being armed.

        Args:
            what: whose reason this is; a later one of the same replaces it.
            reason: empty when the car may drive again, for all that `what` knows.

        Returns:
            A report if something changed, else None.
        """
        with self._lock:
            before = self.ledger.report
            self._conditions.block(what, reason)
            if reason and self._state in MOVING:
                self._stop(reason)
            self._update_readiness()
            return self.ledger.report if self.ledger.report is not before else None

    def arm(self) -> bool:
        """Allow the car to move with the next command.

        Returns:
            Whether the car is armed now; if not, the report's reason says why.
        """
        with self._lock:
            self._update_readiness()
            if self._state is DriveState.READY:
                self._arm()
            return self._state in MOVING

    def arm_when_ready(self) -> None:
        """Arm by itself as soon as the car is ready, once: for cars that are programs."""
        with self._lock:
            self._arms_itself = True

    def disarm(self, reason: str = "disarmed") -> DriveReport:
        """Go to neutral and obey nothing more; a stop that nobody acknowledged stays a stop."""
        with self._lock:
            self._arms_itself = False
            if self._state is not DriveState.STOPPED:
                self._state, self._reason, self._rest_reason = DriveState.DISARMED, reason, reason
            return self._go_neutral()

    def acknowledge(self) -> DriveReport:
        """Accept the reason of a stop, so that the car can be armed again."""
        with self._lock:
            if self._state is not DriveState.STOPPED:
                return self.ledger.report
            self._state, self._reason, self._rest_reason = DriveState.DISARMED, UNARMED, UNARMED
            self._power.on_release()
            return self._go_neutral()

    def stop(self, reason: str) -> DriveReport:
        """Go to neutral and stay there until somebody acknowledges `reason`."""
        with self._lock:
            return self._stop(reason)

    def set_mode(self, mode: DriveMode) -> DriveReport:
        """Let somebody else drive, which disarms."""
        with self._lock:
            self._mode = mode
            return self.disarm(f"mode is now {mode.name.lower()}")

    def recalibrate(self, pulses: PulseMap) -> DriveReport:
        """Turn commands into pulse widths otherwise from now on; another neutral disarms."""
        with self._lock:
            before, self._pulses = self._pulses, pulses
            return self.disarm("recalibrated") if pulses.neutral != before.neutral else self.ledger.report

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

    def _check_deadline(self) -> None:
        waited_s = self._clock.monotonic_s() - self._waiting_since_s
        if self._state is DriveState.DRIVING and waited_s > self._deadline_s:
            if self._may_rest:
                self._wait()
                return
            cause = self._conditions.flow_problem() if self._mode is DriveMode.AUTONOMOUS else ""
            missed = f"{SILENCE} {self._deadline_s * 1e3:.0f} ms"
            self._stop(f"{missed}: {cause}" if cause else missed)
        elif self._state is DriveState.ARMED and waited_s > self._limits.arm_deadline_s:
            self._stop(f"no command within {self._limits.arm_deadline_s:g} s of arming")

    def _update_readiness(self) -> None:
        """Between disarmed and ready, go where the conditions say."""
        if self._closed or self._state not in (DriveState.DISARMED, DriveState.READY):
            return
        problem = self._conditions.problem(self._mode)
        state = DriveState.DISARMED if problem else DriveState.READY
        reason = problem or self._rest_reason
        if (state, reason) != (self._state, self._reason):
            self._state, self._reason = state, reason
            self._renew_report()
        if self._arms_itself and state is DriveState.READY:
            self._arm()

    def _arm(self) -> None:
        self._arms_itself = False
        self._go_neutral()
        if self._state is DriveState.STOPPED:
            return
        try:
            self._power.switch_on()
        except OSError as error:
            self._stop(f"the power could not be switched on: {error}")
            return
        self._wait()

    def _wait(self) -> None:
        self._state, self._reason = DriveState.ARMED, WAITING
        self._waiting_since_s = self._clock.monotonic_s()
        self._go_neutral()

    def _stop(self, reason: str) -> DriveReport:
        # The first reason is the cause; what follows it is a consequence.
        if self._state is not DriveState.STOPPED:
            self._state, self._reason = DriveState.STOPPED, reason
        self._power.on_stop()
        return self._go_neutral()

    def _go_neutral(self) -> DriveReport:
        """Write neutral; if that fails, the power is cut, the car is stopped and every tick tries again."""
        neutral = self._pulses.neutral
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
            self._power.cut()
            return self._renew_report()
        self._frame_age.forget()
        return self.ledger.write_down(self._state, self._reason, neutral, NO_COMMAND)

    def _renew_report(self) -> DriveReport:
        return self.ledger.renew(self._state, self._reason)
