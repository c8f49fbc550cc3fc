"""When a replay may begin: its log has no second first frame, so whoever shall hear it must be listening.

Nodes find each other one by one, on a busy machine seconds apart, and none of them sees what two others have
found. So each says it of itself: the inference whether anybody sends frames, the log whose messages reach it.
"""

from __future__ import annotations

from collections.abc import Collection

from car.clock import Clock
from car.errors import Sim2RaceError
from car.topics import DRIVE_REPORT, RL_RESULTS

NOBODY_SENDS = "nobody sends frames"
"""What the inference says while it has not found a camera."""
LOG_NEEDS = (RL_RESULTS.name, DRIVE_REPORT.name)
"""What the log must hear for a replay to be in it."""
SETTLE_S = 1.0
"""Finding is mutual: who has found somebody may be found by him a moment later."""
DEADLINE_S = 120.0
"""As for the nodes of a drive."""


class ReplayStart:
    """Waits for the audience of a replay.

    Args:
        clock: monotonic; the deadline counts from now.
        logging: whether there is a log that must hear the replay.
        deadline_s: longest wait.
    """

    def __init__(self, clock: Clock, *, logging: bool, deadline_s: float = DEADLINE_S) -> None:
        self._clock = clock
        self._logging = logging
        self._deadline_s = deadline_s
        self._created_s = clock.monotonic_s()
        self._complete_s: float | None = None
        self._has_begun = False
        self._inference = "the inference node is not there"
        self._drive = "the drive node is not there"
        self._log = "the log node is not there"

    def on_inference(self, reason: str) -> None:
        """Take in the reason of an inference report."""
        deaf = reason == NOBODY_SENDS
        self._inference = "the inference node has not found the frames" if deaf else ""

    def on_drive(self) -> None:
        """Take in that the drive has reported."""
        self._drive = ""

    def on_log(self, hears: Collection[str]) -> None:
        """Take in whose messages the log node hears, by the names of the topics."""
        deaf = [name for name in LOG_NEEDS if name not in hears]
        self._log = f"the log node does not hear {' and '.join(deaf)}" if deaf else ""

    def missing(self) -> list[str]:
        """Return who does not hear the replay yet, in words."""
        log = self._log if self._logging else ""
        return [words for words in (self._inference, self._drive, log) if words]

    def has_begun(self) -> bool:
        """Say whether the replay may begin, and once it may, stay with that.

        Raises:
            Sim2RaceError: the deadline is over; says who is missing.
        """
        if self._has_begun:
            return True
        now_s = self._clock.monotonic_s()
        missing = self.missing()
        if missing:
            self._complete_s = None
            if now_s - self._created_s > self._deadline_s:
                raise Sim2RaceError(
                    f"The replay has not begun within {self._deadline_s:g} s: {'; '.join(missing)}."
                )
            return False
        if self._complete_s is None:
            self._complete_s = now_s
        self._has_begun = now_s - self._complete_s >= SETTLE_S
        return self._has_begun
