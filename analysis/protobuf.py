"""Just enough of the protobuf wire format to look into an ONNX file without installing more.

A message is a row of fields: a number and a kind, then a varint, eight bytes, four bytes, or a length and
bytes (protobuf.dev, "Encoding"). What a field means is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator

from car.errors import BadFileError

Value = int | memoryview

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Yield (field number, value) of a message: varints as int, everything else as bytes.

    Raises:
        BadFileError: the message ends inside a field or has one of an unknown kind.
    """
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = _varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise BadFileError(f"Not a protobuf message: a field of kind {kind} at byte {at}.")
        if at + length > len(message):
            raise BadFileError(f"A protobuf message ends inside the field at byte {at}.")
        yield number, message[at : at + length]
        at += length


def submessages(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the fields of one number that hold bytes: submessages and texts."""
    for found, value in fields(message):
        if found == number and isinstance(value, memoryview):
            yield value


def text(message: memoryview, number: int) -> str:
    """Return the last text of a field number, or an empty one."""
    found = ""
    for value in submessages(message, number):
        found = bytes(value).decode(errors="replace")
    return found


def integers(message: memoryview, number: int) -> list[int]:
    """Return all integers of a field number, packed into bytes or not; 64-bit two's complement."""
    found: list[int] = []
    for field, value in fields(message):
        if field != number:
            continue
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        while at < len(value):
            packed, at = _varint(value, at)
            found.append(packed)
    return [value - (1 << 64) if value >> 63 else value for value in found]


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the varint at a byte and where the next field begins."""
    value = 0
    for i in range(_LONGEST_VARINT):
        if at + i >= len(message):
            break
        byte = message[at + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise BadFileError(f"A protobuf message ends inside the number at byte {at}.")
