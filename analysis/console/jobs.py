"""Work that takes longer than a click: one at a time, with progress, and it can be called off.

A job writes one file in a folder of its own, which goes when the console ends; of finished jobs only the last
few are kept. What is called off stops at its next step of progress.
"""

from __future__ import annotations

import secrets
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from car.errors import Sim2RaceError

MOST_WAITING = 4
_KEPT = 6


class JobState(Enum):
    """What has become of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class CancelledError(Exception):
    """The job was called off; raised out of its progress, so that files are dropped as in any failure."""


Work = Callable[[Path, Callable[[float], None]], None]
"""Writes a file, calling the second argument with the share that is done, from 0 to 1."""


@dataclass
class Job:
    """One piece of work."""

    id: str
    name: str
    """Name that the file is downloaded under."""
    path: Path
    """Where the file is written: a name of our making."""
    state: JobState = JobState.WAITING
    done: float = 0.0
    """Share that is done."""
    error: str = ""
    """Why it failed, in one line."""
    called_off: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in (JobState.WAITING, JobState.RUNNING)


class Jobs:
    """Runs one job after another; safe to use from several threads."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sim2race-console-")
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="export")

    def start(self, name: str, work: Work) -> Job:
        """Queue some work.

        Args:
            name: what the file is downloaded as; the file itself is called something else.
            work: see `Work`.

        Raises:
            Sim2RaceError: too much is waiting already.
        """
        with self._lock:
            if sum(not job.is_over for job in self._jobs.values()) >= MOST_WAITING:
                raise Sim2RaceError(f"{MOST_WAITING} exports are under way; wait for one, or cancel it.")
            identifier = secrets.token_hex(8)
            job = Job(identifier, name, Path(self._folder.name) / f"{identifier}{Path(name).suffix}")
            self._jobs[identifier] = job
            self._forget_old()
        self._worker.submit(self._run, job, work)
        return job

    def find(self, identifier: str) -> Job | None:
        """Return a job, or None if there is none of that id or it has been forgotten."""
        with self._lock:
            return self._jobs.get(identifier)

    def cancel(self, job: Job) -> None:
        """Call a job off; one that is over stays as it is."""
        job.called_off.set()
        with self._lock:
            if job.state is JobState.WAITING:
                job.state = JobState.CANCELLED

    def close(self) -> None:
        """Call everything off, wait for the one that runs, and remove all files."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            self.cancel(job)
        self._worker.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def _run(self, job: Job, work: Work) -> None:
        with self._lock:
            if job.state is not JobState.WAITING:
                return
            job.state = JobState.RUNNING

        def progress(done: float) -> None:
            if job.called_off.is_set():
                raise CancelledError
            job.done = min(max(done, 0.0), 1.0)

        try:
            work(job.path, progress)
        except CancelledError:
            job.state = JobState.CANCELLED
        except Sim2RaceError as error:
            job.error, job.state = str(error), JobState.FAILED
        except Exception as error:  # whatever it is, the page must be told instead of waiting for ever
            job.error, job.state = f"The export failed: {error}.", JobState.FAILED
        else:
            job.done, job.state = 1.0, JobState.DONE

    def _forget_old(self) -> None:
        over = [job for job in self._jobs.values() if job.is_over]
        for job in over[: max(0, len(over) - _KEPT)]:
            del self._jobs[job.id]
            job.path.unlink(missing_ok=True)
