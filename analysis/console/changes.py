"""The API's changes: remarks, bookmarks, the bin. Each is a POST of JSON that shows the page's CSRF token.

POST /api/log/<id>/remarks             {"tags": [...], "note": "..."}
GET  /api/log/<id>/bookmarks           the bookmarks, in order of time
POST /api/log/<id>/bookmarks           {"time_s": 1.5, "text": "..."}
POST /api/log/<id>/bookmarks/<n>/remove
POST /api/log/<id>/delete              moves the log to the bin; answers {"key": ...}
GET  /api/bin                          what is in the bin, the last thrown away first
POST /api/bin/<key>/restore            puts it back
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, request

from analysis.console.library import LogEntry, LogLibrary
from analysis.console.state import ConsoleState

changes = Blueprint("changes", __name__, url_prefix="/api")


@changes.post("/log/<identifier>/remarks")
def set_remarks(identifier: str) -> Response:
    """Replace a log's tags and note."""
    _entry(identifier)
    given = _given()
    tags, note = given.get("tags", []), given.get("note", "")
    if (
        not isinstance(tags, list)
        or not all(isinstance(tag, str) for tag in tags)
        or not isinstance(note, str)
    ):
        abort(400, "Expected tags as a list of texts and note as a text.")
    return jsonify(asdict(_state().set_remarks(identifier, tags, note)))


@changes.get("/log/<identifier>/bookmarks")
def bookmarks(identifier: str) -> Response:
    """List a log's bookmarks."""
    _entry(identifier)
    return _bookmarks(identifier)


@changes.post("/log/<identifier>/bookmarks")
def add_bookmark(identifier: str) -> Response:
    """Mark a moment."""
    _entry(identifier)
    given = _given()
    time_s, text = given.get("time_s"), given.get("text")
    if isinstance(time_s, bool) or not isinstance(time_s, int | float) or not isinstance(text, str):
        abort(400, "Expected time_s as a number and text as a text.")
    if not math.isfinite(time_s) or not 0.0 <= time_s < 1e6:
        abort(400, "time_s: expected seconds from the first frame.")
    _state().add_bookmark(identifier, float(time_s), text)
    return _bookmarks(identifier)


@changes.post("/log/<identifier>/bookmarks/<int:number>/remove")
def remove_bookmark(identifier: str, number: int) -> Response:
    """Remove a bookmark."""
    _entry(identifier)
    if number >= 2**63:
        abort(404, "There is no bookmark of that number.")
    _state().remove_bookmark(identifier, number)
    return _bookmarks(identifier)


@changes.post("/log/<identifier>/delete")
def delete(identifier: str) -> Response:
    """Move a log to the bin."""
    entry = _entry(identifier)
    if entry.summary.path == _library().folder:
        abort(409, "This console serves one log; it cannot delete what it stands on.")
    key = _state().throw_away(entry.summary.path)
    _library().forget(identifier)
    return jsonify(key=key, name=entry.name)


@changes.get("/bin")
def binned() -> Response:
    """List the bin."""
    return jsonify(logs=[asdict(one) for one in _state().binned()])


@changes.post("/bin/<key>/restore")
def restore(key: str) -> Response:
    """Put a log back."""
    return jsonify(name=_state().put_back(key))


def _bookmarks(identifier: str) -> Response:
    return jsonify(bookmarks=[asdict(mark) for mark in _state().bookmarks(identifier)])


def _given() -> dict[str, Any]:
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        abort(400, "Expected a JSON object.")
    return given


def _entry(identifier: str) -> LogEntry:
    entry = _library().find(identifier)
    if entry is None:
        abort(404, "There is no log of that name here.")
    return entry


def _library() -> LogLibrary:
    library: LogLibrary = current_app.config["LIBRARY"]
    return library


def _state() -> ConsoleState:
    state: ConsoleState = current_app.config["STATE"]
    return state
