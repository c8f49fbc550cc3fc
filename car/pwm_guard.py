"""A second process that brings the car to neutral when the one that drives it is killed or frozen.

A PWM chip goes on with the last pulse for ever, and a process that dies by a kill signal, by running out of
memory or by a crash in a library writes nothing any more. So a small guard holds the other end of a pipe. The
driving process puts a byte into it with every heartbeat. When the pipe closes, it is gone; when nothing comes
for a while, it is frozen. In both cases the guard writes neutral, and cuts the power where there is a gate.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from pathlib import Path

from car.gpio import PowerGate, SysfsGate
from car.priority import GUARD_LEVEL, lock_memory, raise_priority
from car.pwm import Pwm, PwmOutput
from car.pwm_address import open_output, split_gate

READY = b"ready\n"
"""What the guard says when it can write."""
BEAT = b"."
END = b"q"
"""Sent before the pipe closes where the driving process ends in order."""
CUT_AFTER_S = 1.0
"""A frozen process that thaws before may drive on; its power is not cut for a stutter."""
RETRY_S = 0.02
LAST_TRIES = 250
"""At the end: five seconds for a chip that does not answer."""


class Guard:
    """Writes neutral whenever a pipe is silent, and when it closes.

    Args:
        pipe: descriptor that gets a byte with every heartbeat.
        output: where neutral goes.
        neutral: the safe pulse widths.
        silence_s: how long nothing may come.
        gate: cuts the power of servo and motor, where there is one.
    """

    def __init__(
        self, pipe: int, output: PwmOutput, neutral: Pwm, silence_s: float, gate: PowerGate | None = None
    ) -> None:
        self._pipe = pipe
        self._output = output
        self._neutral = neutral
        self._silence_s = silence_s
        self._gate = gate

    def watch(self) -> None:
        """Watch until the pipe ends."""
        patience_s: float | None = None
        is_neutral = False
        while True:
            ready, _, _ = select.select([self._pipe], [], [], patience_s)
            heard = os.read(self._pipe, 4096) if ready else None
            if heard is not None and (not heard or END in heard):
                break
            if heard is not None:
                patience_s, is_neutral = self._silence_s, False
            elif not is_neutral:
                is_neutral = self._write_neutral()
                patience_s = CUT_AFTER_S if is_neutral else RETRY_S
            else:
                self._cut()
                patience_s = None
        self._end(in_order=bool(heard))

    def _end(self, *, in_order: bool) -> None:
        for _ in range(LAST_TRIES):
            if self._write_neutral():
                break
            select.select([], [], [], RETRY_S)
        if not in_order:
            self._cut()

    def _write_neutral(self) -> bool:
        """Write neutral, or cut the power of a car that does not take it, and say whether it took it."""
        try:
            self._output.write(self._neutral)
        except OSError:
            self._cut()
            return False
        return True

    def _cut(self) -> None:
        if self._gate is not None:
            with contextlib.suppress(OSError):
                self._gate.cut()


def command(address: str, neutral: Pwm, period_ns: int, silence_s: float) -> list[str]:
    """Return the command line that starts a guard."""
    numbers = (neutral.steering_ns, neutral.motor_ns, period_ns, silence_s)
    return [sys.executable, "-m", "car.pwm_guard", address, *map(str, numbers)]


def folder() -> Path:
    """Return the folder to start the guard in, so that it finds this package however that is installed."""
    return Path(__file__).parents[1]


def main() -> None:
    """Be the guard: `python -m car.pwm_guard` and the words of `command`, the pipe as input."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    address, steering_ns, motor_ns, period_ns, silence_s = sys.argv[1:]
    neutral = Pwm(steering_ns=int(steering_ns), motor_ns=int(motor_ns))
    # Opened without its gate: power that was cut must not come back by the guard's pulses.
    ungated, line = split_gate(address)
    gate = SysfsGate(line.number, root=line.root) if line else None
    output = open_output(ungated, neutral, period_ns=int(period_ns))
    guard = Guard(sys.stdin.fileno(), output, neutral, float(silence_s), gate)
    raise_priority(GUARD_LEVEL)
    lock_memory()
    os.write(sys.stdout.fileno(), READY)
    guard.watch()


if __name__ == "__main__":
    main()
