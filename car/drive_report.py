"""The words of the drive: its states, its modes, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum

from car.action_space import Command
from car.pwm import Pwm

NO_COMMAND = Command(0.0, 0.0)
SILENCE = "no fresh command for"
"""Begins the reason of a stop because commands have ceased."""


class DriveState(Enum):
    """Whether the car may move."""

    DISARMED = "disarmed"
    """Something is missing; the reason says what."""
    READY = "ready"
    """Could be armed."""
    ARMED = "armed"
    DRIVING = "driving"
    STOPPED = "stopped"
    """By a fault, until somebody acknowledges it."""


class DriveMode(IntEnum):
    """Who drives; the numbers are those of the community's stack."""

    MANUAL = 0
    AUTONOMOUS = 1
    CALIBRATION = 2


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
