"""Reading the community's SQLite logs row by row, up to where a damaged one ends."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from car.errors import BadFileError
from car.mcap_file import Counts, Entry, Handle, TopicType

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
MAX_PADDED_BYTES = 16 * 2**30
"""Larger than any log; a larger figure in the header is damage."""


class SqliteFile:
    """One rosbag2 SQLite file, whole or damaged; a `Handle.offset` is the row's id.

    Args:
        path: the file.

    Raises:
        BadFileError: the file is missing, unreadable or no rosbag2 SQLite file at all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: str | None = None
        """What could not be read, after reading."""
        try:
            with path.open("rb") as file:
                magic = file.read(len(MAGIC))
        except OSError as error:
            raise BadFileError(f"The log file {path} cannot be read: {error.strerror or error}.") from error
        if magic != MAGIC:
            raise BadFileError(f"The log file {path} is no SQLite file; it begins with {magic!r}.")
        self._patient: tempfile.TemporaryDirectory[str] | None = None
        self._source = path
        try:
            self._make_openable()
            connection = self._connect()
            try:
                self._topics = dict(connection.execute("SELECT id, name FROM topics"))
                names = dict(connection.execute("SELECT name, type FROM topics"))
                definitions = self._definitions(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise BadFileError(f"The log file {path} is no usable rosbag2 file: {error}.") from error
        self.types = {topic: TopicType(name, definitions.get(name, "")) for topic, name in names.items()}
        """What the file says about the types of its topics."""

    def entries(self) -> Iterator[Entry]:
        """Yield every message that can be read, in the order of writing."""
        connection = self._connect()
        try:
            # By row id and not by time: the index over time may be what is damaged.
            rows = connection.execute("SELECT id, topic_id, timestamp, data FROM messages ORDER BY id")
            for key, topic_id, stamp_ns, data in rows:
                topic = self._topics.get(topic_id)
                if topic is not None and isinstance(data, bytes):
                    yield Entry(topic, stamp_ns, data, Handle(key, len(data)))
        except sqlite3.Error as error:
            self.damage = self.damage or f"reading ended early: {error}"
        finally:
            connection.close()

    def fetch(self, handle: Handle) -> bytes:
        """Return the bytes of one message.

        Raises:
            BadFileError: the file has changed or gone since it was read.
        """
        try:
            connection = self._connect()
            try:
                query = "SELECT data FROM messages WHERE id = ?"
                row = connection.execute(query, (handle.offset,)).fetchone()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise BadFileError(f"The log file {self.path} cannot be read: {error}.") from error
        if row is None or len(row[0]) != handle.size:
            raise BadFileError(f"The log file {self.path} has changed since it was opened.")
        data: bytes = row[0]
        return data

    def counts(self) -> Counts | None:
        """Return the totals, by asking the database; None if it is damaged."""
        try:
            connection = self._connect()
            try:
                span = "SELECT min(timestamp), max(timestamp) FROM messages"
                start_ns, end_ns = connection.execute(span).fetchone()
                totals = "SELECT topic_id, count(*) FROM messages GROUP BY topic_id"
                rows = connection.execute(totals).fetchall()
            finally:
                connection.close()
        except sqlite3.Error:
            return None
        return Counts(start_ns or 0, end_ns or 0, {self._topics.get(key, ""): count for key, count in rows})

    def _connect(self) -> sqlite3.Connection:
        """Open for reading only; on a read-only disk SQLite cannot make its helper files and must not try."""
        address = f"file:{quote(str(self._source.absolute()))}?mode=ro"
        connection = sqlite3.connect(address, uri=True)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            connection = sqlite3.connect(f"{address}&immutable=1", uri=True)
        return connection

    def _make_openable(self) -> None:
        """Give SQLite a padded copy of a truncated file; it refuses to look into one that ends too early."""
        try:
            with self.path.open("rb") as file:
                head = file.read(HEADER_BYTES)
            page_bytes = int.from_bytes(head[16:18], "big")
            pages = int.from_bytes(head[28:32], "big")
            expected = pages * (page_bytes if page_bytes != 1 else 65_536)
            given = self.path.stat().st_size
            if not given < expected <= MAX_PADDED_BYTES:
                return
            self.damage = f"the file ends at byte {given} of {expected}"
            self._patient = tempfile.TemporaryDirectory(prefix="sim2race-log-")
            self._source = Path(self._patient.name) / "padded.db3"
            shutil.copyfile(self.path, self._source)
            os.truncate(self._source, expected)
        except OSError as error:
            raise BadFileError(
                f"The damaged log file {self.path} cannot be copied: {error.strerror}."
            ) from error

    @staticmethod
    def _definitions(connection: sqlite3.Connection) -> dict[str, str]:
        """Return message texts by type; only newer files have them."""
        try:
            rows = connection.execute(
                "SELECT topic_type, encoded_message_definition FROM message_definitions "
                "WHERE encoding = 'ros2msg'"
            )
            return dict(rows.fetchall())
        except sqlite3.Error:
            return {}
