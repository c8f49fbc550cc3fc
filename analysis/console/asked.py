"""What a request asks for, found or refused: the log, and the policy that is to be asked."""

from __future__ import annotations

from flask import abort, current_app, request

from analysis.console.heatmaps import LogHeatmaps
from analysis.console.library import LogLibrary, OpenLog
from analysis.console.policies import PolicyShelf, Shelved
from analysis.heat_choice import parse_target
from analysis.heatmap import DEFAULT_METHOD, METHODS
from car.errors import Sim2RaceError, unknown_name


def library() -> LogLibrary:
    """Return the console's logs."""
    logs: LogLibrary = current_app.config["LIBRARY"]
    return logs


def shelf() -> PolicyShelf:
    """Return the console's policies."""
    policies: PolicyShelf = current_app.config["SHELF"]
    return policies


def opened(identifier: str) -> OpenLog:
    """Return the log of that id, as the page knows it (`?v=`) if that is still open; answers 404 else."""
    found = library().open(identifier, version=request.args.get("v"))
    if found is None:
        abort(404, "There is no log of that name here.")
    return found


def checked_index(log: OpenLog, index: int) -> None:
    """Answer 404 if the log has no such frame."""
    if index >= len(log):
        abort(404, f"This log has frames 0 to {len(log) - 1}; there is no frame {index}.")


def shelved() -> Shelved | None:
    """Return the policy that `?policy=` names, or None if it names none.

    Raises:
        Sim2RaceError: there is none of that name.
    """
    name = request.args.get("policy")
    return shelf().find(name) if name else None


def heatmaps(log: OpenLog) -> LogHeatmaps:
    """Return the maps by the policy that the request names, or else by the log's own."""
    chosen = shelved()
    return log.heatmaps_by(chosen.path, chosen.version) if chosen else log.heatmaps


def asked_method() -> str:
    """Return the method of heat maps that `?method=` names.

    Raises:
        Sim2RaceError: there is none of that name.
    """
    method = request.args.get("method", DEFAULT_METHOD)
    if method not in METHODS:
        raise unknown_name("heat map method", method[:40], METHODS)
    return method


def asked_target() -> int:
    """Return the action that `?action=` wants explained, as `analysis.heatmap` counts; answers 400 else."""
    try:
        return parse_target(request.args.get("action", "executed"))
    except Sim2RaceError as error:
        abort(400, str(error))
