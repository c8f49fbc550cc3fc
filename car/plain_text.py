"""Text from a file, made fit for a terminal."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return the text without what moves a cursor or colours a terminal: files must not talk to it."""
    return "".join(c if c.isprintable() else "?" for c in text)
