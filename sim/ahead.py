"""What will be asked for, made ahead of that while other threads render.

Drawing an episode is work for the interpreter, which only one thread can do; done while the others are in
compiled loops, it costs hardly any time of its own. What is made follows from its key alone, so who makes it
and when changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Ahead(Generic[Key, Value]):
    """Holds at most one thing ahead for each car.

    Args:
        make: makes a thing; the same one for the same key.
    """

    def __init__(self, make: Callable[[Key], Value]) -> None:
        self._make = make
        self._kept: dict[int, tuple[Key, Value]] = {}

    def has(self, car: int, key: Key) -> bool:
        """Return whether what a car will ask for is there."""
        return car in self._kept and self._kept[car][0] == key

    def prepare(self, car: int, key: Key) -> None:
        """Make what a car will ask for; replaces what was kept for it."""
        self._kept[car] = (key, self._make(key))

    def take(self, car: int, key: Key) -> Value:
        """Return what a car asks for, made ahead or now."""
        kept = self._kept.pop(car, None)
        return kept[1] if kept is not None and kept[0] == key else self._make(key)
