"""What is done to a file to damage it: one to four blows, drawn by chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

INTERESTING = (
    0,
    1,
    7,
    0x7F,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0xFFFFFFFF,
    2**40,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
TEXTS = (
    b"NaN",
    b"1e999",
    b"-1",
    b"",
    b"null",
    b"[" * 20_000,
    b'{"a":' * 5_000,
    b"9" * 5_000,
    b"\xff\xfe",
    b"\0",
)


def mutated(whole: bytes, chance: np.random.Generator, *, text: bool = False) -> tuple[bytes, str]:
    """Return damaged content, and how it was damaged: one to four blows, one or two of a text."""
    content, hows = bytearray(whole), []
    blows = list(_BLOWS.items()) + (list(_TEXT_BLOWS.items()) * 3 if text else [])
    if text and chance.random() < 0.5:
        return bytes(_replace_number(content, chance)), "hostile number"
    for _ in range(int(chance.integers(1, 3 if text else 5))):
        if not content:
            break
        how, blow = blows[int(chance.integers(len(blows)))]
        content = blow(content, chance)
        hows.append(how)
    return bytes(content), ", ".join(hows)


def _flip_bits(content: bytearray, chance: np.random.Generator) -> bytearray:
    for at in chance.integers(0, len(content), int(chance.integers(1, 40))).tolist():
        content[at] ^= 1 << int(chance.integers(8))
    return content


def _cut(content: bytearray, chance: np.random.Generator) -> bytearray:
    return content[: int(chance.integers(0, len(content)))]


def _set_length(content: bytearray, chance: np.random.Generator) -> bytearray:
    """Overwrite what may be a length field with a number that lengths should not be."""
    size = (2, 4, 8)[int(chance.integers(3))]
    at = int(chance.integers(0, max(1, len(content) - size)))
    value = INTERESTING[int(chance.integers(len(INTERESTING)))] & (2 ** (8 * size) - 1)
    content[at : at + size] = value.to_bytes(size, ("little", "big")[int(chance.integers(2))])
    return content


def _splice(content: bytearray, chance: np.random.Generator) -> bytearray:
    """Copy a piece of the file to another place in it."""
    size = int(chance.integers(1, max(2, len(content) // 4)))
    source, target = chance.integers(0, len(content), 2).tolist()
    piece = content[source : source + size]
    if chance.random() < 0.5:
        content[target : target + len(piece)] = piece
        return content
    return content[:target] + piece + content[target:]


def _drop(content: bytearray, chance: np.random.Generator) -> bytearray:
    size = int(chance.integers(1, max(2, len(content) // 4)))
    at = int(chance.integers(0, len(content)))
    return content[:at] + content[at + size :]


def _fill(content: bytearray, chance: np.random.Generator) -> bytearray:
    size = int(chance.integers(1, 400))
    at = int(chance.integers(0, len(content)))
    filler = bytes(size) if chance.random() < 0.5 else chance.bytes(size)
    content[at : at + size] = filler
    return content


def _write_text(content: bytearray, chance: np.random.Generator) -> bytearray:
    """Put a text that no number, name or list should be in the place of a word."""
    at = int(chance.integers(0, len(content)))
    return content[:at] + TEXTS[int(chance.integers(len(TEXTS)))] + content[at + int(chance.integers(0, 6)) :]


def _replace_number(content: bytearray, chance: np.random.Generator) -> bytearray:
    """Put something else in the place of one of the numbers."""
    digits = [i for i, byte in enumerate(content) if 48 <= byte <= 57]
    if not digits:
        return content
    at = digits[int(chance.integers(len(digits)))]
    return content[:at] + TEXTS[int(chance.integers(len(TEXTS)))] + content[at + 1 :]


_BLOWS: dict[str, Callable[[bytearray, np.random.Generator], bytearray]] = {
    "flipped bits": _flip_bits,
    "cut off": _cut,
    "wrong length": _set_length,
    "spliced": _splice,
    "a piece missing": _drop,
    "overwritten": _fill,
}
_TEXT_BLOWS: dict[str, Callable[[bytearray, np.random.Generator], bytearray]] = {
    "hostile text": _write_text,
    "hostile number": _replace_number,
}
