"""What a wheel angle and a speed are in pulse widths, for one car.

Two end points and a middle cannot describe a real car: its steering is bent and lopsided, straight ahead is
off centre, and below some throttle it does not move at all. So a calibration is two tables of any number of
points, linear in between. The tables are strictly monotone, so each can be read backwards; the simulated car
does that. The file speaks degrees, because people type it. The community's
`calibration.json` is read as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from car.action_space import Command
from car.community_calibration import (
    KEY,
    CommunityCalibration,
    CommunityChannel,
    parse_community_calibration,
)
from car.errors import BadFileError, Sim2RaceError
from car.files import write_atomically
from car.json_file import finite_number, read_json_object
from car.pwm import MAX_PERIOD_NS, MAX_PULSE_NS, MIN_PERIOD_NS, MIN_PULSE_NS, PERIOD_NS, Pwm

FORMAT = "sim2race-calibration"
FORMAT_VERSION = 1
NOMINAL_FULL_LOCK_RAD = math.radians(20.0)
NOMINAL_TOP_SPEED_MPS = 4.0
"""What the ends are taken for as long as nobody has measured the car."""


class PulseMap(Protocol):
    """What turns commands into pulse widths: a `Calibration`, or a `CommunityMapping`."""

    @property
    def neutral(self) -> Pwm:
        """The safe state: straight ahead, standing still."""
        ...

    def pwm(self, command: Command) -> Pwm:
        """Return the pulse widths for `command`.

        Raises:
            Sim2RaceError: the command is not finite.
        """
        ...


@dataclass(frozen=True)
class Calibration:
    """Commands to pulse widths and back.

    Raises:
        BadFileError: a table that is no strictly monotone function, a pulse that could harm a servo, or a
            neutral that is not where the tables put straight ahead at standstill.
    """

    steering_rad: tuple[float, ...]
    """Wheel angles, rising from right (negative) to left."""
    steering_pulse_ns: tuple[int, ...]
    """Pulse width at each angle, rising or falling."""
    speed_mps: tuple[float, ...]
    """Speeds, rising; 0 is one of them."""
    motor_pulse_ns: tuple[int, ...]
    """Pulse width at each speed, rising or falling."""
    neutral_steering_ns: int
    """Pulse width that the safe state sends to the servo."""
    neutral_motor_ns: int
    """Pulse width at which the motor stands still."""
    name: str = "default"
    """Which car this is."""
    period_ns: int = PERIOD_NS
    """Time between two pulses."""

    def __post_init__(self) -> None:
        _check_table("steering", self.steering_rad, self.steering_pulse_ns)
        _check_table("speed", self.speed_mps, self.motor_pulse_ns)
        if not self.steering_rad[0] < 0.0 < self.steering_rad[-1]:
            raise BadFileError(
                "the steering table does not reach to both sides; expected angles below and above 0."
            )
        if not MIN_PERIOD_NS <= self.period_ns <= MAX_PERIOD_NS:
            raise BadFileError(f"period_ns is {self.period_ns}; expected {MIN_PERIOD_NS} to {MAX_PERIOD_NS}.")
        low_ns, high_ns = sorted((self.steering_pulse_ns[0], self.steering_pulse_ns[-1]))
        if not low_ns <= self.neutral_steering_ns <= high_ns:
            raise BadFileError(
                f"neutral steering is {self.neutral_steering_ns} ns; expected {low_ns} to {high_ns}."
            )
        standstill_ns = dict(zip(self.speed_mps, self.motor_pulse_ns, strict=True)).get(0.0)
        if standstill_ns is None:
            raise BadFileError("the speed table has no point at 0 m/s.")
        if standstill_ns != self.neutral_motor_ns:
            raise BadFileError(
                f"the neutral motor pulse is {self.neutral_motor_ns} ns, but the speed table has "
                f"{standstill_ns} ns at 0 m/s; expected the same."
            )

    @property
    def neutral(self) -> Pwm:
        """The safe state: straight ahead, standing still."""
        return Pwm(steering_ns=self.neutral_steering_ns, motor_ns=self.neutral_motor_ns)

    def pwm(self, command: Command) -> Pwm:
        """Return the pulse widths for `command`; beyond the ends of the tables they stay at the ends.

        Raises:
            Sim2RaceError: the command is not finite.
        """
        if not (math.isfinite(command.steering_rad) and math.isfinite(command.speed_mps)):
            raise Sim2RaceError(f"The command is not finite: {command}.")
        return Pwm(
            steering_ns=round(np.interp(command.steering_rad, self.steering_rad, self.steering_pulse_ns)),
            motor_ns=round(np.interp(command.speed_mps, self.speed_mps, self.motor_pulse_ns)),
        )

    def command(self, pwm: Pwm) -> Command:
        """Return the command that the pulse widths stand for; a channel without pulses stands for neutral."""
        steering_ns = pwm.steering_ns or self.neutral_steering_ns
        motor_ns = pwm.motor_ns or self.neutral_motor_ns
        return Command(
            steering_rad=_interpolate_back(steering_ns, self.steering_rad, self.steering_pulse_ns),
            speed_mps=_interpolate_back(motor_ns, self.speed_mps, self.motor_pulse_ns),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the content of a calibration file."""
        steering = zip(self.steering_rad, self.steering_pulse_ns, strict=True)
        speed = zip(self.speed_mps, self.motor_pulse_ns, strict=True)
        return {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "name": self.name,
            "period_ns": self.period_ns,
            "neutral": {"steering_ns": self.neutral_steering_ns, "motor_ns": self.neutral_motor_ns},
            "steering": [{"angle_deg": round(math.degrees(a), 9), "pulse_ns": p} for a, p in steering],
            "speed": [{"speed_mps": s, "pulse_ns": p} for s, p in speed],
        }

    def save(self, path: Path) -> None:
        """Write the calibration file, whole or not at all.

        Raises:
            Sim2RaceError: the folder cannot be written.
        """
        write_atomically(path, json.dumps(self.to_json(), indent=2) + "\n")


