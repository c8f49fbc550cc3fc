"""JSON from elsewhere: every way that it can be broken is one line."""

from __future__ import annotations

import pytest

from car.errors import BadFileError
from car.json_file import finite_number, parse_json_object


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"\xff", "UTF-8"),
        ("{", "not JSON"),
        ("[1]", "list"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "thousands of digits"),
    ],
)
def test_broken_json_is_refused_in_one_line(text: str | bytes, says: str) -> None:
    with pytest.raises(BadFileError, match=says) as refusal:
        parse_json_object(text, source="run.json")

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ['{"a": 1e999}', '{"a": NaN}', '{"a": ' + "9" * 400 + "}", '{"a": true}', "{}"]
)
def test_what_is_no_finite_number_is_refused_in_a_short_line(text: str) -> None:
    data = parse_json_object(text, source="x")

    with pytest.raises(BadFileError) as refusal:
        finite_number(data, "a", where="x")

    assert len(str(refusal.value)) < 100
