"""Two runs side by side: the page, and the document that it draws.

GET /compare/<a>/<b>        the page
GET /api/compare/<a>/<b>    measures with intervals, the verdict, and both runs along one axis
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, render_template

from analysis.alignment import Alignment, align_by_place, align_by_time
from analysis.compare import judgement
from analysis.console.documents import packed, plain
from analysis.console.library import LogEntry, LogLibrary
from analysis.ranking import difference_interval, parse_weights, rank
from analysis.report_page import shown
from analysis.run_card import BY_KEY, RunCard

comparison = Blueprint("comparison", __name__)


@comparison.get("/compare/<first>/<second>")
def page(first: str, second: str) -> str:
    """Show two runs side by side."""
    return render_template("compare.html", first=_entry(first), second=_entry(second))


@comparison.get("/api/compare/<first>/<second>")
def document(first: str, second: str) -> Response:
    """Send what the page draws."""
    entries = [_entry(first), _entry(second)]
    library = _library()
    opened = [library.open(entry.id) for entry in entries]
    if opened[0] is None or opened[1] is None:
        abort(404, "There is no log of that name here.")
    cards = [library.card(entry)[1] for entry in entries]
    logs = opened[0].log, opened[1].log
    return jsonify(
        runs=[
            {"id": one.entry.id, "name": one.entry.name, "version": one.version, "frames": len(one)}
            for one in opened
            if one is not None
        ],
        rows=_rows(cards[0], cards[1]),
        verdict=rank(cards, parse_weights("")).verdict(),
        parameters=sorted({line for card in cards for line in card.parameters if line}),
        time=_axis(align_by_time(*logs)),
        place=_axis(align_by_place(*logs)),
    )


def _rows(one: RunCard, other: RunCard) -> list[dict[str, Any]]:
    rows = []
    for key, measure in BY_KEY.items():
        values = one.figures[key], other.figures[key]
        found = difference_interval(one, other, key)
        rows.append(
            {
                "title": measure.title,
                "about": measure.about,
                "values": [shown(value, key) for value in values],
                "difference": plain(list(found)) if found else None,
                "judgement": judgement(key, found),
            }
        )
    return rows


def _axis(aligned: Alignment | None) -> dict[str, Any] | None:
    if aligned is None:
        return None
    return {
        "unit": aligned.unit,
        "axis": packed(aligned.axis.astype("f4")),
        "frames": [packed(frames.astype("i4")) for frames in aligned.frames],
        "signals": [
            {
                "title": signal.title,
                "unit": signal.unit,
                "values": [packed(signal.first.astype("f4")), packed(signal.second.astype("f4"))],
            }
            for signal in aligned.signals
        ],
    }


def _entry(identifier: str) -> LogEntry:
    entry = _library().find(identifier)
    if entry is None:
        abort(404, "There is no log of that name here.")
    return entry


def _library() -> LogLibrary:
    library: LogLibrary = current_app.config["LIBRARY"]
    return library
