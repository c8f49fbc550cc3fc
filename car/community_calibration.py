"""The community stack's `calibration.json`: three pulse widths and a polarity for each of servo and motor.

It has no units: -1..1 goes linearly from `min` through `mid` to `max`, a polarity of -1 turns it round. It
stands for full lock and full throttle, whatever angle and speed these are on the car.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from car.errors import BadFileError, Sim2RaceError
from car.files import write_atomically
from car.json_file import finite_number, read_json_object
from car.pwm import MAX_PULSE_NS, MIN_PULSE_NS, Pwm

VERSION = 1
KEY = "Calibration"
"""The file's only top-level key, by which it is recognised."""


@dataclass(frozen=True)
class CommunityChannel:
    """Pulse widths of one channel.

    Raises:
        BadFileError: the widths do not rise, could harm a servo, or the polarity is not 1 or -1.
    """

    min_ns: int
    mid_ns: int
    max_ns: int
    polarity: int

    def __post_init__(self) -> None:
        if not self.min_ns < self.mid_ns < self.max_ns:
            raise BadFileError(
                f"min, mid and max are {self.min_ns}, {self.mid_ns} and {self.max_ns} ns; "
                "expected them to rise."
            )
        if not (self.min_ns >= MIN_PULSE_NS and self.max_ns <= MAX_PULSE_NS):
            raise BadFileError(
                f"the pulses reach from {self.min_ns} to {self.max_ns} ns; "
                f"expected {MIN_PULSE_NS} to {MAX_PULSE_NS}."
            )
        if self.polarity not in (1, -1):
            raise BadFileError(f"the polarity is {self.polarity}; expected 1 or -1.")

    def pulse_ns(self, value: float) -> int:
        """Return the pulse width for a value in -1..1.

        Raises:
            Sim2RaceError: the value is not finite or beyond -1..1.
        """
        if not (math.isfinite(value) and abs(value) <= 1.0):
            raise Sim2RaceError(f"The servo value is {value}; expected -1 to 1.")
        turned = value * self.polarity
        span_ns = self.max_ns - self.mid_ns if turned > 0.0 else self.mid_ns - self.min_ns
        return round(self.mid_ns + turned * span_ns)

    def to_json(self) -> dict[str, int]:
        """Return this channel's part of the file."""
        return {"min": self.min_ns, "mid": self.mid_ns, "max": self.max_ns, "polarity": self.polarity}


@dataclass(frozen=True)
class CommunityCalibration:
    """The content of the file."""

    servo: CommunityChannel
    """Steering: 1 is full lock to the left."""
    motor: CommunityChannel
    """Throttle: 1 is full speed forward."""

    @property
    def neutral(self) -> Pwm:
        """Straight ahead, standing still."""
        return Pwm(steering_ns=self.servo.mid_ns, motor_ns=self.motor.mid_ns)

    def pwm(self, angle: float, throttle: float) -> Pwm:
        """Return the pulse widths for an angle and a throttle in -1..1.

        Raises:
            Sim2RaceError: one of them is not finite or beyond -1..1.
        """
        return Pwm(steering_ns=self.servo.pulse_ns(angle), motor_ns=self.motor.pulse_ns(throttle))

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {
            KEY: {"Servo": self.servo.to_json(), "Motor": self.motor.to_json(), "version": VERSION},
        }

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            Sim2RaceError: the folder cannot be written.
        """
        write_atomically(path, json.dumps(self.to_json(), indent=4) + "\n")


def factory_calibration() -> CommunityCalibration:
    """Return what a DeepRacer comes with."""
    return CommunityCalibration(
        servo=CommunityChannel(1_200_000, 1_450_000, 1_700_000, polarity=1),
        motor=CommunityChannel(1_311_000, 1_446_000, 1_603_500, polarity=-1),
    )


def load_community_calibration(path: Path) -> CommunityCalibration:
    """Read the community's `calibration.json`.

    Raises:
        BadFileError: the file is missing, foreign, or describes no usable calibration; says where.
    """
    return parse_community_calibration(read_json_object(path), source=str(path))


def parse_community_calibration(data: Mapping[str, Any], *, source: str) -> CommunityCalibration:
    """Read the content of the community's `calibration.json`.

    Args:
        data: the parsed file.
        source: what to call it in an error.

    Raises:
        BadFileError: foreign, or no usable calibration; says where.
    """
    content = data.get(KEY)
    if not isinstance(content, Mapping):
        raise BadFileError(f"{source}: {KEY!r} is {content!r}; expected an object with 'Servo' and 'Motor'.")
    if content.get("version") != VERSION:
        raise BadFileError(
            f"{source} is a calibration of version {content.get('version')!r}; expected {VERSION}."
        )
    try:
        return CommunityCalibration(
            servo=_parse_channel(content, "Servo"), motor=_parse_channel(content, "Motor")
        )
    except BadFileError as error:
        raise BadFileError(f"{source}: {error}") from error


def _parse_channel(content: Mapping[str, Any], name: str) -> CommunityChannel:
    data = content.get(name)
    if not isinstance(data, Mapping):
        raise BadFileError(f"{name} is {data!r}; expected 'min', 'mid', 'max' and 'polarity'.")
    values = [finite_number(data, key, where=name) for key in ("min", "mid", "max", "polarity")]
    if any(value != int(value) for value in values):
        raise BadFileError(f"{name} has the values {values}; expected whole numbers.")
    try:
        return CommunityChannel(*(int(value) for value in values))
    except BadFileError as error:
        raise BadFileError(f"{name}: {error}") from error
