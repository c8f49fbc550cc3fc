"""A PWM output whose driving process is looked after by a guard, see `car.pwm_guard`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import subprocess
import threading
import time
from pathlib import Path

from car import pwm_guard
from car.errors import Sim2RaceError
from car.gpio import GatedPwm
from car.pca9685 import Pca9685Pwm
from car.pwm import PERIOD_NS, Pwm
from car.pwm_address import absolute_address, open_output, split_gate
from car.pwm_claim import claim_output

SILENCE_S = 0.1
"""The guard's patience. Heartbeats come every 5 ms, so that one core loaded by others does not look like a
death, and 50 ms remain of the 150 in which a frozen process must have been replaced by neutral."""
START_DEADLINE_S = 10.0
RESTART_EVERY_S = 1.0
UNGUARDED_S = 3.0
"""Time for a new guard when the old one was killed."""
END_DEADLINE_S = pwm_guard.LAST_TRIES * pwm_guard.RETRY_S + 1.0
"""A guard is not ended by force before it has given up a chip that does not take neutral."""
PIPE_BYTES = 4096
"""The smallest that Linux makes: a guard that does not read for so many heartbeats (20 s) is replaced."""


class GuardedPwm:
    """An output with a guard; a guard that somebody ends, or that hangs, is replaced.

    Args:
        address: a PWM folder or another output, see `car.pwm_address`.
        neutral: what the guard writes.
        period_ns: time between pulses.
        silence_s: the guard's patience between two heartbeats.

    Raises:
        Sim2RaceError: the output cannot be used, another process drives it, or the guard does not start.
    """

    def __init__(
        self,
        address: Path | str,
        neutral: Pwm,
        *,
        period_ns: int = PERIOD_NS,
        silence_s: float = SILENCE_S,
    ) -> None:
        # The guard works in another folder.
        self._address = absolute_address(str(address))
        self._period_ns = period_ns
        self._silence_s = silence_s
        self._lock = threading.Lock()
        self._is_closed = False
        self._is_ready = False
        self._guarded_s = 0.0
        with contextlib.ExitStack() as undone:
            self._claim = claim_output(self._address)
            if self._claim is not None:
                undone.callback(self._claim.close)
            self._output = open_output(self._address, neutral, period_ns=period_ns)
            undone.callback(self._output.close)
            self._start_guard(neutral)
            self._await_guard()
            undone.pop_all()

    @property
    def has_gate(self) -> bool:
        """Whether the power of servo and motor can be cut."""
        return split_gate(self._address)[1] is not None

    @property
    def powered(self) -> bool:
        """Whether servo and motor have power; always so on a car without a gate."""
        return not isinstance(self._output, GatedPwm) or self._output.powered

    def write(self, pwm: Pwm) -> None:
        """Send both widths; as good as a heartbeat.

        Raises:
            OSError: the chip did not take them.
        """
        # First the heartbeat, from which the guard counts: it would wait for a process that freezes between
        # pulses and heartbeat. The lock is not waited for: its holder is busy with a heartbeat.
        if self._lock.acquire(blocking=False):
            try:
                with contextlib.suppress(OSError):
                    os.write(self._pipe, pwm_guard.BEAT)
            finally:
                self._lock.release()
        self._output.write(pwm)

    def beat(self) -> None:
        """Tell the guard that somebody is there, and see to it that there is a guard; call it every few ms.

        Raises:
            OSError: there has been none for too long.
        """
        with self._lock:
            if self._is_closed:
                return
            if self._guard.poll() is None:
                try:
                    os.write(self._pipe, pwm_guard.BEAT)
                except BlockingIOError:
                    self._guard.kill()
                except OSError:
                    pass  # it has just ended, and the next heartbeat sees that
            elif time.monotonic() - self._started_s > RESTART_EVERY_S:
                self._drop_guard()
                self._start_guard(self._neutral)
            now_s = time.monotonic()
            if self._guard.poll() is None:
                self._is_ready = self._is_ready or self._has_said_ready(0.0)
                self._guarded_s = now_s if self._is_ready else self._guarded_s
            if now_s - self._guarded_s > UNGUARDED_S:
                raise OSError("the guard process does not start")

    def use_neutral(self, neutral: Pwm) -> None:
        """Write another neutral now, and let the guard, and the output at its end, do so from now on.

        Raises:
            Sim2RaceError: the chip did not take it, or the new guard does not start.
        """
        with self._lock:
            innermost = self._output.inner if isinstance(self._output, GatedPwm) else self._output
            if isinstance(innermost, Pca9685Pwm):
                innermost.neutral = neutral
            # The old guard ends with the old neutral.
            self._end_guard()
            try:
                self._output.write(neutral)
            except OSError as error:
                raise Sim2RaceError(f"The new neutral could not be written: {error}.") from error
            self._start_guard(neutral)
            self._await_guard()

    def close(self) -> None:
        """End the guard, which writes neutral once more, and let go of the chip."""
        with self._lock:
            self._is_closed = True
            self._end_guard()
            self._output.close()
            if self._claim is not None:
                self._claim.close()

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

    def _start_guard(self, neutral: Pwm) -> None:
        self._neutral = neutral
        self._guard = subprocess.Popen(
            pwm_guard.command(self._address, neutral, self._period_ns, self._silence_s),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # In a session of its own: a Ctrl-C or a kill of the whole group must not end the guard first.
            start_new_session=True,
            cwd=pwm_guard.folder(),
            bufsize=0,
        )
        assert self._guard.stdin is not None
        self._pipe = self._guard.stdin.fileno()
        os.set_blocking(self._pipe, False)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._started_s = time.monotonic()
        self._is_ready = False

    def _await_guard(self) -> None:
        self._is_ready = self._has_said_ready(START_DEADLINE_S)
        if not self._is_ready:
            self._guard.kill()
            self._drop_guard()
            raise Sim2RaceError(f"The guard process for {self._address} does not start; it says why above.")
        self._guarded_s = time.monotonic()

    def _has_said_ready(self, timeout_s: float) -> bool:
        assert self._guard.stdout is not None
        ready, _, _ = select.select([self._guard.stdout], [], [], timeout_s)
        return bool(ready) and os.read(self._guard.stdout.fileno(), len(pwm_guard.READY)) == pwm_guard.READY

    def _end_guard(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._pipe, pwm_guard.END)
        self._drop_guard()

    def _drop_guard(self) -> None:
        """Close the pipes, upon which the guard ends, and wait for that."""
        assert self._guard.stdin is not None
        assert self._guard.stdout is not None
        self._pipe = -1
        self._guard.stdin.close()
        try:
            self._guard.wait(END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        self._guard.stdout.close()


class Heart:
    """Beats for a process without a watchdog, as one that waits for a person; a context manager.

    Args:
        output: is beaten for.
        period_s: time between two heartbeats.
    """

    def __init__(self, output: GuardedPwm, *, period_s: float = 0.01) -> None:
        self._output = output
        self._period_s = period_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._period_s):
            # Without a guard the next heartbeat tries again.
            with contextlib.suppress(OSError):
                self._output.beat()
