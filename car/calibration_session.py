"""Leading a person through the measurement of one car: straight, circles to both sides, timed runs.

The motor stays at neutral except during a timed run, and every step ends at neutral, however it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from car.calibration import Calibration
from car.calibration_survey import (
    Circle,
    Survey,
    TimedRun,
    contradiction_of_circles,
    contradiction_of_runs,
)
from car.dialogue import Dialogue
from car.pwm import Pwm, PwmOutput


@dataclass(frozen=True, kw_only=True)
class SessionPlan:
    """What is measured, and how."""

    steering_percent: tuple[int, ...]
    """Deflections of the servo, rising, of the way from straight to its end."""
    throttle_percent: tuple[int, ...]
    """Throttles, rising, of the way from neutral to full."""
    wheelbase_m: float
    """Between the axles."""
    run_s: float
    """Longest timed run."""


class CalibrationSession:
    """One measurement of one car.

    Args:
        base: knows neutral and the ends of servo and motor, from which the percentages count.
        output: moves the car.
        dialogue: answers.
        console: for what there is to say.
        plan: what to measure.
    """

    def __init__(
        self, base: Calibration, output: PwmOutput, dialogue: Dialogue, console: Console, plan: SessionPlan
    ) -> None:
        self._output = output
        self._dialogue = dialogue
        self._console = console
        self._plan = plan
        self._neutral = base.neutral
        self._right_ns, self._left_ns = base.steering_pulse_ns[0], base.steering_pulse_ns[-1]
        self._full_throttle_ns = base.motor_pulse_ns[-1]
        self._output.write(self._neutral)

    def measure(self) -> Survey:
        """Ask and move until everything is measured; the car is at neutral afterwards.

        Raises:
            BadFileError: the answers of a file contradict each other or are incomplete.
            OSError: the hardware did not take a pulse.
        """
        try:
            self._straight()
            self._sides()
            circles = (*self._circles(is_left=True), *self._circles(is_left=False))
            runs = self._runs()
        finally:
            self._output.write(self._neutral)
        return Survey(
            straight_ns=self._neutral.steering_ns,
            standstill_ns=self._neutral.motor_ns,
            circles=circles,
            runs=runs,
            wheelbase_m=self._plan.wheelbase_m,
        )

    def _straight(self) -> None:
        """Find the pulse at which the car rolls straight ahead; it becomes neutral."""
        low_us, high_us = sorted((self._right_ns / 1000, self._left_ns / 1000))
        self._say(
            "Straight",
            "Push the car by hand along a line of 3 m. Change the servo's pulse until it keeps to the line.",
        )
        while True:
            now_us = self._neutral.steering_ns / 1000
            wanted_us = self._dialogue.number(
                "straight_us",
                f"Servo pulse in us (now {now_us:g}; the same again to keep it)",
                low=low_us + 50.0,
                high=high_us - 50.0,
            )
            self._neutral = Pwm(steering_ns=round(wanted_us * 1000), motor_ns=self._neutral.motor_ns)
            self._output.write(self._neutral)
            if self._dialogue.confirm("straight_is_straight", "Does it roll straight?"):
                return
            self._dialogue.reject(f"{wanted_us:g} us is not straight.")

    def _sides(self) -> None:
        """Find out which end of the servo is left."""
        self._output.write(self._steered(self._left_ns, percent=50))
        if not self._dialogue.confirm("wheels_point_left", "Do the front wheels point to the left now?"):
            self._left_ns, self._right_ns = self._right_ns, self._left_ns
        self._output.write(self._neutral)

    def _circles(self, *, is_left: bool) -> list[Circle]:
        side, end_ns = ("left", self._left_ns) if is_left else ("right", self._right_ns)
        self._say(
            f"Circles to the {side}",
            "Push the car slowly by hand round a circle, and measure the radius from the circle's centre to "
            "the middle between the wheels. 0 leaves a circle out.",
        )
        circles: list[Circle] = []
        for percent in self._plan.steering_percent:
            pwm = self._steered(end_ns, percent=percent)
            self._output.write(pwm)
            circles += self._ask_circle(f"{side}_{percent}", pwm.steering_ns, circles, is_left=is_left)
            self._output.write(self._neutral)
        return circles

    def _ask_circle(
        self, key: str, pulse_ns: int, before: Sequence[Circle], *, is_left: bool
    ) -> list[Circle]:
        while True:
            question = f"Radius in m at {pulse_ns / 1000:g} us"
            radius_m = self._dialogue.number(f"{key}_radius_m", question, low=0.0, high=100.0)
            if radius_m == 0.0:
                return []
            circle = Circle(pulse_ns, radius_m, is_left)
            problem = contradiction_of_circles([*before[-1:], circle])
            if problem is None:
                return [circle]
            self._dialogue.reject(problem)

    def _runs(self) -> tuple[TimedRun, ...]:
        self._say(
            "Speed",
            "Free 8 m of floor, mark two lines across it, and stand ready. The car drives straight ahead; "
            "take the time between the lines, where it no longer gains speed. A distance of 0 means that it "
            "did not move.",
        )
        runs: tuple[TimedRun, ...] = ()
        for percent in self._plan.throttle_percent:
            span_ns = self._full_throttle_ns - self._neutral.motor_ns
            pulse_ns = round(self._neutral.motor_ns + span_ns * percent / 100)
            runs = (*runs, self._ask_run(percent, pulse_ns, runs))
        return runs

    def _ask_run(self, percent: int, pulse_ns: int, before: Sequence[TimedRun]) -> TimedRun:
        while True:
            if self._dialogue.confirm(f"speed_{percent}_go", f"Ready to drive at {percent} % throttle?"):
                self._drive(percent, pulse_ns)
            run = self._ask_result(f"speed_{percent}", pulse_ns)
            problem = contradiction_of_runs([*before[-1:], run])
            if problem is None:
                return run
            self._dialogue.reject(problem)

    def _drive(self, percent: int, pulse_ns: int) -> None:
        pwm = Pwm(steering_ns=self._neutral.steering_ns, motor_ns=pulse_ns)
        try:
            self._dialogue.hold(f"Driving at {percent} %.", lambda: self._output.write(pwm), self._plan.run_s)
        finally:
            self._output.write(self._neutral)

    def _ask_result(self, key: str, pulse_ns: int) -> TimedRun:
        distance_m = self._dialogue.number(
            f"{key}_distance_m", "Metres between the lines (0: it did not move)", low=0.0, high=100.0
        )
        if distance_m == 0.0:
            return TimedRun(pulse_ns, 0.0, 0.0)
        time_s = self._dialogue.number(f"{key}_time_s", "Seconds", low=0.05, high=1000.0)
        return TimedRun(pulse_ns, distance_m, time_s)

    def _steered(self, end_ns: int, *, percent: int) -> Pwm:
        span_ns = end_ns - self._neutral.steering_ns
        return Pwm(
            steering_ns=round(self._neutral.steering_ns + span_ns * percent / 100),
            motor_ns=self._neutral.motor_ns,
        )

    def _say(self, title: str, text: str) -> None:
        self._console.print(f"\n[bold]{title}[/bold]\n{text}", highlight=False)
