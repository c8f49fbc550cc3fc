"""Why a log ended: in the words of who drove, or as far as the log node knows, that it was asked to end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from car.errors import BadFileError
from car.files import write_atomically
from car.json_file import read_json_object


def write_end(log: Path, reason: str, *, in_order: bool) -> None:
    """Put why a drive ended into the `run.json` of its finished log.

    Args:
        log: folder of the log.
        reason: one line, as in "1 lap driven".
        in_order: whether the drive came to the end that was asked for.

    Raises:
        BadFileError: the run info cannot be read, or does not say that the log was finished.
        Sim2RaceError: it cannot be written.
    """
    path = log / "run.json"
    run = read_json_object(path)
    if not isinstance(run.get("end"), dict):
        raise BadFileError(f"{path} has no end; expected a log that was finished.")
    # Who drove knows whether an end that the log node was asked for was a failure.
    run["end"] |= {"reason": reason, "in_order": in_order, "asked_for": False}
    write_atomically(path, json.dumps(run, indent=2) + "\n")


def ended_in_order(run: Mapping[str, Any]) -> bool:
    """Say whether a run info tells that the drive came to the end that was asked for."""
    end = run.get("end")
    return isinstance(end, dict) and end.get("in_order") is True


def end_was_asked_for(run: Mapping[str, Any]) -> bool:
    """Say whether a run info tells that somebody ended the logging, and nobody that it was a failure."""
    end = run.get("end")
    return isinstance(end, dict) and end.get("asked_for") is True
