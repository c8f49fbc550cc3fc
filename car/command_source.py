"""Notices when a second publisher sends commands: nobody can tell which of the two means this car."""

from __future__ import annotations

REMEMBERED_S = 1.0


class CommandSource:
    """Looks at the numbers that every publisher gives its messages.

    Each counts its own. Messages of one publisher therefore come with rising numbers, whatever is lost on the
    way; as soon as two take turns, one of them falls.

    Args:
        topic: name, for the reason.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._newest: int | None = None
        self._fell_s = float("-inf")

    def on_message(self, number: int, now_s: float) -> str:
        """Take in one message.

        Args:
            number: the publisher's own, rising.
            now_s: monotonic clock.

        Returns:
            What is wrong, for a second after it was seen; else nothing.
        """
        if self._newest is not None and number <= self._newest:
            self._fell_s = now_s
        self._newest = number
        return self._problem() if now_s - self._fell_s < REMEMBERED_S else ""

    def on_count(self, publishers: int, now_s: float) -> str:
        """Take in one message where publishers do not number theirs, but can be counted; as `on_message`."""
        if publishers > 1:
            self._fell_s = now_s
        return self._problem() if now_s - self._fell_s < REMEMBERED_S else ""

    def _problem(self) -> str:
        return f"more than one publisher sends on {self._topic}, or it has started anew"