def default_calibration() -> Calibration:
    """Return the factory's pulse widths, with steering linear to 20 degrees and speed linear to 4 m/s.

    There is no reverse: no policy has one, and the drive must not invent it.
    """
    return Calibration(
        steering_rad=(-NOMINAL_FULL_LOCK_RAD, 0.0, NOMINAL_FULL_LOCK_RAD),
        steering_pulse_ns=(1_200_000, 1_450_000, 1_700_000),
        speed_mps=(0.0, NOMINAL_TOP_SPEED_MPS),
        motor_pulse_ns=(1_446_000, 1_311_000),
        neutral_steering_ns=1_450_000,
        neutral_motor_ns=1_446_000,
    )


def from_community(community: CommunityCalibration) -> Calibration:
    """Give the community's three pulses units: their ends are taken for the nominal angle and speed.

    Their reverse is left out, as no policy has one.
    """
    servo, motor = community.servo, community.motor
    ends_ns = (servo.pulse_ns(-1.0), servo.mid_ns, servo.pulse_ns(1.0))
    return Calibration(
        steering_rad=(-NOMINAL_FULL_LOCK_RAD, 0.0, NOMINAL_FULL_LOCK_RAD),
        steering_pulse_ns=ends_ns,
        speed_mps=(0.0, NOMINAL_TOP_SPEED_MPS),
        motor_pulse_ns=(motor.mid_ns, motor.pulse_ns(1.0)),
        neutral_steering_ns=servo.mid_ns,
        neutral_motor_ns=motor.mid_ns,
        name="community",
    )


def to_community(calibration: Calibration) -> CommunityCalibration:
    """Reduce a calibration to the community's three pulses: both ends and neutral.

    A table without reverse gets one as far from neutral as its fastest forward, as their file needs one.

    Raises:
        BadFileError: neutral is at one end, so that there are no three pulses.
    """
    steering_ns, forward_ns = calibration.steering_pulse_ns, calibration.motor_pulse_ns[-1]
    backward_ns = calibration.motor_pulse_ns[0]
    if calibration.speed_mps[0] >= 0.0:
        mirrored_ns = 2 * calibration.neutral_motor_ns - forward_ns
        backward_ns = min(max(mirrored_ns, MIN_PULSE_NS), MAX_PULSE_NS)
    return CommunityCalibration(
        servo=_community_channel(steering_ns[0], calibration.neutral_steering_ns, steering_ns[-1]),
        motor=_community_channel(backward_ns, calibration.neutral_motor_ns, forward_ns),
    )


def load_calibration(path: Path) -> Calibration:
    """Read a calibration file, ours or the community's.

    Raises:
        BadFileError: the file is missing, foreign, or describes no usable calibration; says where.
    """
    return parse_calibration(read_json_object(path), source=str(path))


