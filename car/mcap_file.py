"""Reading MCAP files record by record, so that a file without an end is read up to where it was cut.

The usual readers start from the index at the end of the file, which a killed writer never wrote. This one
walks from the beginning, remembers where in the file each message is, and says what it could not read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from car.errors import BadFileError
from car.unpack import MAX_MESSAGE_BYTES, unpack, unpack_message

MAGIC = b"\x89MCAP0\r\n"
FOOTER_BYTES = 37
MAX_CHUNK_BYTES = 64 * 2**20
"""More than any logger writes; a larger figure is damage or malice."""
MAX_SUMMARY_BYTES = 16 * 2**20
"""Of the totals at the end of a file."""
MAX_GROWTH, MIN_GROWN_BYTES = 20, 8 * 2**20
"""All chunks together unpack to at most so many times the file, or so many bytes of a small one.

Most of a log is JPEGs, and those do not shrink."""
MAX_EMPTY_RECORDS = 10_000
"""Records without a message that are passed over in one chunk."""
_LATEST_NS = 2**63 - 1

_RECORD = struct.Struct("<BQ")
_CHUNK = struct.Struct("<QQQI")
_MESSAGE = struct.Struct("<HIQQ")
_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_FOOTER, _SCHEMA, _CHANNEL, _MESSAGE_OP, _CHUNK_OP, _STATISTICS, _DATA_END = 2, 3, 4, 5, 6, 11, 15


class Handle(NamedTuple):
    """Where a message's bytes are."""

    offset: int
    """In the file; within a compressed chunk, in its content."""
    size: int
    chunk: int = -1
    """Where the compressed chunk that holds it begins in the file; -1 if it is not compressed."""


class Entry(NamedTuple):
    """One message as it comes out of a log file."""

    topic: str
    stamp_ns: int
    data: bytes
    handle: Handle


class TopicType(NamedTuple):
    """What a log file says about the type of a topic."""

    name: str
    definition: str
    """ROS 2 message text, or empty if the file does not have it."""


class Counts(NamedTuple):
    """The totals at the end of a finished file."""

    start_ns: int
    end_ns: int
    by_topic: dict[str, int]


