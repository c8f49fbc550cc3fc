"""Many runs of the product's own commands, some at a time: the engine behind sweeps and evaluation matrices.

A job is a subcommand that leaves its results in a folder of its own. It is done when its folder says so, so
what is done already is not done again, and what was killed goes on where its command can. Where jobs run is
an `Engine`'s business: processes of this machine here, a cluster in `training.cluster`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from car.errors import Sim2RaceError
from car.process_group import ProcessGroup

POLL_S = 0.2
STOP_DEADLINE_S = 120.0
"""How long jobs may take to finish an update and write a snapshot when they are told to stop."""

WAITING, RUNNING, DONE, CACHED, FAILED, STOPPED = "waiting", "running", "done", "cached", "failed", "stopped"

FOLDER, INPUT = "{folder}", "{input}"
"""What stands for a job's folder and its input in the arguments: on a cluster they are elsewhere."""

_PROGRAM = (
    "import os, sys; os.sched_setaffinity(0, map(int, sys.argv[1].split(','))); "
    "import sim2race; sys.exit(sim2race.main(sys.argv[2:]))"
)


@dataclass
class Job:
    """One run of a subcommand."""

    name: str
    """Tells it from the others."""
    arguments: tuple[str, ...]
    """What comes after `sim2race`, with `FOLDER` and `INPUT` for paths."""
    folder: Path
    """Where its results go; exists."""
    is_done: Callable[[], bool]
    """Says from the folder whether there is nothing left to do."""
    input: Path | None = None
    """A file that it reads."""
    state: str = field(default=WAITING, init=False)
    """waiting, running, done, cached (done before), failed or stopped."""
    reason: str = field(default="", init=False)
    """Its last words, if it failed."""
    seconds: float = field(default=0.0, init=False)
    """How long it has run since this command began."""

    def command(self, folder: Path, given: Path | None) -> list[str]:
        """Return its arguments for a folder and an input that lie there."""
        return [
            argument.replace(FOLDER, str(folder)).replace(INPUT, str(given)) for argument in self.arguments
        ]


class Engine(Protocol):
    """A place where jobs run."""

    slots: int
    """How many run at the same time."""

    def start(self, job: Job, slot: int) -> None:
        """Begin a job."""

    def ended(self) -> dict[str, str | None]:
        """Return the jobs that have ended since they began: name to None if all is well, or last words."""

    def stop(self) -> None:
        """End all jobs in order, and wait for that."""


class LocalEngine:
    """Processes of this machine, each on cores of its own; they end with this process.

    Args:
        jobs: how many at a time; as many as the cores allow if 0.
        threads: cores of each.
        outputs: folder for what they print.
    """

    def __init__(self, *, jobs: int, threads: int, outputs: Path) -> None:
        cores = sorted(os.sched_getaffinity(0))
        if threads < 1 or threads > len(cores):
            raise Sim2RaceError(f"threads is {threads}; expected 1 to {len(cores)}, the cores there are.")
        most = len(cores) // threads
        if jobs < 0 or jobs > most:
            raise Sim2RaceError(
                f"jobs is {jobs}; expected up to {most}: {len(cores)} cores, {threads} for each job."
            )
        self.slots = jobs or most
        self._cores = [cores[slot * threads : (slot + 1) * threads] for slot in range(self.slots)]
        outputs.mkdir(parents=True, exist_ok=True)
        self._group = ProcessGroup(outputs)

    def start(self, job: Job, slot: int) -> None:
        """Begin a job on the cores of a slot."""
        cores = ",".join(map(str, self._cores[slot]))
        command = [sys.executable, "-c", _PROGRAM, cores, *job.command(job.folder, job.input)]
        self._group.start(job.name, command, {**os.environ, "PYTHONUNBUFFERED": "1"})

    def ended(self) -> dict[str, str | None]:
        """Return the jobs that have ended."""
        return {one.name: str(one) if one.status else None for one in self._group.ended()}

    def stop(self) -> None:
        """End all as Ctrl-C would; a second Ctrl-C meanwhile does not wait any longer."""
        try:
            self._group.stop(deadline_s=STOP_DEADLINE_S)
        except KeyboardInterrupt:
            self._group.stop(deadline_s=0.0)


def run_jobs(jobs: Sequence[Job], engine: Engine, *, watch: Callable[[Sequence[Job]], None]) -> bool:
    """Run all jobs that are not done yet; `watch` is called every now and then.

    Jobs that fail do not keep others from running.

    Returns:
        Whether it went on to the end; False if Ctrl-C ended it, after the jobs have been ended in order.
    """
    for job in jobs:
        if job.is_done():
            job.state = CACHED
    free = list(range(engine.slots))
    running: dict[str, tuple[Job, int, float]] = {}
    try:
        while True:
            waiting = [job for job in jobs if job.state == WAITING]
            while waiting and free:
                job, slot = waiting.pop(0), free.pop(0)
                engine.start(job, slot)
                job.state, running[job.name] = RUNNING, (job, slot, time.monotonic())
            _note_ends(engine, running, free)
            watch(jobs)
            if not running and not any(job.state == WAITING for job in jobs):
                return True
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        engine.stop()
        _note_ends(engine, running, free)
        for job in jobs:
            if job.state in (RUNNING, FAILED, WAITING):
                job.state = STOPPED
        watch(jobs)
        return False
    except BaseException:
        engine.stop()
        raise


def _note_ends(engine: Engine, running: dict[str, tuple[Job, int, float]], free: list[int]) -> None:
    """Take down which jobs have ended, and how."""
    ended = engine.ended()
    for name, (job, slot, began_s) in list(running.items()):
        job.seconds = time.monotonic() - began_s
        if name not in ended:
            continue
        del running[name]
        free.append(slot)
        words = ended[name]
        job.state = DONE if job.is_done() else FAILED
        if job.state == FAILED:
            job.reason = words or f"{name} ended without a result"
