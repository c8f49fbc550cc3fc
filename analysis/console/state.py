"""What people add to logs: tags, notes, bookmarks; and the bin. Kept in SQLite in the folder of logs.

The files of a log are never written to. A log that is deleted is moved into `.bin` in the same folder, from
where it can be put back or, with a file manager, removed for good. Where the folder cannot be written, what
is added lasts as long as the console runs.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from car.errors import Sim2RaceError
from car.log_parts import is_log

DATABASE = ".sim2race-console.sqlite3"
BIN = ".bin"

MAX_TAGS, MAX_TAG, MAX_NOTE, MAX_BOOKMARKS = 12, 32, 4000, 500

_TABLES = """
CREATE TABLE IF NOT EXISTS remarks (log TEXT PRIMARY KEY, tags TEXT NOT NULL, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS bookmarks (
    id INTEGER PRIMARY KEY, log TEXT NOT NULL, time_s REAL NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS bookmarks_of_log ON bookmarks (log);
"""
_BIN_KEY = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Remarks:
    """What a person wrote about a log."""

    tags: tuple[str, ...] = ()
    """Short words, in the order given."""
    note: str = ""
    """Free text."""


@dataclass(frozen=True)
class Bookmark:
    """A moment that a person marked."""

    id: int
    """Its number, unique in the folder."""
    time_s: float
    """Seconds from the log's first frame."""
    text: str
    """What the person wrote."""


@dataclass(frozen=True)
class Binned:
    """A log in the bin."""

    key: str
    """What puts it back."""
    name: str
    """Its name: text from outside."""
    since_s: float
    """When it was thrown away, in seconds since 1970."""


class ConsoleState:
    """Remarks, bookmarks and the bin of one folder of logs; safe to use from several threads.

    Args:
        folder: the folder of logs.
    """

    def __init__(self, folder: Path) -> None:
        self._bin = folder / BIN
        self._lock = threading.Lock()
        self.lasting = True
        """Whether what is added is still there when the console is started again."""
        try:
            self._open(str(folder / DATABASE))
        except sqlite3.Error:
            self.lasting = False
            self._open(":memory:")

    def remarks(self) -> dict[str, Remarks]:
        """Return the remarks on every log that has some, by the log's id."""
        with self._lock:
            rows = self._database.execute("SELECT log, tags, note FROM remarks").fetchall()
        return {log: Remarks(tuple(filter(None, tags.split("\n"))), note) for log, tags, note in rows}

    def set_remarks(self, log: str, tags: list[str], note: str) -> Remarks:
        """Replace the remarks on a log.

        Raises:
            Sim2RaceError: too many or too long tags, or too long a note.
        """
        words = list(dict.fromkeys(" ".join(tag.split()) for tag in tags if tag.strip()))
        if len(words) > MAX_TAGS or any(len(word) > MAX_TAG for word in words):
            raise Sim2RaceError(f"A run takes up to {MAX_TAGS} tags of up to {MAX_TAG} letters.")
        if len(note) > MAX_NOTE:
            raise Sim2RaceError(f"A note holds up to {MAX_NOTE} letters; this one has {len(note)}.")
        with self._lock, self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO remarks VALUES (?, ?, ?)", (log, "\n".join(words), note)
            )
        return Remarks(tuple(words), note)

    def bookmarks(self, log: str) -> list[Bookmark]:
        """Return the bookmarks of a log in order of time."""
        query = "SELECT id, time_s, text FROM bookmarks WHERE log = ? ORDER BY time_s, id"
        with self._lock:
            rows = self._database.execute(query, (log,)).fetchall()
        return [Bookmark(*row) for row in rows]

    def add_bookmark(self, log: str, time_s: float, text: str) -> None:
        """Mark a moment.

        Raises:
            Sim2RaceError: the log has too many bookmarks, or the text is too long.
        """
        if len(text) > MAX_NOTE:
            raise Sim2RaceError(f"A bookmark holds up to {MAX_NOTE} letters.")
        if len(self.bookmarks(log)) >= MAX_BOOKMARKS:
            raise Sim2RaceError(f"A log takes up to {MAX_BOOKMARKS} bookmarks.")
        with self._lock, self._database:
            query = "INSERT INTO bookmarks (log, time_s, text) VALUES (?, ?, ?)"
            self._database.execute(query, (log, time_s, text))

    def remove_bookmark(self, log: str, number: int) -> None:
        """Remove a bookmark of a log; one that is not there is no error."""
        with self._lock, self._database:
            self._database.execute("DELETE FROM bookmarks WHERE id = ? AND log = ?", (number, log))

    def throw_away(self, path: Path) -> str:
        """Move a log into the bin and return the key that puts it back.

        Raises:
            Sim2RaceError: it cannot be moved.
        """
        key = secrets.token_hex(8)
        inside = self._bin / key / path.relative_to(self._bin.parent)
        try:
            inside.parent.mkdir(parents=True)
            os.replace(path, inside)
        except OSError as error:
            raise Sim2RaceError(
                f"{path.name} cannot be moved to the bin: {error.strerror or error}."
            ) from error
        return key

    def binned(self) -> list[Binned]:
        """Return what is in the bin, the last thrown away first.

        Raises:
            Sim2RaceError: the bin cannot be read.
        """
        found = []
        try:
            for held in self._bin.iterdir() if self._bin.is_dir() else ():
                inside = self._held(held.name)
                if inside is not None:
                    found.append(Binned(held.name, inside.name, held.stat().st_mtime))
        except OSError as error:
            raise Sim2RaceError(f"The bin cannot be read: {error.strerror or error}.") from error
        return sorted(found, key=lambda one: one.since_s, reverse=True)

    def put_back(self, key: str) -> str:
        """Move a log out of the bin and return its name.

        Raises:
            Sim2RaceError: nothing in the bin has that key, or its place is taken.
        """
        inside = self._held(key)
        if inside is None:
            raise Sim2RaceError("There is nothing of that key in the bin.")
        place = self._bin.parent / inside.relative_to(self._bin / key)
        if place.exists():
            raise Sim2RaceError(f"There is a log called {place.name} again; the one in the bin stays there.")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(inside, place)
            shutil.rmtree(self._bin / key)
        except OSError as error:
            raise Sim2RaceError(f"{place.name} cannot be put back: {error.strerror or error}.") from error
        return place.name

    def _held(self, key: str) -> Path | None:
        """Return the run that a key of the bin stands for, in the folders that it lay in; None for none."""
        held = self._bin / key if _BIN_KEY.fullmatch(key) else None
        while held is not None and held.is_dir() and not is_log(held):
            inside = list(held.iterdir())
            held = inside[0] if len(inside) == 1 else None
        return held if held is not None and held.exists() else None

    def _open(self, address: str) -> None:
        # One connection for all threads, guarded by the lock: requests are short and rarely write.
        self._database = sqlite3.connect(address, check_same_thread=False, timeout=2.0)
        self._database.executescript(_TABLES)
