"""Who trains a run right now, and how its last session ended.

A session holds a lock on `session.lock` as long as its process lives, however that ends, so a killed run is
told from a running one without asking for process numbers, which are used again. `session.json` says how
the last session ended; one that says "running" without the lock being held was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from car.errors import BadFileError, Sim2RaceError
from car.files import write_atomically
from car.json_file import read_json_object
from training import provenance
from training.run_folder import RunFolder

WAITING, RUNNING, FINISHED = "waiting", "running", "finished"
STOPPED, KILLED, DIVERGED, FAILED = "stopped", "killed", "diverged", "failed"

LOCK_PATIENCE_S = 1.0
"""A reader holds the lock for a moment; a second process that trains holds it for good."""


@dataclass(frozen=True)
class Session:
    """The last session of a run."""

    state: str
    """running, finished, stopped (by request), diverged or failed; on reading also waiting and killed."""
    reason: str = ""
    """Why it ended, in words."""
    host: str = ""
    """The machine it runs or ran on."""
    pid: int = 0
    """Its process there."""
    began_at: str = ""
    """When, UTC, as ISO 8601."""
    ended_at: str = ""
    git_revision: str = ""
    """The source that it ran."""


class SessionKeeper:
    """Takes down how a session ends; see `training_session`."""

    def __init__(self, path: Path, session: Session) -> None:
        self._path, self._session = path, session
        self._write()

    def end(self, state: str, reason: str) -> None:
        """Note the end."""
        self._session = replace(self._session, state=state, reason=reason, ended_at=provenance.now())
        self._write()

    def _write(self) -> None:
        write_atomically(self._path, json.dumps(asdict(self._session), indent=2) + "\n")


@contextmanager
def training_session(folder: RunFolder) -> Iterator[SessionKeeper]:
    """Hold a run for this process, and note how the session ended if an error ends it.

    Raises:
        Sim2RaceError: another process trains this run, or the folder cannot be written.
    """
    descriptor = hold_run(folder)
    try:
        begun = Session(
            state=RUNNING,
            host=socket.gethostname(),
            pid=os.getpid(),
            began_at=provenance.now(),
            git_revision=provenance.git_revision(),
        )
        keeper = SessionKeeper(_record_path(folder), begun)
        try:
            yield keeper
        except KeyboardInterrupt:
            keeper.end(STOPPED, "Interrupted.")
            raise
        except Exception as error:
            state = DIVERGED if "diverged" in str(error) else FAILED
            keeper.end(state, str(error) or type(error).__name__)
            raise
    finally:
        os.close(descriptor)


def last_session(folder: RunFolder) -> Session:
    """Return how a run stands: its last session, or what can be told without one."""
    path = _record_path(folder)
    try:
        session = Session(**read_json_object(path)) if path.is_file() else None
    except (BadFileError, TypeError):
        session = None
    if session is not None and session.state != RUNNING:
        return session
    if _is_held(folder):
        return session or Session(RUNNING)
    if session is not None:
        return replace(session, state=KILLED)
    if folder.policy_path.is_file():
        return Session(FINISHED)
    return Session(KILLED if folder.metrics_path.is_file() else WAITING)


def _record_path(folder: RunFolder) -> Path:
    return folder.path / "session.json"


def _lock_path(folder: RunFolder) -> Path:
    return folder.path / "session.lock"


def hold_run(folder: RunFolder) -> int:
    """Take the lock of a run and return its file descriptor; closing it lets go.

    Raises:
        Sim2RaceError: another process trains this run, or the folder cannot be written.
    """
    try:
        descriptor = os.open(_lock_path(folder), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise Sim2RaceError(f"Cannot write {_lock_path(folder)}: {error.strerror or error}.") from error
    deadline_s = time.monotonic() + LOCK_PATIENCE_S
    while not _take(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline_s:
            os.close(descriptor)
            raise Sim2RaceError(
                f"{folder.path} is being trained by another process; wait for it, or stop it first."
            )
        time.sleep(0.02)
    return descriptor


def _take(descriptor: int, kind: int) -> bool:
    """Try to lock a file, for this process alone or shared."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_held(folder: RunFolder) -> bool:
    try:
        descriptor = os.open(_lock_path(folder), os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _take(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)
