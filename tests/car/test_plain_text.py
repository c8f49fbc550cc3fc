"""A name in a file cannot talk to the terminal."""

from __future__ import annotations

from car.plain_text import plain


def test_what_moves_a_cursor_is_shown_as_a_question_mark() -> None:
    assert plain("hall\x1b[2J\nover, 15° à gauche") == "hall?[2J?over, 15° à gauche"
