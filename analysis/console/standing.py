"""Many runs in order: the page, and what it draws.

GET /rank?runs=<id>,<id>,...          the page; every log of the folder without `runs`
GET /api/rank                         places, scores with intervals, and a sentence between neighbours
GET /api/rank/measures                every measure of every run with its interval
GET /api/rank/report.html             the report as one file, the same as `sim2race report --html`
    ?runs=...&weights=weave_cm=3,lap_s=1

Runs that have not been measured yet take time. A request gives them a few seconds, and if that was not
enough answers 202 with how many are measured; whoever asks again finds more.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request

from analysis.console.asked import library
from analysis.console.documents import plain
from analysis.console.library import LogEntry
from analysis.ranking import Ranked, figure_with_interval, parse_weights, rank
from analysis.report_page import report_html, shown, spread
from analysis.run_card import BY_KEY, RunCard
from car.errors import BadFileError, Sim2RaceError

standing = Blueprint("standing", __name__)

MOST_RUNS = 24
"""Runs in one ranking: more do not fit a page, and each costs a bootstrap whenever a weight changes."""
MEASURING_S = 2.0
"""How long one request measures runs; the run that it is at is finished."""


@dataclass(frozen=True)
class _Measured:
    """The runs that a request asks for."""

    cards: dict[str, RunCard]
    """Id of a log to its scorecard, by name: the order of the command's, so that the draws are the same."""
    refused: list[tuple[str, str]]
    """Name and reason of each log that cannot be read."""


@standing.get("/rank")
def page() -> str:
    """Show a ranking."""
    return render_template("rank.html", runs=[entry.id for entry in _entries()], measures=BY_KEY.values())


@standing.get("/api/rank")
def places() -> Response:
    """Send the order of the runs by the weights given."""
    weights = parse_weights(request.args.get("weights", ""))
    measured = _measure()
    ranking = rank(list(measured.cards.values()), weights)
    ids = {id(card): identifier for identifier, card in measured.cards.items()}
    return jsonify(
        verdict=ranking.verdict(),
        neighbours=ranking.neighbours(),
        weights=ranking.weights,
        runs=[
            {"place": place, **_place(one, ids[id(one.card)])}
            for place, one in zip(ranking.places(), ranking.runs, strict=True)
        ],
    )


@standing.get("/api/rank/measures")
def measures() -> Response:
    """Send the figures, which no weight changes."""
    measured = _measure()
    cards = measured.cards.values()
    return jsonify(
        figures={
            identifier: {key: _figure(card, key) for key in BY_KEY}
            for identifier, card in measured.cards.items()
        },
        refused=[{"name": name, "reason": reason} for name, reason in measured.refused],
        parameters=sorted({line for card in cards for line in card.parameters if line}),
        spread=spread(cards),
    )


@standing.get("/api/rank/report.html")
def report() -> Response:
    """Send the report as a file."""
    weights = parse_weights(request.args.get("weights", ""))
    measured = _measure()
    response = Response(report_html(rank(list(measured.cards.values()), weights)), mimetype="text/html")
    response.headers["Content-Disposition"] = 'attachment; filename="ranking.html"'
    return response


def _place(one: Ranked, identifier: str) -> dict[str, Any]:
    card = one.card
    return {
        "id": identifier,
        "name": card.name,
        "track": card.track,
        "score": plain(one.score),
        "interval": plain([one.low, one.high]),
        "pieces": len(card.pieces),
        "laps": len(card.laps_s),
        "best_lap_s": card.best_lap_s,
    }


def _figure(card: RunCard, key: str) -> dict[str, Any]:
    """Return a measure in the words of the report, and its interval."""
    found = figure_with_interval(card, key)
    return {
        "text": ("≈ " if key in card.stand_ins else "") + shown(found.value, key),
        **{name: plain(value) for name, value in asdict(found).items()},
    }


def _entries() -> list[LogEntry]:
    """Return the logs that the request names, or else all; answers 404 for one that is not there.

    Raises:
        Sim2RaceError: they are more than a ranking takes.
    """
    present = {entry.id: entry for entry in library().entries()}
    wanted = list(dict.fromkeys(filter(None, request.args.get("runs", "").split(",")))) or list(present)
    if len(wanted) > MOST_RUNS:
        raise Sim2RaceError(
            f"A ranking takes up to {MOST_RUNS} runs, not {len(wanted)}; choose some of them."
        )
    if any(identifier not in present for identifier in wanted):
        abort(404, "There is no log of that name here.")
    return [present[identifier] for identifier in wanted]


def _measure() -> _Measured:
    """Measure the runs that are asked for; after a while, answer how far that is and end the request."""
    entries = sorted(_entries(), key=lambda entry: entry.name)
    until = time.monotonic() + MEASURING_S
    cards: dict[str, RunCard] = {}
    refused: list[tuple[str, str]] = []
    for entry in entries:
        if (cards or refused) and time.monotonic() > until:
            break
        try:
            cards[entry.id] = library().card(entry)[1]
        except BadFileError as error:
            refused.append((entry.name, str(error)))
    # A ranking tells runs apart by their names; a folder and a file beside it may share one.
    names = Counter(card.name for card in cards.values())
    distinct = {
        identifier: replace(card, name=identifier if names[card.name] > 1 else card.name)
        for identifier, card in cards.items()
    }
    done = len(cards) + len(refused)
    if done < len(entries):
        response = jsonify(measured=done, of=len(entries))
        response.status_code = 202
        abort(response)
    return _Measured(distinct, refused)
