"""Errors that a person can act on, and the one way to say that a name does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Sim2RaceError(Exception):
    """Something the user gave or the machine lacks; the message is one line that says what would be right."""


class UnknownNameError(Sim2RaceError):
    """A track, network, preset or other registered name does not exist."""


class BadFileError(Sim2RaceError):
    """A file from outside is truncated, foreign or breaks its contract."""


def unknown_name(kind: str, name: str, choices: Iterable[str]) -> UnknownNameError:
    """Build the error for a name that is not registered, with the nearest one first.

    Args:
        kind: what the name stands for, as in "track".
        name: what was asked for.
        choices: every valid name.
    """
    valid = sorted(choices)
    near = difflib.get_close_matches(name.lower(), [choice.lower() for choice in valid], n=1, cutoff=0.4)
    hint = next((choice for choice in valid if near and choice.lower() == near[0]), None)
    suggestion = f" Did you mean {hint!r}?" if hint else ""
    return UnknownNameError(f"No {kind} is called {name!r}.{suggestion} Valid: {', '.join(valid)}.")
