"""From what a person measured on the floor to a calibration: circles become wheel angles, runs become speeds.

A car that is pushed slowly round a circle of radius R with the wheelbase L steers by the effective wheel
angle atan(L / R); tyres, linkage and Ackermann geometry are all in it. A measurement that contradicts the one
before it (more deflection, but a wider circle) is a mistake, and is named.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from car.calibration import Calibration
from car.errors import BadFileError
from car.pwm import PERIOD_NS

WHEELBASE_M = 0.165
CREEP_MPS = 0.05
"""What the longest pulse is taken for at which the car did not move yet: the edge of its dead band."""


@dataclass(frozen=True)
class Circle:
    """One measured circle."""

    pulse_ns: int
    """What the servo was given."""
    radius_m: float
    """Of the circle that the middle of the car draws, positive to both sides."""
    is_left: bool
    """Which way it went round."""


@dataclass(frozen=True)
class TimedRun:
    """One measured run straight ahead."""

    pulse_ns: int
    """What the motor controller was given."""
    distance_m: float
    """Between the marks; 0 if the car did not move."""
    time_s: float
    """Between the marks."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All measurements of one car."""

    straight_ns: int
    """Servo pulse at which it rolls straight ahead."""
    standstill_ns: int
    """Motor pulse at which it stands."""
    circles: tuple[Circle, ...]
    """At growing deflection on each side."""
    runs: tuple[TimedRun, ...]
    """At growing throttle."""
    wheelbase_m: float = WHEELBASE_M
    """Between the axles."""

    def calibration(self, *, name: str, period_ns: int = PERIOD_NS) -> Calibration:
        """Return the two tables.

        Raises:
            BadFileError: a side or the speeds were not measured, or a measurement contradicts another one.
        """
        left = [circle for circle in self.circles if circle.is_left]
        right = [circle for circle in self.circles if not circle.is_left]
        for side, circles in (("left", left), ("right", right)):
            if not circles:
                raise BadFileError(f"No circle to the {side} was measured; expected at least one.")
        problem = contradiction_of_circles(left) or contradiction_of_circles(right)
        problem = problem or contradiction_of_runs(self.runs)
        if problem:
            raise BadFileError(problem)
        steering = [(0.0, self.straight_ns)]
        for circle in self.circles:
            angle_rad = wheel_angle_rad(circle.radius_m, wheelbase_m=self.wheelbase_m)
            steering.append((angle_rad if circle.is_left else -angle_rad, circle.pulse_ns))
        speed = self._speed_points()
        angles_rad, steering_pulse_ns = zip(*sorted(steering), strict=True)
        speeds_mps, motor_pulse_ns = zip(*speed, strict=True)
        return Calibration(
            steering_rad=angles_rad,
            steering_pulse_ns=steering_pulse_ns,
            speed_mps=speeds_mps,
            motor_pulse_ns=motor_pulse_ns,
            neutral_steering_ns=self.straight_ns,
            neutral_motor_ns=self.standstill_ns,
            name=name,
            period_ns=period_ns,
        )

    def _speed_points(self) -> list[tuple[float, int]]:
        points = [(0.0, self.standstill_ns)]
        standing = [run for run in self.runs if run.distance_m == 0.0]
        moving = [run for run in self.runs if run.distance_m > 0.0]
        if not moving:
            raise BadFileError("The car never moved; expected at least one run with a distance above 0.")
        if standing:
            points.append((CREEP_MPS, standing[-1].pulse_ns))
        return [*points, *((speed_mps(run.distance_m, run.time_s), run.pulse_ns) for run in moving)]


def wheel_angle_rad(radius_m: float, *, wheelbase_m: float = WHEELBASE_M) -> float:
    """Return the effective wheel angle on a circle, atan(L / R).

    Raises:
        BadFileError: the radius is not a positive, finite number.
    """
    if not (math.isfinite(radius_m) and radius_m > 0.0):
        raise BadFileError(f"A circle of {radius_m} m radius; expected more than 0.")
    return math.atan(wheelbase_m / radius_m)


def speed_mps(distance_m: float, time_s: float) -> float:
    """Return the mean speed of a run.

    Raises:
        BadFileError: a distance below 0, or a time that is not a positive, finite number.
    """
    if not (math.isfinite(distance_m) and distance_m >= 0.0):
        raise BadFileError(f"A run of {distance_m} m; expected 0 or more.")
    if distance_m == 0.0:
        return 0.0
    if not (math.isfinite(time_s) and time_s > 0.0):
        raise BadFileError(f"A run of {distance_m:g} m in {time_s} s; expected more than 0 s.")
    return distance_m / time_s


def contradiction_of_circles(circles: Sequence[Circle]) -> str | None:
    """Say which circle of one side is not tighter than the one before it; None if all are."""
    for before, after in itertools.pairwise(circles):
        if not after.radius_m < before.radius_m:
            side = "left" if after.is_left else "right"
            return (
                f"The circle to the {side} at {after.pulse_ns} ns has a radius of {after.radius_m:g} m, "
                f"at {before.pulse_ns} ns it was {before.radius_m:g} m; expected it to be smaller."
            )
    return None


def contradiction_of_runs(runs: Sequence[TimedRun]) -> str | None:
    """Say which run is not faster than the one before it; None if all are, or both stood still."""
    for before, after in itertools.pairwise(runs):
        slow, fast = speed_mps(before.distance_m, before.time_s), speed_mps(after.distance_m, after.time_s)
        if fast <= slow and slow > 0.0:
            return (
                f"The run at {after.pulse_ns} ns had {fast:.2f} m/s, at {before.pulse_ns} ns it was "
                f"{slow:.2f} m/s; expected it to be faster."
            )
    for run in runs:
        speed = speed_mps(run.distance_m, run.time_s)
        if 0.0 < speed <= CREEP_MPS:
            return (
                f"The run at {run.pulse_ns} ns had {speed:.2f} m/s; expected more than {CREEP_MPS:g}, "
                "or a distance of 0 for a car that does not move."
            )
    return None
