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
from car.unpack import MAX_MESSAGE_BYTES, unpack_message

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
MAX_PADDED_BYTES = 16 * 2**30
"""Larger than any log; a larger figure in the header is damage."""
MIN_STEPS, STEPS_PER_BYTE, STEPS_AT_ONCE = 20_000_000, 4, 1_000_000
"""What SQLite may compute for a file, in steps of its own machine: a view can ask for endless work."""
MAX_TOPICS = 10_000


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
                self._refuse_what_computes(connection)
                query = f"SELECT id, name, type FROM topics LIMIT {MAX_TOPICS}"
                rows = [row for row in connection.execute(query) if _are_texts(row[1:])]
                definitions = self._definitions(connection)
            finally:
                connection.close()
        except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
            raise BadFileError(f"The log file {path} is no usable rosbag2 file: {_line(error)}.") from error
        self._topics = {key: topic for key, topic, _ in rows}
        self.types = {topic: TopicType(name, definitions.get(name, "")) for _, topic, name in rows}
        """What the file says about the types of its topics."""

    def entries(self) -> Iterator[Entry]:
        """Yield every message that can be read, in the order of writing."""
        connection = self._connect()
        try:
            # By row id and not by time: the index over time may be what is damaged.
            rows = connection.execute(
                "SELECT id, topic_id, timestamp, data FROM messages WHERE length(data) <= ? ORDER BY id",
                (MAX_MESSAGE_BYTES,),
            )
            for key, topic_id, stamp_ns, data in rows:
                topic = self._topics.get(topic_id)
                is_message = isinstance(data, bytes) and isinstance(stamp_ns, int) and isinstance(key, int)
                if topic is not None and is_message:
                    yield Entry(topic, stamp_ns, unpack_message(data), Handle(key, len(data)))
        except (sqlite3.Error, OverflowError, UnicodeDecodeError, BadFileError) as error:
            self.damage = self.damage or f"reading ended early: {_line(error)}"
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
        except (sqlite3.Error, OverflowError) as error:
            raise BadFileError(f"The log file {self.path} cannot be read: {_line(error)}.") from error
        if row is None or not isinstance(row[0], bytes) or len(row[0]) != handle.size:
            raise BadFileError(f"The log file {self.path} has changed since it was opened.")
        return unpack_message(row[0])

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
        except (sqlite3.Error, OverflowError, UnicodeDecodeError):
            return None
        if not isinstance(start_ns, int) or not isinstance(end_ns, int):
            return Counts(0, 0, {})
        return Counts(start_ns, end_ns, {self._topics.get(key, ""): count for key, count in rows})

    def _connect(self) -> sqlite3.Connection:
        """Open for reading only; on a read-only disk SQLite cannot make its helper files and must not try."""
        address = f"file:{quote(str(self._source.absolute()))}?mode=ro"
        connection = sqlite3.connect(address, uri=True)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            connection = sqlite3.connect(f"{address}&immutable=1", uri=True)
        steps = max(MIN_STEPS, STEPS_PER_BYTE * self._source.stat().st_size) // STEPS_AT_ONCE
        left = iter(range(steps))
        # What it returns at the end of its steps makes SQLite give up.
        connection.set_progress_handler(lambda: next(left, None) is None, STEPS_AT_ONCE)
        return connection

    @staticmethod
    def _refuse_what_computes(connection: sqlite3.Connection) -> None:
        """Refuse views, virtual tables and computed columns in place of tables: their rows can be endless."""
        for table in ("topics", "messages"):
            query = "SELECT type, sql FROM sqlite_master WHERE name = ?"
            row = connection.execute(query, (table,)).fetchone()
            if row is None:
                raise sqlite3.DatabaseError(f"it has no table {table!r}")
            words = str(row[1]).upper()
            if row[0] != "table" or "VIRTUAL" in words or "GENERATED" in words or " AS " in words:
                raise sqlite3.DatabaseError(f"its {table!r} is no plain table")

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
            return {name: text for name, text in rows.fetchmany(MAX_TOPICS) if _are_texts((name, text))}
        except (sqlite3.Error, OverflowError, UnicodeDecodeError):
            return {}


def _are_texts(row: tuple[object, ...]) -> bool:
    return all(isinstance(value, str) for value in row)


def _line(error: Exception) -> str:
    """Return what SQLite says in one line: it quotes the file's own words."""
    return " ".join(str(error).split())[:200]