class McapFile:
    """One MCAP file, whole or damaged.

    Args:
        path: the file.

    Raises:
        BadFileError: the file is missing, unreadable or no MCAP at all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.types: dict[str, TopicType] = {}
        """Filled while reading."""
        self.damage: str | None = None
        """What could not be read, after reading."""
        self._schemas: dict[int, TopicType] = {}
        self._topics: dict[int, str] = {}
        self._unpacked: tuple[int, bytes] = (-1, b"")
        self._unpacked_bytes = 0
        try:
            self._size = path.stat().st_size
            with path.open("rb") as file:
                magic = file.read(len(MAGIC))
        except OSError as error:
            raise BadFileError(f"The log file {path} cannot be read: {error.strerror or error}.") from error
        if not magic:
            raise BadFileError(f"The log file {path} is empty: it was cut off before anything was written.")
        if magic != MAGIC:
            raise BadFileError(f"The log file {path} is no MCAP file; it begins with {magic!r}.")

    def entries(self) -> Iterator[Entry]:
        """Yield every message that can be read, in the order of the file."""
        with self.path.open("rb") as file:
            at = len(MAGIC)
            while True:
                file.seek(at)
                head = file.read(_RECORD.size)
                # A file that is being written has grown since: it is read as it was when it was opened.
                if at + _RECORD.size > self._size or len(head) < _RECORD.size:
                    self._note(f"the file ends at byte {self._size} without its index")
                    return
                op, size = _RECORD.unpack(head)
                end = at + _RECORD.size + size
                if op in (_DATA_END, _FOOTER):
                    file.seek(max(0, self._size - len(MAGIC)))
                    if file.read() != MAGIC:
                        self._note(
                            f"the file ends at byte {self._size}, in its index; every message is there"
                        )
                    return
                if op == 0:
                    self._note(f"there is no record at byte {at}")
                    return
                if op == _CHUNK_OP:
                    yield from self._chunk(file, at, min(end, self._size) - at - _RECORD.size)
                elif op in (_SCHEMA, _CHANNEL, _MESSAGE_OP) and end <= self._size:
                    if size > MAX_MESSAGE_BYTES:
                        self._note(f"the record at byte {at} is larger than any message")
                    else:
                        yield from self._records(head + file.read(size), at, -1)
                if end > self._size:
                    self._note(f"the file ends at byte {self._size}, in the middle of a record")
                    return
                at = end

    def fetch(self, handle: Handle) -> bytes:
        """Return the bytes of one message.

        Raises:
            BadFileError: the file has changed or gone since it was read.
        """
        try:
            with self.path.open("rb") as file:
                if handle.chunk < 0:
                    file.seek(handle.offset)
                    data = file.read(handle.size)
                else:
                    data = self._content(file, handle.chunk)[handle.offset : handle.offset + handle.size]
            if len(data) != handle.size:
                raise BadFileError(f"The log file {self.path} has become shorter since it was opened.")
            return unpack_message(data)
        except (OSError, ValueError, OverflowError, struct.error, IndexError) as error:
            raise BadFileError(f"The log file {self.path} cannot be read: {error}.") from error

    def counts(self) -> Counts | None:
        """Return the totals that a finished file has at its end; None if it has none."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self._size - FOOTER_BYTES))
                footer = file.read()
                if len(footer) != FOOTER_BYTES or footer[0] != _FOOTER or not footer.endswith(MAGIC):
                    return None
                (start,) = _U64.unpack_from(footer, 9)
                if not 0 < start < self._size or self._size - start > MAX_SUMMARY_BYTES:
                    return None
                file.seek(start)
                summary = file.read(self._size - FOOTER_BYTES - start)
            return self._counts(summary)
        except (OSError, struct.error):
            return None

    def _counts(self, summary: bytes) -> Counts | None:
        at, found = 0, None
        while at + _RECORD.size <= len(summary):
            op, size = _RECORD.unpack_from(summary, at)
            body = summary[at + _RECORD.size : at + _RECORD.size + size]
            if op == _SCHEMA:
                self._add_schema(body)
            elif op == _CHANNEL:
                self._add_channel(body)
            elif op == _STATISTICS:
                start_ns, end_ns, length = struct.unpack_from("<QQI", body, 26)
                pairs = [struct.unpack_from("<HQ", body, 46 + i) for i in range(0, length, 10)]
                found = start_ns, end_ns, pairs
            at += _RECORD.size + size
        if found is None:
            return None
        by_topic: dict[str, int] = {}
        for channel, count in found[2]:
            topic = self._topics.get(channel, "")
            by_topic[topic] = by_topic.get(topic, 0) + count
        return Counts(found[0], found[1], by_topic)

    def _chunk(self, file: BinaryIO, at: int, size: int) -> Iterator[Entry]:
        """Yield the messages of the chunk at `at`, of which `size` bytes are in the file."""
        body_at = at + _RECORD.size
        if size > MAX_CHUNK_BYTES:
            self._note(f"the chunk at byte {at} is larger than any logger writes")
            return
        file.seek(body_at)
        body = file.read(size)
        try:
            _, _, length, checksum = _CHUNK.unpack_from(body, 0)
            compression, records_at = _string(body, _CHUNK.size)
            (stored,) = _U64.unpack_from(body, records_at)
        except (struct.error, IndexError):
            return
        records = body[records_at + 8 : records_at + 8 + stored]
        is_whole = len(records) == stored
        if compression:
            self._unpacked_bytes += length
            if not is_whole or not self._may_unpack(at, length):
                return
            try:
                records = unpack(records, compression, length)
            except BadFileError as error:
                self._note(f"the chunk at byte {at} cannot be unpacked: {error}")
                return
        if is_whole and checksum and zlib.crc32(records) != checksum:
            self._note(f"the chunk at byte {at} has a wrong checksum")
            return
        yield from self._records(records, body_at + records_at + 8, at if compression else -1)

    def _may_unpack(self, at: int, length: int) -> bool:
        """Say whether a chunk may be unpacked; what few bytes could ask for has an end."""
        total = max(MIN_GROWN_BYTES, MAX_GROWTH * self._size)
        if length <= MAX_CHUNK_BYTES and self._unpacked_bytes <= total:
            return True
        self._note(f"the chunk at byte {at} would unpack to {length} bytes, more than any logger writes")
        return False

    def _records(self, data: bytes, base: int, chunk: int) -> Iterator[Entry]:
        """Yield the messages among the records in `data`, which begins at `base` in the file."""
        at, total, topics, empty = 0, len(data), self._topics, 0
        while empty < MAX_EMPTY_RECORDS and at + _RECORD.size <= total:
            op, size = _RECORD.unpack_from(data, at)
            at += _RECORD.size
            end = at + size
            if end > total:
                return
            if op == _MESSAGE_OP and size >= _MESSAGE.size:
                channel, _, stamp_ns, _ = _MESSAGE.unpack_from(data, at)
                at += _MESSAGE.size
                topic = topics.get(channel)
                if topic is not None and stamp_ns <= _LATEST_NS:
                    offset = at if chunk >= 0 else base + at
                    message = self._message(data[at:end], offset)
                    if message is not None:
                        empty = -1
                        yield Entry(topic, stamp_ns, message, Handle(offset, end - at, chunk))
            elif op == _SCHEMA:
                self._add_schema(data[at:end])
            elif op == _CHANNEL:
                self._add_channel(data[at:end])
            elif op == 0:
                return
            at = end
            empty += 1

    def _message(self, data: bytes, offset: int) -> bytes | None:
        try:
            return unpack_message(data)
        except BadFileError as error:
            self._note(f"the message at byte {offset} cannot be unpacked: {error}")
            return None

    def _content(self, file: BinaryIO, chunk: int) -> bytes:
        """Return the unpacked content of a compressed chunk; the last one is kept, as players go forward."""
        unpacked = self._unpacked
        if unpacked[0] != chunk:
            file.seek(chunk)
            _, size = _RECORD.unpack(file.read(_RECORD.size))
            body = file.read(min(size, MAX_CHUNK_BYTES))
            _, _, length, _ = _CHUNK.unpack_from(body, 0)
            compression, records_at = _string(body, _CHUNK.size)
            (stored,) = _U64.unpack_from(body, records_at)
            packed = body[records_at + 8 : records_at + 8 + stored]
            content = unpack(packed, compression, min(length, MAX_CHUNK_BYTES))
            unpacked = self._unpacked = chunk, content
        return unpacked[1]

    def _add_schema(self, body: bytes) -> None:
        try:
            (key,) = _U16.unpack_from(body, 0)
            name, at = _string(body, 2)
            encoding, at = _string(body, at)
            definition, _ = _string(body, at)
        except (struct.error, IndexError):
            return
        self._schemas[key] = TopicType(name, definition if encoding == "ros2msg" else "")

    def _add_channel(self, body: bytes) -> None:
        try:
            (key,) = _U16.unpack_from(body, 0)
            (schema,) = _U16.unpack_from(body, 2)
            topic, _ = _string(body, 4)
        except (struct.error, IndexError):
            return
        self._topics[key] = topic
        self.types[topic] = self._schemas.get(schema, TopicType("", ""))

    def _note(self, damage: str) -> None:
        self.damage = self.damage or damage


def _string(data: bytes, at: int) -> tuple[str, int]:
    """Return the string at `at` and where it ends."""
    (size,) = _U32.unpack_from(data, at)
    end = at + 4 + size
    if end > len(data):
        raise IndexError
    return data[at + 4 : end].decode("utf-8", "replace"), end
