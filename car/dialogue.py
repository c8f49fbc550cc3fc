"""Questions to the person at the terminal, or to a file that holds the answers of an earlier time."""

from __future__ import annotations

import math
import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.prompt import Confirm, FloatPrompt

from car.errors import BadFileError
from car.json_file import finite_number, read_json_object


class Dialogue(Protocol):
    """Where answers come from."""

    def number(self, key: str, question: str, *, low: float, high: float) -> float:
        """Return a number from `low` to `high`."""
        ...

    def confirm(self, key: str, question: str) -> bool:
        """Return whether the answer is yes."""
        ...

    def reject(self, reason: str) -> None:
        """Say why the last answer cannot be, so that it is asked again.

        Raises:
            BadFileError: nobody is there who could give another one.
        """
        ...

    def hold(self, text: str, refresh: Callable[[], None], seconds: float) -> None:
        """Call `refresh` again and again, until the person presses Enter or the time is up."""
        ...


class PersonDialogue:
    """Asks in the terminal and remembers the answers."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.answers: dict[str, float | bool] = {}
        """The last answer to each question, as `FileDialogue` reads them."""

    def number(self, key: str, question: str, *, low: float, high: float) -> float:
        """Ask until the answer is a number from `low` to `high`."""
        while True:
            value = FloatPrompt.ask(question, console=self._console)
            if math.isfinite(value) and low <= value <= high:
                self.answers[key] = value
                return value
            self.reject(f"{value:g} is out of range; expected {low:g} to {high:g}.")

    def confirm(self, key: str, question: str) -> bool:
        """Ask for yes or no."""
        self.answers[key] = Confirm.ask(question, console=self._console)
        return bool(self.answers[key])

    def reject(self, reason: str) -> None:
        """Print the reason."""
        self._console.print(f"[red]{reason}[/red] Once more.", highlight=False)

    def hold(self, text: str, refresh: Callable[[], None], seconds: float) -> None:
        """Refresh every 50 ms until Enter or the time is up."""
        self._console.print(f"{text} [bold]Enter ends it[/bold]; so do {seconds:g} s.", highlight=False)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            refresh()
            if select.select([sys.stdin], [], [], 0.05)[0]:
                # Not a whole line: waiting for the rest of one, the motor would run on.
                os.read(sys.stdin.fileno(), 4096)
                return


class FileDialogue:
    """Reads the answers from a JSON object, one number or truth value for each question.

    Args:
        path: the file.

    Raises:
        BadFileError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers = read_json_object(path)

    def number(self, key: str, question: str, *, low: float, high: float) -> float:
        """Return the answer.

        Raises:
            BadFileError: it is missing, no number, or out of range.
        """
        value = finite_number(self._answers, key, where=str(self._path))
        if not low <= value <= high:
            raise BadFileError(f"{self._path}: {key!r} is {value:g}; expected {low:g} to {high:g}.")
        return value

    def confirm(self, key: str, question: str) -> bool:
        """Return the answer.

        Raises:
            BadFileError: it is missing, or neither true nor false.
        """
        value = self._answers.get(key)
        if not isinstance(value, bool):
            raise BadFileError(f"{self._path}: {key!r} is {value!r}; expected true or false.")
        return value

    def reject(self, reason: str) -> None:
        """Refuse the file.

        Raises:
            BadFileError: always.
        """
        raise BadFileError(f"{self._path}: {reason}")

    def hold(self, text: str, refresh: Callable[[], None], seconds: float) -> None:
        """Refresh once: nobody is there to look at the car."""
        refresh()
