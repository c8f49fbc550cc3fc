"""A drive controller with everything around it within reach, on a clock that the test holds."""

from __future__ import annotations

from car.action_space import Command
from car.calibration import PulseMap, default_calibration
from car.clock import HeldClock
from car.drive import DriveController
from car.drive_report import DriveMode, DriveState
from car.pwm import Pwm, RecordingPwm

CALIBRATION = default_calibration()
NEUTRAL = CALIBRATION.neutral
AHEAD = Command(0.0, 1.0)


class FailingPwm(RecordingPwm):
    """A chip that can be made to refuse everything, or everything but neutral."""

    def __init__(self) -> None:
        super().__init__()
        self.refuses_all = False
        self.refuses_motion = False

    def write(self, pwm: Pwm) -> None:
        if self.refuses_all or (self.refuses_motion and pwm != NEUTRAL):
            raise OSError("Input/output error")
        super().write(pwm)


class FakeGate:
    """A power gate that remembers its state."""

    def __init__(self) -> None:
        self._is_cut = False

    def is_cut(self) -> bool:
        return self._is_cut

    @property
    def powered(self) -> bool:
        return not self._is_cut

    def switch_on(self) -> None:
        self._is_cut = False

    def cut(self) -> None:
        self._is_cut = True


class DrivenCar:
    """A controller with everything around it within reach."""

    def __init__(self, mode: DriveMode = DriveMode.AUTONOMOUS, pulses: PulseMap = CALIBRATION) -> None:
        self.clock = HeldClock()
        self.output = FailingPwm()
        self.gate = FakeGate()
        self.controller = DriveController(pulses, self.output, self.clock, mode=mode, gate=self.gate)

    def state(self) -> DriveState:
        return self.controller.report.state

    def command(self, command: Command = AHEAD, *, age_s: float = 0.02) -> None:
        self.controller.on_command(command, self.clock.wall_ns() - round(age_s * 1e9), self.clock.wall_ns())

    def arm(self) -> None:
        if self.controller.mode is DriveMode.AUTONOMOUS:
            self.command()
        assert self.controller.arm()
        assert self.state() is DriveState.ARMED
        assert self.output.last == NEUTRAL

    def drive(self) -> None:
        self.arm()
        self.command()
        assert self.state() is DriveState.DRIVING
        assert self.output.last == CALIBRATION.pwm(AHEAD)

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 200)):
            self.clock.advance(0.005)
            self.controller.tick()

    def assert_stopped(self, reason: str) -> None:
        assert self.state() is DriveState.STOPPED
        assert reason in self.controller.report.reason
        assert self.output.last == NEUTRAL
