"""What comes in: a policy's decisions, a person's stick, pulses to try out; and whether the wheels obey them.

When the car must stop is the business of the state machine in `car.drive_machine`.
"""

from __future__ import annotations

import math

from car.action_space import Command
from car.drive_machine import MOVING, DriveMachine
from car.drive_orders import Order, calibration_order, manual_order, policy_order
from car.drive_report import NO_COMMAND, DriveMode, DriveReport, DriveState
from car.errors import Sim2RaceError

MISTIMED_STICK = "the stick's messages are not of now: do the clocks of car and console agree?"


class DriveController(DriveMachine):
    """Obeys fresh commands while armed, and writes neutral in every other case.

    All methods may be called from several threads.

    Args: those of `DriveMachine`.
    """

    def on_command(self, command: Command, source_stamp_ns: int, inferred_stamp_ns: int = 0) -> DriveReport:
        """Obey a policy's `command` if the car is armed and it is fresh and valid; return what was done.

        Args:
            command: what the policy asks for.
            source_stamp_ns: wall clock, when its frame was captured; 0 (unknown) is too old.
            inferred_stamp_ns: wall clock, when the policy had decided; only reported.
        """
        with self._lock:
            order = policy_order(self._pulses, command, self._speed_limit_mps)
            return self._on_decision(order, source_stamp_ns, inferred_stamp_ns)

    def on_refused(self, problem: str, source_stamp_ns: int) -> DriveReport:
        """Stop for a policy's output that stands for no command, and say what is wrong with it."""
        with self._lock:
            return self._on_decision(Order(self._pulses.neutral, NO_COMMAND, problem), source_stamp_ns)

    def on_manual(self, angle: float, throttle: float, source_stamp_ns: int = 0) -> DriveReport:
        """Obey a person's stick, each axis -1..1, + is left and forward, if the car is armed in manual mode.

        A stick at rest that falls silent leads to neutral; a moving one that falls silent is a fault.
        `source_stamp_ns` is the wall clock when the stick was read, 0 if unknown. Who stamps a stick repeats
        it for as long as it is held, and may be silent no longer than a policy; the community's console does
        not stamp, and sends five times a second at most.
        """
        with self._lock:
            self._begin_command()
            if not self._accepts(DriveMode.MANUAL):
                return self._drop_unarmed()
            if source_stamp_ns and self._frame_age.problem(source_stamp_ns):
                self.ledger.dropped_late += 1
                if self._state is DriveState.ARMED:
                    self._reason = MISTIMED_STICK
                return self._renew_report()
            order = manual_order(self._pulses, angle, throttle, self._limits.speed_limit_mps)
            limits = self._limits
            deadline_s = limits.manual_deadline_s
            if source_stamp_ns:
                deadline_s = min(deadline_s, limits.deadline_s)
            return self._obey(order, deadline_s, source_stamp_ns)

    def on_pulses(self, steering_ns: float, motor_ns: float) -> DriveReport:
        """Write pulse widths that somebody tries out, if the car is armed in calibration mode; -1 leaves one.

        The motor runs for a few seconds only; a servo alone may be held for as long as it takes to measure.
        """
        with self._lock:
            self._begin_command()
            if not self._accepts(DriveMode.CALIBRATION):
                return self._drop_unarmed()
            order = calibration_order(self._pulses.neutral, self.ledger.report.pwm, steering_ns, motor_ns)
            stands = order.pwm.motor_ns == self._pulses.neutral.motor_ns
            return self._obey(order, math.inf if stands else self._limits.calibration_deadline_s)

    def limit_speed(self, share: float) -> None:
        """Limit a policy to a share of the speed limit, 0..1, from its next command on.

        Raises:
            Sim2RaceError: not 0 to 1.
        """
        if not 0.0 <= share <= 1.0:
            raise Sim2RaceError(f"The maximum speed is {share:g} of the limit; expected 0 to 1.")
        with self._lock:
            self._speed_limit_mps = share * self._limits.speed_limit_mps

    def _begin_command(self) -> None:
        self._check_deadline()
        self.ledger.commands += 1

    def _on_decision(self, order: Order, source_stamp_ns: int, inferred_stamp_ns: int = 0) -> DriveReport:
        """Obey what a policy has decided, if it is of now."""
        self._begin_command()
        lateness = self._frame_age.problem(source_stamp_ns)
        self._conditions.on_decision(lateness or order.problem)
        if not self._accepts(DriveMode.AUTONOMOUS):
            return self._drop_unarmed()
        if lateness:
            self.ledger.dropped_late += 1
            return self._renew_report()
        return self._obey(order, self._limits.deadline_s, source_stamp_ns, inferred_stamp_ns)

    def _accepts(self, mode: DriveMode) -> bool:
        may_move = self._state in MOVING and not self._closed and not self._power.is_waking
        return may_move and mode is self._mode

    def _drop_unarmed(self) -> DriveReport:
        self.ledger.dropped_unarmed += 1
        self._update_readiness()
        return self._renew_report()

    def _obey(
        self, order: Order, deadline_s: float, source_stamp_ns: int = 0, inferred_stamp_ns: int = 0
    ) -> DriveReport:
        try:
            if order.problem:
                self.ledger.dropped_invalid += 1
                return self._stop(order.problem)
            self._output.write(order.pwm)
        except Exception as error:  # whatever it is, the car must not go on
            self.ledger.dropped_invalid += 1
            return self._stop(f"the command could not be written: {error}")
        self._state, self._reason = DriveState.DRIVING, ""
        self._frame_age.on_obeyed(source_stamp_ns)
        self._waiting_since_s = self._clock.monotonic_s()
        self._deadline_s = deadline_s
        stands = order.pwm.motor_ns == self._pulses.neutral.motor_ns
        self._may_rest = stands and self._mode is not DriveMode.AUTONOMOUS
        return self.ledger.write_down(
            self._state, self._reason, order.pwm, order.command, source_stamp_ns, inferred_stamp_ns
        )
