"""Jobs on a Ray cluster: a job's folder travels to a node and, file by file as they change, back again.

So the folder here always looks as if the job ran here: progress is read from it, and a node that dies costs
what came after its last snapshot. Nodes share no disk; they need sim2race and Ray installed, in the same
versions as here.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from car.errors import Sim2RaceError
from car.files import write_atomically
from car.process_group import ProcessGroup
from training.jobs import Job
from training.run_folder import RunFolder
from training.session import hold_run

try:
    import ray
except ModuleNotFoundError as missing:
    raise Sim2RaceError("A cluster needs Ray; install it with: pip install 'sim2race[cluster]'.") from missing

LOCAL = "local"
"""The address of a cluster that is begun on this machine and ends with this process."""
CARRY_S = 2.0
"""Time between two looks at what has changed in a folder on a node."""

Files = dict[str, bytes]
"""Content by path within a folder."""


class ClusterEngine:
    """A Ray cluster.

    Args:
        address: as in ray://host:10001, host:6379, auto, or `LOCAL`.
        jobs: how many at a time; as many as the cluster's cores allow if 0.
        threads: cores of each.

    Raises:
        Sim2RaceError: no cluster answers at that address, or it has too few cores.
    """

    def __init__(self, address: str, *, jobs: int, threads: int) -> None:
        chosen = None if address == LOCAL else address
        try:
            ray.init(chosen, ignore_reinit_error=True, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            words = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise Sim2RaceError(f"No Ray cluster at {address!r}: {words}") from error
        cores = int(ray.cluster_resources().get("CPU", 0))
        if threads < 1 or threads > cores:
            raise Sim2RaceError(f"threads is {threads}; expected 1 to {cores}, the cluster's cores.")
        self.slots = jobs or cores // threads
        self._task = ray.remote(num_cpus=threads, max_retries=0)(_work)
        self._threads = threads
        self._running: dict[str, tuple[Job, Any, int]] = {}
        self._ended: dict[str, str | None] = {}

    def start(self, job: Job, slot: int) -> None:
        """Send a job off."""
        held = hold_run(RunFolder(job.folder))
        given = None if job.input is None else (job.input.name, job.input.read_bytes())
        results = self._task.remote(job.name, job.arguments, _changes(job.folder, {}), given, self._threads)
        self._ended.pop(job.name, None)
        self._running[job.name] = (job, results, held)

    def ended(self) -> dict[str, str | None]:
        """Take over what has come back, and return the jobs that have ended."""
        for name, (job, results, held) in list(self._running.items()):
            if not self._receive(job, results):
                os.close(held)
                del self._running[name]
        return self._ended

    def stop(self) -> None:
        """Ask all jobs to end, and take over what they still send."""
        for _, results, _ in self._running.values():
            ray.cancel(results)
        deadline_s = time.monotonic() + 10.0
        while self._running and time.monotonic() < deadline_s:
            self.ended()
            time.sleep(0.1)
        ray.shutdown()

    def _receive(self, job: Job, results: Any) -> bool:
        """Write what a job has sent since the last look; return whether it goes on."""
        self._ended.pop(job.name, None)
        while True:
            ready, _ = ray.wait([results], timeout=0)
            if not ready:
                return True
            try:
                words, files = ray.get(next(results))
            except StopIteration:
                self._ended.setdefault(job.name, None)
                return False
            except ray.exceptions.RayError as error:
                self._ended[job.name] = next(iter(str(error).strip().splitlines()), type(error).__name__)
                return False
            for path, content in files.items():
                write_atomically(job.folder / path, content)
            if words is not None:
                self._ended[job.name] = words
                return False


def _work(
    name: str, arguments: tuple[str, ...], files: Files, given: tuple[str, bytes] | None, threads: int
) -> Iterator[tuple[str | None, Files]]:
    """Run a job on a node; yields its last words (None while it goes on) and the files that have changed."""
    with tempfile.TemporaryDirectory(prefix="sim2race-") as home, ProcessGroup(Path(home)) as group:
        folder = Path(home) / name
        for path, content in files.items():
            write_atomically(folder / path, content)
        job = Job(name, arguments, folder, is_done=lambda: False)
        if given is not None:
            job.input = Path(home) / given[0]
            job.input.write_bytes(given[1])
        command = [sys.executable, "-m", "sim2race", *job.command(folder, job.input)]
        seen: dict[str, int] = {}
        _changes(folder, seen)
        group.start(name, command, {**os.environ, "OMP_NUM_THREADS": str(threads)})
        while not group.ended():
            time.sleep(CARRY_S)
            changed = _changes(folder, seen)
            if changed:
                yield None, changed
        (end,) = group.ended()
        yield str(end) if end.status else "", _changes(folder, seen)


def _changes(folder: Path, seen: dict[str, int]) -> Files:
    """Return the files that are new or newer than when they were seen; those half written have a dot."""
    changed: Files = {}
    for path in sorted(folder.rglob("*")):
        if path.name.startswith(".") or path.suffix == ".lock" or not path.is_file():
            continue
        name, stamp = str(path.relative_to(folder)), path.stat().st_mtime_ns
        if seen.get(name) != stamp:
            seen[name] = stamp
            changed[name] = path.read_bytes()
    return changed
