"""Processes that begin together and end together, whatever happens to the one that started them.

Each writes to a file of its own, so that its last words can be quoted when it ends too early. They are in
sessions of their own: a Ctrl-C in the terminal reaches only the parent, which then stops them in order. If
the parent is killed, Linux asks them to end.
"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_DEADLINE_S = 5.0
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Ended:
    """A process that has ended by itself."""

    name: str
    status: int
    """Exit status; minus the signal's number if a signal ended it."""
    last_words: str
    """Last line that it wrote."""

    def __str__(self) -> str:
        how = f"was ended by {signal.Signals(-self.status).name}" if self.status < 0 else "ended"
        status = f" with status {self.status}" if self.status > 0 else ""
        return f"{self.name} {how}{status}: {self.last_words or 'it wrote nothing'}"


class ProcessGroup:
    """Starts processes and sees to their end; a context manager.

    Args:
        outputs: folder for what they write.
    """

    def __init__(self, outputs: Path) -> None:
        self._outputs = outputs
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one process."""
        with self.output(name).open("wb") as output:
            self._processes[name] = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=functools.partial(_end_with_parent, os.getpid()),
            )

    def output(self, name: str) -> Path:
        """Return the file that a process writes to."""
        return self._outputs / f"{name}.txt"

    def ended(self) -> list[Ended]:
        """Return the processes that have ended, in the order of their start."""
        return [
            Ended(name, process.returncode, self._last_words(name))
            for name, process in self._processes.items()
            if process.poll() is not None
        ]

    def pid(self, name: str) -> int:
        """Return the process number of one that was started."""
        return self._processes[name].pid

    def stop(self, names: Iterable[str] | None = None, *, deadline_s: float = STOP_DEADLINE_S) -> list[str]:
        """End processes as Ctrl-C would, and by force what has not ended at the deadline.

        Args:
            names: which; all by default.
            deadline_s: how long they may take together.

        Returns:
            Names of those that took force.
        """
        chosen = {name: self._processes[name] for name in (self._processes if names is None else names)}
        for process in chosen.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        end_s = time.monotonic() + deadline_s
        return [name for name, process in chosen.items() if not _ends_before(process, end_s)]

    def __enter__(self) -> ProcessGroup:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _last_words(self, name: str) -> str:
        lines = self.output(name).read_text(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


def _ends_before(process: subprocess.Popen[bytes], end_s: float) -> bool:
    """Wait for the end of a process; at `end_s`, on the monotonic clock, bring it about by force."""
    try:
        process.wait(max(0.0, end_s - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False
    return True


def _end_with_parent(parent: int) -> None:
    """Be asked to end when the parent dies; runs in the child, before its program."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