def parse_calibration(data: Mapping[str, Any], *, source: str) -> Calibration:
    """Build a calibration from the content of its file.

    Args:
        data: the parsed file.
        source: what to call it in an error.

    Raises:
        BadFileError: foreign, or no usable calibration; says where.
    """
    if KEY in data and "format" not in data:
        return from_community(parse_community_calibration(data, source=source))
    if data.get("format") != FORMAT:
        raise BadFileError(
            f"{source} is no calibration: 'format' is {data.get('format')!r}; "
            f"expected {FORMAT!r}, or the community's {KEY!r}."
        )
    if data.get("version") != FORMAT_VERSION:
        raise BadFileError(
            f"{source} is a calibration of version {data.get('version')!r}; expected {FORMAT_VERSION}."
        )
    try:
        neutral = data.get("neutral")
        if not isinstance(neutral, Mapping):
            raise BadFileError(
                f"'neutral' is {neutral!r}; expected an object with 'steering_ns' and 'motor_ns'."
            )
        angles_deg, steering_pulse_ns = _parse_points(data, "steering", "angle_deg")
        speed_mps, motor_pulse_ns = _parse_points(data, "speed", "speed_mps")
        return Calibration(
            steering_rad=tuple(math.radians(angle) for angle in angles_deg),
            steering_pulse_ns=steering_pulse_ns,
            speed_mps=speed_mps,
            motor_pulse_ns=motor_pulse_ns,
            neutral_steering_ns=_whole_number(neutral, "steering_ns", where="neutral"),
            neutral_motor_ns=_whole_number(neutral, "motor_ns", where="neutral"),
            name=str(data.get("name", "unnamed")),
            period_ns=_whole_number(data, "period_ns", where="the file")
            if "period_ns" in data
            else PERIOD_NS,
        )
    except BadFileError as error:
        raise BadFileError(f"{source}: {error}") from error


def _community_channel(low_ns: int, mid_ns: int, high_ns: int) -> CommunityChannel:
    rises = high_ns > low_ns
    return CommunityChannel(min(low_ns, high_ns), mid_ns, max(low_ns, high_ns), polarity=1 if rises else -1)


def _parse_points(
    data: Mapping[str, Any], table: str, quantity: str
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    points = data.get(table)
    if not isinstance(points, list):
        raise BadFileError(f"{table!r} is {points!r}; expected a list of points.")
    values, pulses_ns = [], []
    for index, point in enumerate(points):
        if not isinstance(point, Mapping):
            raise BadFileError(f"{table} point {index} is {point!r}; expected {quantity!r} and 'pulse_ns'.")
        values.append(finite_number(point, quantity, where=f"{table} point {index}"))
        pulses_ns.append(_whole_number(point, "pulse_ns", where=f"{table} point {index}"))
    return tuple(values), tuple(pulses_ns)


def _whole_number(data: Mapping[str, Any], key: str, *, where: str) -> int:
    value = finite_number(data, key, where=where)
    if value != int(value):
        raise BadFileError(f"{where}: {key!r} is {value!r}; expected whole nanoseconds.")
    return int(value)


def _check_table(name: str, values: Sequence[float], pulses_ns: Sequence[int]) -> None:
    if len(values) != len(pulses_ns) or len(values) < 2:
        raise BadFileError(
            f"the {name} table has {len(values)} values and {len(pulses_ns)} pulses; expected two or more."
        )
    rises = pulses_ns[1] > pulses_ns[0]
    for index, (value, pulse_ns) in enumerate(zip(values, pulses_ns, strict=True)):
        if not math.isfinite(value):
            raise BadFileError(f"{name} point {index} is {value}; expected a finite number.")
        if not MIN_PULSE_NS <= pulse_ns <= MAX_PULSE_NS:
            raise BadFileError(
                f"{name} point {index} has a pulse of {pulse_ns} ns; "
                f"expected {MIN_PULSE_NS} to {MAX_PULSE_NS}."
            )
        if index == 0:
            continue
        if not value > values[index - 1]:
            raise BadFileError(
                f"{name} point {index} is not above point {index - 1}; expected rising values."
            )
        if pulse_ns == pulses_ns[index - 1] or (pulse_ns > pulses_ns[index - 1]) != rises:
            direction = "longer" if rises else "shorter"
            raise BadFileError(
                f"{name} point {index} has a pulse of {pulse_ns} ns after {pulses_ns[index - 1]} ns; "
                f"expected each {direction} than the one before."
            )


def _interpolate_back(pulse_ns: int, values: Sequence[float], pulses_ns: Sequence[int]) -> float:
    if pulses_ns[0] > pulses_ns[-1]:
        values, pulses_ns = values[::-1], pulses_ns[::-1]
    return float(np.interp(pulse_ns, pulses_ns, values))
