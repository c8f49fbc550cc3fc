"""When exactly the wheels got neutral: somebody who looks at the pulse files a thousand times a second."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from car.pwm import MOTOR_CHANNEL, STEERING_CHANNEL, Pwm

PERIOD_S = 0.001
LEVEL = 40
"""Real-time priority of an instrument: what it measures must not keep it from looking."""


@dataclass(frozen=True)
class Change:
    """The pulses became neutral, or stopped being it."""

    at_s: float
    """Monotonic clock."""
    is_neutral: bool


def look_first() -> None:
    """Give this thread the processor before what it measures, if the system allows it; children get none."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(LEVEL))


class PulseWatch:
    """Notes every change from driving to neutral and back; a context manager.

    Args:
        chip: folder of the PWM chip, with both channels exported.
        neutral: the pulses that count as neutral.
    """

    def __init__(self, chip: Path, neutral: Pwm) -> None:
        self._neutral = neutral
        self._files = [
            os.open(chip / f"pwm{channel}" / "duty_cycle", os.O_RDONLY)
            for channel in (MOTOR_CHANNEL, STEERING_CHANNEL)
        ]
        self._ending = threading.Event()
        self._changes: list[Change] = []
        self._thread = threading.Thread(target=self._watch, name="pulse-watch", daemon=True)
        self._thread.start()

    def __enter__(self) -> PulseWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        for file in self._files:
            os.close(file)

    @property
    def is_neutral(self) -> bool:
        """Whether the pulses are neutral now."""
        changes = self._changes
        return not changes or changes[-1].is_neutral

    def driving_for_s(self) -> float:
        """Return for how long the pulses have not been neutral; 0 while they are."""
        changes = self._changes
        return 0.0 if self.is_neutral else time.monotonic() - changes[-1].at_s

    def neutral_after(self, since_s: float) -> float | None:
        """Return how long after `since_s`, on the monotonic clock, the pulses became neutral and stayed so.

        Returns:
            Seconds, below 0 if they were before; None if they are not neutral now.
        """
        changes = self._changes
        return changes[-1].at_s - since_s if changes and changes[-1].is_neutral else None

    def was_neutral(self, since_s: float) -> bool:
        """Say whether the pulses have been neutral at any moment since `since_s`."""
        changes = self._changes
        return self.is_neutral or any(change.is_neutral and change.at_s >= since_s for change in changes)

    def _watch(self) -> None:
        look_first()
        before: bool | None = None
        while not self._ending.wait(PERIOD_S):
            pwm = self._read()
            if pwm is None:
                continue
            is_neutral = pwm == self._neutral
            if is_neutral is not before:
                # A new list, so that a reader never sees one that is being changed.
                self._changes = [*self._changes[-50:], Change(time.monotonic(), is_neutral)]
                before = is_neutral

    def _read(self) -> Pwm | None:
        """Return the pulses; None in the moment in which a file is being written."""
        try:
            motor_ns, steering_ns = (int(os.pread(file, 32, 0).split(b"\n")[0]) for file in self._files)
        except ValueError:
            return None
        return Pwm(steering_ns=steering_ns, motor_ns=motor_ns)
