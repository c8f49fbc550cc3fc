"""The calibration that a running car drives by: how its file is read, asked for and changed.

Two mappings turn commands into pulses. `units` takes a policy's radians and metres per second at their word
and finds the pulses in measured tables. `community` drives as the community's stack does: the model's largest
angle is full lock, its speeds become throttle by a parabola, scaled by a maximum speed in percent.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from car.action_space import ActionSpace
from car.calibration import (
    Calibration,
    PulseMap,
    default_calibration,
    from_community,
    load_calibration,
    to_community,
)
from car.community_calibration import (
    KEY,
    CommunityCalibration,
    CommunityChannel,
    factory_calibration,
    load_community_calibration,
)
from car.community_mapping import CommunityMapping
from car.errors import Sim2RaceError, unknown_name
from car.files import write_atomically
from car.json_file import read_json_object
from car.pwm import PERIOD_NS

UNITS = "units"
COMMUNITY = "community"
MAPPINGS = (UNITS, COMMUNITY)
STEERING, THROTTLE = 0, 1
"""The community's numbers of the two channels."""


class CalibrationStore:
    """A calibration file, ours or the community's, and the mapping that it is used by.

    Args:
        path: the file; the factory's values without one.
        space: the model's action space, which the community's mapping needs.
        mapping: one of `MAPPINGS`.
        max_speed_percent: for the community's mapping.

    Raises:
        Sim2RaceError: the file cannot be used, or there is no such mapping.
    """

    def __init__(
        self, path: Path | None, space: ActionSpace, *, mapping: str = UNITS, max_speed_percent: float = 50.0
    ) -> None:
        if mapping not in MAPPINGS:
            raise unknown_name("mapping", mapping, MAPPINGS)
        self._path = path
        self._space = space
        self.is_community = mapping == COMMUNITY
        """Whether commands are mapped as the community's stack does, by a maximum speed in percent."""
        self._max_speed_percent = max_speed_percent
        self._measured: Calibration | None = None
        self._three_pulses: CommunityCalibration | None = None
        if path is None:
            self._three_pulses = factory_calibration()
        elif KEY in read_json_object(path):
            self._three_pulses = load_community_calibration(path)
        else:
            self._measured = load_calibration(path)
        self.pulses: PulseMap = self._make_pulses()
        """What turns commands into pulses now."""

    @property
    def period_ns(self) -> int:
        """Time between pulses, which stays as it was at the start."""
        return self._measured.period_ns if self._measured is not None else PERIOD_NS

    def channel(self, kind: int) -> CommunityChannel:
        """Return one channel as the community's services know it.

        Raises:
            Sim2RaceError: the number stands for no channel, or the tables do not come down to three pulses.
        """
        _check_kind(kind)
        present = self._three_pulses or to_community(self._measured or default_calibration())
        return present.servo if kind == STEERING else present.motor

    def set_channel(self, kind: int, channel: CommunityChannel) -> PulseMap:
        """Write one channel to the file, the previous file beside it, and return what to drive by now.

        Raises:
            Sim2RaceError: there is no file, it holds more than three pulses can say, it cannot be written, or
                the number stands for no channel.
        """
        _check_kind(kind)
        if self._path is None:
            raise Sim2RaceError("No calibration file is in use that could be written; name one at the start.")
        if self._three_pulses is None:
            raise Sim2RaceError(
                f"{self._path} was measured in degrees and m/s, which three pulses would destroy; "
                "use sim2race calibrate."
            )
        changed = replace(self._three_pulses, **{"servo" if kind == STEERING else "motor": channel})
        keep_previous(self._path)
        changed.save(self._path)
        self._three_pulses = changed
        self.pulses = self._make_pulses()
        return self.pulses

    def set_max_speed(self, percent: float) -> PulseMap:
        """Change the maximum speed of the community's mapping, and return what to drive by now.

        Raises:
            Sim2RaceError: not 0 to 100, or the mapping is the one in units, which has no such thing.
        """
        if not self.is_community:
            raise Sim2RaceError("Speeds are in m/s here; a maximum in percent needs mapping:=community.")
        before, self._max_speed_percent = self._max_speed_percent, percent
        try:
            self.pulses = self._make_pulses()
        except Sim2RaceError:
            self._max_speed_percent = before
            raise
        return self.pulses

    def _make_pulses(self) -> PulseMap:
        if self.is_community:
            three = self._three_pulses or to_community(self._measured or default_calibration())
            return CommunityMapping(three, self._space, self._max_speed_percent)
        if self._path is None:
            return default_calibration()
        return self._measured or from_community(self._three_pulses or factory_calibration())


def keep_previous(path: Path) -> Path | None:
    """Copy the file that is about to be replaced; return the copy, or None if there is no such file.

    Raises:
        Sim2RaceError: the folder cannot be written.
    """
    if not path.exists():
        return None
    backup = path.with_name(path.name + ".bak")
    write_atomically(backup, path.read_bytes())
    return backup


def _check_kind(kind: int) -> None:
    if kind not in (STEERING, THROTTLE):
        raise Sim2RaceError(f"The calibration channel is {kind}; expected 0 (steering) or 1 (throttle).")
