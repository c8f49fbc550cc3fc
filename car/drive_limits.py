"""How long, how old and how fast anything may be before the car stops."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from car.action_space import MAX_SPEED_MPS
from car.errors import Sim2RaceError


@dataclass(frozen=True, kw_only=True)
class DriveLimits:
    """The limits of a drive controller.

    Raises:
        Sim2RaceError: one is not a number above 0, and would never be reached, or no car drives that fast.
    """

    deadline_s: float = 0.1
    """Longest time without a fresh, valid command of the policy while driving."""
    max_frame_age_s: float = 0.1
    """A command is dropped if its frame was captured longer ago than this."""
    max_future_s: float = 0.05
    """A command is dropped if its frame is from this far in the future: a clock is wrong."""
    manual_deadline_s: float = 0.5
    """Longest silence of a person's stick while the car moves, where its messages bear no stamp; a stick with
    stamps is repeated, and has `deadline_s`."""
    calibration_deadline_s: float = 3.0
    """Longest time that the motor runs after one touch of a slider."""
    arm_deadline_s: float = 30.0
    """Longest wait for the first command; an armed car that is forgotten must not set off."""
    flow_s: float = 0.5
    """Decisions flow if the last good one is no older than this."""
    max_clock_jump_s: float = 0.02
    """A system clock that is set by more than this makes every stamp doubtful."""
    speed_limit_mps: float = MAX_SPEED_MPS
    """No command is faster."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not (math.isfinite(value) and value > 0.0):
                raise Sim2RaceError(f"{field.name} is {value}; expected a number above 0.")
        if self.speed_limit_mps > MAX_SPEED_MPS:
            raise Sim2RaceError(
                f"speed_limit_mps is {self.speed_limit_mps:g}; expected at most {MAX_SPEED_MPS:g}."
            )
