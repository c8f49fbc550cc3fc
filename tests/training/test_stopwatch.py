"""The stopwatch adds up, and says what it does not know."""

from __future__ import annotations

import time

import pytest
from rich.console import Console

from training.stopwatch import Stopwatch


def test_parts_add_up_even_when_they_fail() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.measure("driving"):
            time.sleep(0.01)
    with pytest.raises(ValueError, match="broken"), watch.measure("saving"):
        raise ValueError("broken")
    watch.add("saving", 1.0)
    assert 0.02 <= watch.seconds["driving"] < 1.0
    assert watch.seconds["saving"] >= 1.0


def test_the_table_shows_what_is_inside_a_part_and_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    watch = Stopwatch()
    watch.add("driving", 3.0)
    Console().print(watch.table(within={"driving": {"camera": 2.0}}))
    printed = capsys.readouterr().out
    assert "driving" in printed and "  camera" in printed and "everything else" in printed
