"""A car log as a camera: its frames at the distances in time at which they were captured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from car.clock import Clock
from car.errors import Sim2RaceError
from car.log_reader import CarLog


@dataclass(frozen=True)
class ReplayFrame:
    """One frame that is due."""

    jpeg: bytes
    number: int
    """Place in the replay, from 0; frames that came too late are left out, and a number is missing."""


class LogReplay:
    """Says which frame is due.

    As with a camera, nobody waits for who is slow: of several frames that are due, the newest is given.

    Args:
        log: has the frames.
        clock: monotonic.

    Raises:
        Sim2RaceError: the log has no frames.
    """

    def __init__(self, log: CarLog, clock: Clock) -> None:
        if not len(log.frames):
            raise Sim2RaceError(f"The log {log.path} has no frames to replay.")
        self._log = log
        self._clock = clock
        self._order = replay_order(log)
        stamps_ns = log.frames.stamp_ns[self._order]
        self._offsets_s = (stamps_ns - stamps_ns[0]) / 1e9
        self._started_s: float | None = None
        self._next = 0

    def __len__(self) -> int:
        return len(self._order)

    @property
    def is_over(self) -> bool:
        """Whether every frame has been given or has gone by."""
        return self._next >= len(self._order)

    def due(self) -> ReplayFrame | None:
        """Return the frame that is due and has not been given yet, if any; time begins with the first call.

        Raises:
            Sim2RaceError: the frame cannot be read any more.
        """
        now_s = self._clock.monotonic_s()
        if self._started_s is None:
            self._started_s = now_s
        passed = int(np.searchsorted(self._offsets_s, now_s - self._started_s, side="right"))
        if passed <= self._next:
            return None
        self._next = passed
        return ReplayFrame(self._log.jpeg(int(self._order[passed - 1])), passed - 1)


@dataclass(frozen=True)
class Agreement:
    """How far a replay decided as the log did."""

    frames: int
    """Frames that both decided about."""
    same: int
    """Of these, with the same action, or with the same command to a hundredth of the range."""


def replay_order(log: CarLog) -> NDArray[np.intp]:
    """Return the log's frames by the time of their capture."""
    return np.argsort(log.frames.stamp_ns, kind="stable")


def agreement(original: CarLog, replayed: CarLog) -> Agreement:
    """Compare the decisions of a replay with those of the log that was replayed."""
    order = replay_order(original)
    numbers = replayed.frames.frame_number
    known = (numbers >= 0) & (numbers < len(order))
    then, now = order[numbers[known]], np.flatnonzero(known)
    before, after = original.frames, replayed.frames
    if (before.action[then] >= 0).all():
        same = before.action[then] == after.action[now]
    else:
        same = (np.abs(before.probabilities[then] - after.probabilities[now]) < 0.02).all(axis=1)
    return Agreement(frames=len(now), same=int(same.sum()))
