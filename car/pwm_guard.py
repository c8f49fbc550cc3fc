"""A second process that brings the car to neutral when the one that drives it is killed or frozen.

A PWM chip goes on with the last pulse for ever, and a process that dies by a kill signal, by running out of
memory or by a crash in a library writes nothing any more. So a small guard holds the other end of a pipe.
Every write of pulse widths puts a byte into it. When the pipe closes, the driving process is gone; when
nothing comes for a while, it is frozen. In both cases the guard writes neutral.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from car.gpio import GatedPwm
from car.pwm import Pwm, PwmOutput
from car.pwm_address import open_output, split_gate

SILENCE_S = 0.25
"""Longer than the drive's own deadline, which comes first as long as its process runs."""
END_DEADLINE_S = 2.0


class GuardedPwm:
    """An output with a guard; the guard is started anew if somebody ends it.

    Args:
        address: a PWM folder or another output, see `car.pwm_address`.
        neutral: what the guard writes.
        silence_s: the guard's patience between two writes.

    Raises:
        Sim2RaceError: the output cannot be used.
    """

    def __init__(self, address: Path | str, neutral: Pwm, *, silence_s: float = SILENCE_S) -> None:
        # The guard works in another folder.
        address = str(address.absolute()) if isinstance(address, Path) else address
        self._output = open_output(address, neutral)
        self._command = [
            sys.executable,
            "-m",
            "car.pwm_guard",
            # Power that was cut must not come back by the guard's pulses.
            split_gate(address)[0],
            str(neutral.steering_ns),
            str(neutral.motor_ns),
            str(silence_s),
        ]
        self._guard = self._start_guard()

    def write(self, pwm: Pwm) -> None:
        """Send both widths, and tell the guard that somebody is there.

        Raises:
            OSError: the chip did not take them.
        """
        self._output.write(pwm)
        if self._guard.poll() is not None:
            self._guard = self._start_guard()
        assert self._guard.stdin is not None
        # A guard that has just ended is replaced at the next write; a full pipe means that it is busy.
        with contextlib.suppress(OSError):
            os.write(self._guard.stdin.fileno(), b".")

    def close(self) -> None:
        """Let go of the chip and end the guard, which writes neutral once more."""
        assert self._guard.stdin is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        try:
            self._guard.wait(END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
        self._output.close()

    def cut(self) -> None:
        """Cut the power of servo and motor, where the address names a gate; only `switch_on` brings it back.

        Raises:
            OSError: the hardware did not take it.
        """
        if isinstance(self._output, GatedPwm):
            self._output.cut()

    def switch_on(self) -> None:
        """Feed servo and motor again, where the address names a gate; they must be getting neutral.

        Raises:
            OSError: the hardware did not take it.
        """
        if isinstance(self._output, GatedPwm):
            self._output.switch_on()

    def _start_guard(self) -> subprocess.Popen[bytes]:
        guard = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            # In a session of its own: a Ctrl-C or a kill of the whole group must not end the guard first.
            start_new_session=True,
            cwd=Path(__file__).parents[1],
        )
        assert guard.stdin is not None
        os.set_blocking(guard.stdin.fileno(), False)
        return guard


def watch(pipe: int, output: PwmOutput, neutral: Pwm, silence_s: float) -> None:
    """Write neutral whenever `pipe` is silent, and once more when it closes.

    Args:
        pipe: descriptor that gets a byte with every write of pulse widths.
        output: where neutral goes.
        neutral: the safe pulse widths.
        silence_s: how long nothing may come.
    """
    patience_s: float | None = None
    while True:
        ready, _, _ = select.select([pipe], [], [], patience_s)
        if ready and not os.read(pipe, 4096):
            break
        if not ready:
            with contextlib.suppress(OSError):
                output.write(neutral)
        # Once neutral is written there is nothing to wait for but the next byte.
        patience_s = silence_s if ready else None
    output.write(neutral)


def main() -> None:
    """Be the guard: `python -m car.pwm_guard ADDRESS STEERING_NS MOTOR_NS SILENCE_S`, the pipe as input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    address, steering_ns, motor_ns, silence_s = sys.argv[1:]
    neutral = Pwm(steering_ns=int(steering_ns), motor_ns=int(motor_ns))
    watch(sys.stdin.fileno(), open_output(address, neutral), neutral, float(silence_s))


if __name__ == "__main__":
    main()
