"""Decoding thousands of small ROS 2 messages at once, column by column.

A log of ten minutes holds a hundred thousand messages; decoding them one by one takes many seconds. Messages
of one type and length have their fields at the same places, so they are stacked into a matrix of bytes and
every field becomes one view of it. Strings are the only thing that moves fields: rows are grouped by their
lengths. Sequences are not supported; the one message here that has them is read by `car.infer_results`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Nodetype

from car.messages import typestore

ENCAPSULATION_BYTES = 4
MAX_TEXT_BYTES = 512
"""Of a longer text the beginning is kept: in a column, all rows are as wide as the longest."""
_BIG_ENDIAN, _LITTLE_ENDIAN = 0, 1
_DTYPES = {
    "bool": "u1",
    "byte": "u1",
    "char": "u1",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "int64": "i8",
    "uint64": "u8",
    "float32": "f4",
    "float64": "f8",
}


class Columns:
    """Fields of many messages; `columns["header.stamp.sec"]` is one array over all rows.

    Args:
        rows: for each row, the index of its message among those given; what could not be decoded is missing.
        fields: arrays by dotted field name; strings as numpy text.
    """

    def __init__(self, rows: NDArray[np.int64], fields: dict[str, NDArray[Any]]) -> None:
        self.rows = rows
        self.fields = fields
        """All arrays by name."""

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.fields[name]

    def __len__(self) -> int:
        return len(self.rows)

    def stamp_ns(self, name: str) -> NDArray[np.int64]:
        """Return the time field `name` as nanoseconds since the epoch."""
        return self[f"{name}.sec"].astype(np.int64) * 1_000_000_000 + self[f"{name}.nanosec"].astype(np.int64)


def decode_columns(
    messages: Sequence[bytes],
    type_name: str,
    *,
    wanted: Collection[str] | None = None,
    definitions: Mapping[str, tuple[Any, Sequence[Any]]] | None = None,
) -> Columns:
    """Decode messages of one type.

    Args:
        messages: their CDR bytes.
        type_name: a type without sequences, as in `nav_msgs/msg/Odometry`.
        wanted: dotted names of the fields to keep; all when not given.
        definitions: fields of the type and of those in it, as rosbags parses them; ours when not given.

    Returns:
        One row for every message that could be decoded, in the order given.
    """
    known = typestore().fielddefs if definitions is None else definitions
    parts: list[Columns] = []
    groups = _group(messages)
    while groups:
        rows = groups.pop()
        matrix = np.frombuffer(b"".join(messages[row] for row in rows), dtype=np.uint8)
        try:
            fields = _Walk(matrix.reshape(len(rows), -1), known, wanted).fields(type_name)
        except _DifferentLengthsError as different:
            groups += [rows[different.lengths == length] for length in np.unique(different.lengths)]
        except ValueError:
            continue  # too short for its type: the rows are left out
        else:
            parts.append(Columns(rows, fields))
    return _join(parts, type_name, known, wanted)


class _DifferentLengthsError(Exception):
    """A string has not the same length in all rows."""

    def __init__(self, lengths: NDArray[np.uint32]) -> None:
        super().__init__()
        self.lengths = lengths


class _Walk:
    """A position in a matrix of messages that moves from field to field, the same in all rows."""

    def __init__(
        self,
        matrix: NDArray[np.uint8],
        definitions: Mapping[str, tuple[Any, Sequence[Any]]],
        wanted: Collection[str] | None,
    ) -> None:
        self._definitions, self._wanted = definitions, wanted
        self._order = "<" if matrix[0, 1] == _LITTLE_ENDIAN else ">"
        self._matrix = matrix[:, ENCAPSULATION_BYTES:]
        self._offset = 0

    def fields(self, type_name: str, prefix: str = "") -> dict[str, NDArray[Any]]:
        columns: dict[str, NDArray[Any]] = {}
        fields: list[tuple[str, tuple[Nodetype, Any]]] = list(self._definitions[type_name][1])
        for name, (kind, detail) in fields:
            full_name = f"{prefix}{name}"
            if kind == Nodetype.NAME:
                columns.update(self.fields(str(detail), f"{full_name}."))
                continue
            if kind == Nodetype.BASE and detail[0] == "string":
                taken = self._text_bytes()
            elif kind == Nodetype.BASE:
                taken = self._number_bytes(str(detail[0]), 1)
            elif kind == Nodetype.ARRAY:
                (_, (base, _)), count = detail
                taken = self._number_bytes(str(base), int(count))
            else:
                raise NotImplementedError(f"{type_name} has the sequence {name!r}.")
            if self._wanted is None or full_name in self._wanted:
                columns[full_name] = self._column(taken, kind, detail)
        return columns

    def _column(self, taken: NDArray[np.uint8], kind: Nodetype, detail: Any) -> NDArray[Any]:
        """Turn the bytes of one field in all rows into values."""
        if kind == Nodetype.BASE and detail[0] == "string":
            return _texts(taken)
        base = detail[0][1][0] if kind == Nodetype.ARRAY else detail[0]
        dtype = np.dtype(self._order + _DTYPES[str(base)])
        values = np.ascontiguousarray(taken).view(dtype).astype(dtype.newbyteorder("="))
        return values if kind == Nodetype.ARRAY else values[:, 0]

    def _take(self, size: int, alignment: int) -> NDArray[np.uint8]:
        self._offset += -self._offset % alignment
        end = self._offset + size
        if end > self._matrix.shape[1]:
            raise ValueError("the message ends within a field")
        taken = self._matrix[:, self._offset : end]
        self._offset = end
        return taken

    def _number_bytes(self, base: str, count: int) -> NDArray[np.uint8]:
        size = np.dtype(_DTYPES[base]).itemsize
        return self._take(size * count, size)

    def _text_bytes(self) -> NDArray[np.uint8]:
        lengths = np.ascontiguousarray(self._take(4, 4)).view(f"{self._order}u4")[:, 0]
        if (lengths != lengths[0]).any():
            raise _DifferentLengthsError(lengths)
        size = int(lengths[0])
        return self._take(size, 1)[:, : min(max(size - 1, 0), MAX_TEXT_BYTES)]


def _texts(taken: NDArray[np.uint8]) -> NDArray[np.str_]:
    if taken.shape[1] == 0:
        return np.full(len(taken), "", dtype=np.str_)
    packed = np.ascontiguousarray(taken).view(f"S{taken.shape[1]}")[:, 0]
    return np.char.decode(packed, "utf-8", "replace")


def _group(messages: Sequence[bytes]) -> list[NDArray[np.int64]]:
    """Return the rows that have the same length and byte order; what has no known byte order is left out."""
    keys: dict[tuple[int, int], list[int]] = {}
    for row, message in enumerate(messages):
        if len(message) > ENCAPSULATION_BYTES and message[1] in (_BIG_ENDIAN, _LITTLE_ENDIAN):
            keys.setdefault((len(message), message[1]), []).append(row)
    return [np.array(rows, dtype=np.int64) for rows in keys.values()]


def _join(
    parts: list[Columns],
    type_name: str,
    definitions: Mapping[str, tuple[Any, Sequence[Any]]],
    wanted: Collection[str] | None,
) -> Columns:
    if not parts:
        # Walk over zeros to learn the names and types of the columns: every string is empty there.
        zeros = np.zeros((1, 4096), dtype=np.uint8)
        zeros[0, 1] = _LITTLE_ENDIAN
        empty = _Walk(zeros, definitions, wanted).fields(type_name)
        return Columns(np.zeros(0, dtype=np.int64), {name: column[:0] for name, column in empty.items()})
    rows = np.concatenate([part.rows for part in parts])
    order = np.argsort(rows, kind="stable")
    names = parts[0].fields
    return Columns(
        rows[order], {name: np.concatenate([part[name] for part in parts])[order] for name in names}
    )
