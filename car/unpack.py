"""Unpacking what a log's writer compressed, never to more than a limit: a log may come from a stranger.

rosbag2 compresses chunks of an MCAP file (zstd or lz4), single messages, or whole files (zstd). A few
kilobytes can ask for gigabytes, so every way out of the compression ends at a number of bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Both come with rosbags.
from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]

from car.errors import BadFileError

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdDecompressor
else:
    from backports.zstd import ZstdDecompressor

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
"""No CDR message begins like this: its first byte is 0."""
MAX_MESSAGE_BYTES = 16 * 2**20
"""More than any message of a car has."""
_PIECE = 2**20


def unpack(data: bytes, compression: str, limit: int) -> bytes:
    """Return what was compressed.

    Args:
        data: one compressed frame.
        compression: "zstd" or "lz4", as MCAP names them.
        limit: the most bytes that may come out.

    Raises:
        BadFileError: damaged, cut off, larger than the limit, or another compression.
    """
    if compression not in ("zstd", "lz4"):
        raise BadFileError(f"an unknown compression {compression[:20]!r}; expected zstd or lz4")
    machine = ZstdDecompressor() if compression == "zstd" else LZ4FrameDecompressor()
    try:
        unpacked: bytes = machine.decompress(data, limit + 1)
    except Exception as error:  # either library has errors of its own, with no common base
        raise BadFileError(f"its {compression} data is damaged") from error
    if len(unpacked) > limit:
        raise BadFileError(f"it unpacks to more than {limit} bytes")
    if not machine.eof:
        raise BadFileError(f"its {compression} data is cut off")
    return unpacked


def unpack_message(data: bytes) -> bytes:
    """Return a message as it was published, whether or not its writer compressed it.

    Raises:
        BadFileError: it is compressed and damaged.
    """
    return unpack(data, "zstd", MAX_MESSAGE_BYTES) if data.startswith(ZSTD_MAGIC) else data


def unpack_file(path: Path, target: Path, limit: int) -> str | None:
    """Unpack a file that was compressed whole, as far as it goes.

    Args:
        path: a .zstd file.
        target: what to write.
        limit: the most bytes to write.

    Returns:
        Why it is not whole, or None.

    Raises:
        BadFileError: it cannot be read or written, or nothing comes out.
    """
    machine, written, damage = ZstdDecompressor(), 0, None
    try:
        with path.open("rb") as packed, target.open("wb") as unpacked:
            while not machine.eof and damage is None:
                piece = packed.read(_PIECE) if machine.needs_input else b""
                if not piece and machine.needs_input:
                    damage = f"the compressed file ends early, {written} bytes came out"
                    break
                try:
                    found = machine.decompress(piece, _PIECE)
                except Exception:  # the library's errors have no common base
                    damage = f"the compressed file is damaged, {written} bytes came out"
                    break
                written += len(found)
                if written > limit:
                    damage = f"the compressed file unpacks to more than {limit} bytes"
                    break
                unpacked.write(found)
    except OSError as error:
        raise BadFileError(f"The log file {path} cannot be unpacked: {error.strerror or error}.") from error
    if not written:
        raise BadFileError(f"The log file {path} is no zstd file, or nothing of it is left.")
    return damage
