"""When a battery is too low to drive: a motor controller that browns out does not obey neutral either."""

from __future__ import annotations

import math

READINGS = 2
"""One low reading is a motor that sets off; the next one comes seconds later."""
LEVELS = 11
"""The community's gauge goes from 0 to this."""


class BatteryWatch:
    """Judges readings of the battery.

    Args:
        min_percent: below this the car must not drive; 0 judges nothing.
    """

    def __init__(self, min_percent: float) -> None:
        self._min_percent = min_percent
        self._low = 0

    def on_reading(self, percent: float) -> str:
        """Take in a reading, NaN if it is unknown, and return why the car must not drive, or nothing.

        An unknown reading changes nothing: a gauge that fails does not charge a battery.
        """
        if percent >= self._min_percent or self._min_percent <= 0.0:
            self._low = 0
        elif not math.isnan(percent):
            self._low += 1
        low = f"the battery is below {self._min_percent:g} %"
        return low if self._low >= READINGS else ""


def percent_of_level(level: int) -> float:
    """Return what the community's gauge means, NaN where it cannot be read."""
    return 100.0 * level / LEVELS if 0 <= level <= LEVELS else math.nan
