from __future__ import annotations

import pytest

from car.errors import BadFileError
from car.protobuf import bytes_field, fields, integer_field, integers, text, texts


def test_fields_are_numbers_and_bytes() -> None:
    number, words = fields(memoryview(b"\x08\x96\x01\x12\x02hi"))

    assert (number.number, number.integer, bytes(number.raw)) == (1, 150, b"\x08\x96\x01")
    assert (words.number, words.integer, bytes(words.content)) == (2, None, b"hi")


def test_what_is_written_is_read_back() -> None:
    message = memoryview(integer_field(1, -3) + bytes_field(2, "ä") + bytes_field(2, b"b" * 300))

    assert integers(message, 1) == [-3]
    assert texts(message, 2) == ["ä", "b" * 300]
    assert text(message, 2) == "b" * 300
    assert text(message, 9) == ""


def test_packed_integers_are_read_like_single_ones() -> None:
    assert integers(memoryview(b"\x0a\x03\x01\x96\x01\x08\x02"), 1) == [1, 150, 2]


@pytest.mark.parametrize("broken", [b"\x08", b"\x0a\x05abc", b"\x0b", b"\xff" * 12, b"\x09\x00"])
def test_a_broken_message_is_refused(broken: bytes) -> None:
    with pytest.raises(BadFileError, match="protobuf"):
        list(fields(memoryview(broken)))
