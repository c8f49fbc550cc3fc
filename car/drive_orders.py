"""From what somebody asks for to pulse widths, in every mode, or the reason why no car may obey it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from car.action_space import MAX_SPEED_MPS, MAX_STEERING_RAD, Command
from car.calibration import Calibration, PulseMap
from car.community_mapping import CommunityMapping
from car.community_units import largest_of
from car.pwm import MAX_PULSE_NS, MIN_PULSE_NS, Pwm

LEAVE = -1
"""In calibration, instead of a pulse width: leave this channel as it is."""
_ROUNDING = 1e-6
"""Commands travel as 32-bit floats, so that a limit may arrive a little above itself."""


@dataclass(frozen=True)
class Order:
    """What the wheels are to do, or why not."""

    pwm: Pwm
    command: Command
    """The same in units, for the report."""
    problem: str = ""
    """Why no car may obey it; empty if one may."""


def policy_order(pulses: PulseMap, command: Command, speed_limit_mps: float) -> Order:
    """Return the order of a policy's command."""
    problem = what_is_wrong(command)
    if problem:
        return Order(pulses.neutral, command, problem)
    limited = Command(command.steering_rad, min(command.speed_mps, speed_limit_mps))
    return Order(pulses.pwm(limited), limited)


def manual_order(pulses: PulseMap, angle: float, throttle: float, speed_limit_mps: float) -> Order:
    """Return the order of a person's stick.

    Full stick is full lock and the speed limit, where that is within the calibration's table. A car whose
    table has no reverse stands instead. Driven as by the community's stack, full stick is its full throttle,
    and the limit does not count, as throttle is no speed there.

    Args:
        pulses: turns commands into pulse widths.
        angle: -1..1, + is left.
        throttle: -1..1, + is forward.
        speed_limit_mps: speed at full stick.
    """
    limit = 1.0 + _ROUNDING
    if not (math.isfinite(angle) and math.isfinite(throttle)):
        return Order(pulses.neutral, Command(0.0, 0.0), f"a stick that is not finite: {angle}, {throttle}")
    if abs(angle) > limit or abs(throttle) > limit:
        problem = f"a stick out of range: {angle:.3f}, {throttle:.3f}; -1 to 1"
        return Order(pulses.neutral, Command(0.0, 0.0), problem)
    angle, throttle = (min(1.0, max(-1.0, value)) for value in (angle, throttle))
    if isinstance(pulses, CommunityMapping):
        largest_rad, largest_mps = largest_of(pulses.space)
        command = Command(angle * largest_rad, throttle * largest_mps)
        return Order(pulses.calibration.pwm(angle, throttle), command)
    assert isinstance(pulses, Calibration)
    lock_rad = pulses.steering_rad[-1] if angle > 0.0 else -pulses.steering_rad[0]
    fastest_mps = min(speed_limit_mps, pulses.speed_mps[-1] if throttle > 0.0 else -pulses.speed_mps[0])
    command = Command(angle * lock_rad, throttle * max(0.0, fastest_mps))
    return Order(pulses.pwm(command), command)


def calibration_order(neutral: Pwm, present: Pwm, steering_ns: float, motor_ns: float) -> Order:
    """Return the order of somebody who tries out pulse widths.

    Args:
        neutral: for the case of a problem.
        present: what is written now.
        steering_ns: pulse width, or `LEAVE`.
        motor_ns: pulse width, or `LEAVE`.
    """
    widths = []
    for wanted, now in ((steering_ns, present.steering_ns), (motor_ns, present.motor_ns)):
        if not (wanted == LEAVE or MIN_PULSE_NS <= wanted <= MAX_PULSE_NS):
            problem = f"a pulse out of range: {wanted} ns; {MIN_PULSE_NS} to {MAX_PULSE_NS}"
            return Order(neutral, Command(0.0, 0.0), problem)
        widths.append(now if wanted == LEAVE else round(wanted))
    return Order(Pwm(steering_ns=widths[0], motor_ns=widths[1]), Command(0.0, 0.0))


def what_is_wrong(command: Command) -> str:
    """Return why no car may obey a policy's command, or nothing."""
    if not (math.isfinite(command.steering_rad) and math.isfinite(command.speed_mps)):
        return f"a command that is not finite: {command.steering_rad} rad, {command.speed_mps} m/s"
    if abs(command.steering_rad) > MAX_STEERING_RAD + _ROUNDING:
        return f"a command out of range: {command.steering_rad:.3f} rad; at most {MAX_STEERING_RAD:.3f}"
    if not -_ROUNDING <= command.speed_mps <= MAX_SPEED_MPS + _ROUNDING:
        return f"a command out of range: {command.speed_mps:.3f} m/s; 0 to {MAX_SPEED_MPS:g}"
    return ""
