"""Driving a model exactly as the community's stack would: shares of full lock and full throttle, no units.

The largest angle of the action space is always full lock, whatever its degrees. Speeds become throttle by a
parabola that gives 0.8 at half of the largest speed, is clamped to 1 (so that the top 17 % are all the same),
and is scaled by the console's maximum speed in percent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from car.action_space import ActionSpace, Command
from car.community_calibration import CommunityCalibration
from car.community_units import community_units
from car.errors import Sim2RaceError
from car.pwm import Pwm


@dataclass(frozen=True)
class CommunityMapping:
    """Commands to pulse widths as theirs, in place of a `Calibration`.

    One thing differs: they ignore an angle beyond full lock and keep the last pulse; here it is full lock.

    Raises:
        Sim2RaceError: the maximum speed is not 0 to 100 percent.
    """

    calibration: CommunityCalibration
    """Pulse widths of this car."""
    space: ActionSpace
    """The model's action space; its largest angle and speed are full lock and full throttle."""
    max_speed_percent: float
    """What their console calls maximum speed; they begin with 50."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_speed_percent <= 100.0:
            raise Sim2RaceError(f"The maximum speed is {self.max_speed_percent} %; expected 0 to 100.")

    @property
    def neutral(self) -> Pwm:
        """The safe state: straight ahead, standing still."""
        return self.calibration.neutral

    def pwm(self, command: Command) -> Pwm:
        """Return the pulse widths for `command`.

        Raises:
            Sim2RaceError: the command is not finite.
        """
        if not (math.isfinite(command.steering_rad) and math.isfinite(command.speed_mps)):
            raise Sim2RaceError(f"The command is not finite: {command}.")
        angle, throttle = community_units(command, self.space)
        return self.calibration.pwm(angle, throttle * self.max_speed_percent / 100.0)

    def to_json(self) -> dict[str, Any]:
        """Return what a log keeps: the file's content and the maximum speed."""
        return {**self.calibration.to_json(), "max_speed_percent": self.max_speed_percent}
