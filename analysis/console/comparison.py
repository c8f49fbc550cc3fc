"""Two runs side by side: the page, and the document that it draws.

GET /compare/<a>/<b>        the page
GET /api/compare/<a>/<b>    measures with intervals, the verdict, and both runs along one axis
                            ?policy_a=<id of a policy>&policy_b=...&lap_a=<number>&lap_b=...

Either side may be judged by another policy than the one that drove: the same run under two policies is a run
beside itself. The signals are then what each asks for, frame by frame, and not what the car did.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, request

from analysis.alignment import Alignment, align_by_lap, align_by_place, align_by_time, best_lap
from analysis.compare import Difference, differences, judgement, lacking_line
from analysis.console.asked import library, shelf
from analysis.console.decisions import agreement, decisions, logged, signals
from analysis.console.documents import packed, plain
from analysis.console.library import LogEntry
from analysis.laps import Lap
from analysis.ranking import parse_weights, rank
from analysis.report_page import shown
from analysis.run_card import BY_KEY, RunCard
from analysis.trace_log import laps_of
from car.log_reader import CarLog
from car.policy import Policy

comparison = Blueprint("comparison", __name__)


@comparison.get("/compare/<first>/<second>")
def page(first: str, second: str) -> str:
    """Show two runs side by side."""
    return render_template("compare.html", first=_entry(first), second=_entry(second))


_ONE_RUN = "No verdict: both sides are one run. Choose another policy, or another lap, for A or B."


@comparison.get("/api/compare/<first>/<second>")
def document(first: str, second: str) -> Response:
    """Send what the page draws."""
    entries = [_entry(first), _entry(second)]
    opened = [library().open(entry.id) for entry in entries]
    if opened[0] is None or opened[1] is None:
        abort(404, "There is no log of that name here.")
    cards = library().card(entries[0])[1], library().card(entries[1])[1]
    logs = opened[0].log, opened[1].log
    laps = _lap(logs[0], "lap_a"), _lap(logs[1], "lap_b")
    given = [request.args.get(name) for name in ("policy_a", "policy_b")]
    chosen = [shelf().find(name) if name else None for name in given]
    policies = [Policy.load(each.path) if each else None for each in chosen]
    ways = {
        "time": align_by_time(*logs),
        "lap": align_by_lap(*logs, laps),
        "place": align_by_place(*logs, laps),
    }
    differ = differences(*cards)
    said = _ONE_RUN if first == second else ""
    if any(policies):
        judged = {way: _judged(found, logs, policies) for way, found in ways.items()}
        ways = {way: found[0] for way, found in judged.items()}
        said = judged["time"][1]
    return jsonify(
        runs=[
            {
                "id": one.entry.id,
                "name": one.entry.name,
                "version": one.version,
                "frames": len(one),
                "has_pictures": one.log.has_pictures,
                "policy": {"id": each.id, "version": each.version} if each else None,
                "explained": each is not None or one.log.policy_path is not None,
                "laps": [
                    {"number": lap.number, "time_s": lap.time_s}
                    for lap in (laps_of(one.log) if len(one) else [])
                ],
                "lap": lap.number if lap else None,
            }
            for one, each, lap in zip(opened, chosen, laps, strict=True)
            if one is not None
        ],
        rows=_rows(cards, differ),
        lacking=lacking_line(*cards, differ),
        verdict=said or rank(cards, parse_weights("")).verdict(),
        parameters=sorted({line for card in cards for line in card.parameters if line}),
        ways={way: _axis(found) for way, found in ways.items() if found is not None},
    )


def _judged(
    found: Alignment | None, logs: tuple[CarLog, CarLog], policies: list[Policy | None]
) -> tuple[Alignment | None, str]:
    """Return an alignment with what each side's policy asks for, and how far the two agree."""
    if found is None:
        return None, ""
    one, other = (
        decisions(policy, log, rows) if policy else logged(log.frames, rows)
        for policy, log, rows in zip(policies, logs, found.frames, strict=True)
    )
    return replace(found, signals=signals(one, other)), agreement(one, other)


def _lap(log: CarLog, name: str) -> Lap | None:
    """Return the lap that the request names, or else the best one."""
    wanted = request.args.get(name)
    if not wanted:
        return best_lap(log)
    for lap in laps_of(log):
        if str(lap.number) == wanted:
            return lap
    abort(404, f"{name}: this run has no whole lap of that number.")


def _rows(cards: tuple[RunCard, RunCard], differ: Mapping[str, Difference | None]) -> list[dict[str, Any]]:
    rows = []
    for key, measure in BY_KEY.items():
        difference = differ.get(key)
        rows.append(
            {
                "title": measure.title,
                "about": measure.about,
                "values": [shown(card.figures[key], key) for card in cards],
                "difference": plain(list(difference)) if difference else None,
                "judgement": judgement(key, difference),
            }
        )
    return rows


def _axis(aligned: Alignment) -> dict[str, Any]:
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
    entry = library().find(identifier)
    if entry is None:
        abort(404, "There is no log of that name here.")
    return entry
