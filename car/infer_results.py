"""Reading `InferResultsArray` without unpacking it: the probabilities, and where in the bytes the JPEG is.

This is the largest message of a log and the only one with a picture, so nothing of the picture is copied.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from car.errors import BadFileError

RESULT_BYTES = 24
MAX_RESULTS = 10_000
_U32 = {1: struct.Struct("<I"), 0: struct.Struct(">I")}
_STAMP = {1: struct.Struct("<iI"), 0: struct.Struct(">iI")}


@dataclass(frozen=True)
class InferResults:
    """One message, taken apart."""

    results: bytes
    """(A, 6) 32-bit values: label, probability and four box corners, in the message's byte order."""
    is_little_endian: bool
    stamp_ns: int
    """When the first picture was captured; 0 if there is none."""
    frame_id: str
    """A running number on some cars, a name on others."""
    jpeg_start: int
    """Where the first picture begins in the message."""
    jpeg_size: int
    """0 if there is no picture."""


def parse_infer_results(data: bytes) -> InferResults:
    """Take one message apart.

    Args:
        data: its CDR bytes.

    Raises:
        BadFileError: the bytes are no such message.
    """
    try:
        return _parse(data)
    except (struct.error, IndexError, KeyError) as error:
        raise BadFileError(f"An inference result of {len(data)} bytes is cut off or foreign.") from error


def parse_compressed_image(data: bytes) -> InferResults:
    """Take a `CompressedImage` apart, as an inference result without results.

    Raises:
        BadFileError: the bytes are no such message.
    """
    try:
        return _parse_image(data, 4, b"")
    except (struct.error, IndexError, KeyError) as error:
        raise BadFileError(f"A picture of {len(data)} bytes is cut off or foreign.") from error


def _parse(data: bytes) -> InferResults:
    u32 = _U32[data[1]]
    (count,) = u32.unpack_from(data, 4)
    images_at = 8 + count * RESULT_BYTES
    if count > MAX_RESULTS or images_at + 4 > len(data):
        raise IndexError
    results = data[8:images_at]
    (images,) = u32.unpack_from(data, images_at)
    if not images:
        return InferResults(results, data[1] == 1, 0, "", 0, 0)
    return _parse_image(data, images_at + 4, results)


def _parse_image(data: bytes, at: int, results: bytes) -> InferResults:
    """Read header, format and picture from the position `at`, which is a multiple of 4."""
    u32 = _U32[data[1]]
    seconds, nanoseconds = _STAMP[data[1]].unpack_from(data, at)
    (size,) = u32.unpack_from(data, at + 8)
    frame_id = data[at + 12 : at + 12 + max(size - 1, 0)]
    at = _aligned(at + 12 + size)
    (size,) = u32.unpack_from(data, at)
    at = _aligned(at + 4 + size)
    (jpeg_size,) = u32.unpack_from(data, at)
    if at + 4 + jpeg_size > len(data):
        raise IndexError
    return InferResults(
        results=results,
        is_little_endian=data[1] == 1,
        stamp_ns=seconds * 1_000_000_000 + nanoseconds,
        frame_id=frame_id.decode("utf-8", "replace"),
        jpeg_start=at + 4,
        jpeg_size=jpeg_size,
    )


def _aligned(at: int) -> int:
    """Return the next multiple of 4; the encapsulation's 4 bytes do not disturb that."""
    return at + (-at % 4)
