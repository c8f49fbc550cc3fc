"""Just enough of the protobuf wire format to look into an ONNX file and to add to one.

A message is a row of fields: a number and a kind, then a varint, eight bytes, four bytes, or a length and
bytes (protobuf.dev, "Encoding"). What a field means is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from car.errors import BadFileError

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10


class Field(NamedTuple):
    """One field of a message."""

    number: int
    raw: memoryview
    """The whole field with its key, to be copied."""
    content: memoryview
    """What it holds: bytes, or those of a number of fixed size; empty for a varint."""
    integer: int | None
    """The value of a varint; None for everything else."""


def fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a message.

    Raises:
        BadFileError: the message ends inside a field or has one of an unknown kind.
    """
    at = 0
    while at < len(message):
        start = at
        key, at = read_varint(message, at)
        kind, length, integer = key & 7, 0, None
        if kind == _VARINT:
            integer, at = read_varint(message, at)
        elif kind == _BYTES:
            length, at = read_varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise BadFileError(f"a protobuf message with a field of kind {kind}.")
        if at + length > len(message):
            raise BadFileError("a protobuf message that ends within a field.")
        yield Field(key >> 3, message[start : at + length], message[at : at + length], integer)
        at += length


def submessages(message: memoryview, number: int) -> Iterator[memoryview]:
    """Yield the fields of one number that hold bytes: submessages and texts."""
    for field in fields(message):
        if field.number == number and field.integer is None:
            yield field.content


def text(message: memoryview, number: int) -> str:
    """Return the last text of a field number, or an empty one."""
    found = ""
    for value in submessages(message, number):
        found = as_text(value)
    return found


def texts(message: memoryview, number: int) -> list[str]:
    """Return all texts of a field number."""
    return [as_text(value) for value in submessages(message, number)]


def as_text(content: memoryview) -> str:
    """Return bytes as text; what is none becomes question marks."""
    return bytes(content).decode("utf-8", "replace")


def integers(message: memoryview, number: int) -> list[int]:
    """Return all integers of a field number, packed into bytes or not; 64-bit two's complement."""
    found: list[int] = []
    for field in fields(message):
        if field.number != number:
            continue
        if field.integer is not None:
            found.append(field.integer)
            continue
        at = 0
        while at < len(field.content):
            packed, at = read_varint(field.content, at)
            found.append(packed)
    return [value - (1 << 64) if value >> 63 else value for value in found]


def read_varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the varint at a byte and where the next field begins.

    Raises:
        BadFileError: the message ends within it, or it is longer than any.
    """
    value = 0
    for i in range(_LONGEST_VARINT):
        if at + i >= len(message):
            break
        byte = message[at + i]
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value & (2**64 - 1), at + i + 1
    raise BadFileError("a protobuf message that ends within a number.")


def bytes_field(number: int, content: bytes | str) -> bytes:
    """Return a field that holds bytes, a text or a submessage."""
    packed = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | _BYTES) + varint(len(packed)) + packed


def integer_field(number: int, value: int) -> bytes:
    """Return a field that holds an integer, as a varint in 64-bit two's complement."""
    return varint(number << 3 | _VARINT) + varint(value & (2**64 - 1))


def varint(value: int) -> bytes:
    """Return an unsigned integer in groups of seven bits, the lowest first."""
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
