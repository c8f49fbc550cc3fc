"""Taking things out of the console: a range as video or table, a moment as a picture, the measures of a run.

POST /api/log/<id>/export      {"kind": "mp4"|"csv"|"png", "start_s", "end_s", "heat", "action", "opacity",
                               "signed", "policy"}, where "policy" is an id of /api/policies that decides and
                               is explained in place of the log's own; answers {"job": ...}
GET  /api/job/<job>            {"state", "done", "error", "name"}
POST /api/job/<job>/cancel
GET  /api/job/<job>/file       the file, once it is done
GET  /api/log/<id>/metrics.json    every measure of the run, as a file
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, request, send_file

from analysis.console.asked import library, opened, shelf
from analysis.console.documents import plain
from analysis.console.jobs import Job, Jobs, JobState, Work
from analysis.console.library import OpenLog
from analysis.heat_choice import OFF, HeatChoice, parse_target
from analysis.range_files import write_picture, write_table
from analysis.video import frames_between, write_video
from car.errors import unknown_name

exports = Blueprint("exports", __name__, url_prefix="/api")

KINDS = ("mp4", "csv", "png")
_TYPES = {".mp4": "video/mp4", ".csv": "text/csv", ".png": "image/png"}


@exports.post("/log/<identifier>/export")
def start(identifier: str) -> Response:
    """Begin an export."""
    log = opened(identifier)
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        abort(400, "Expected a JSON object.")
    kind = given.get("kind")
    if kind not in KINDS:
        raise unknown_name("kind of export", str(kind)[:40], KINDS)
    choice = _choice(given)
    begin, end = _seconds(given.get("start_s", 0.0)), _seconds(given.get("end_s", math.inf))
    work = _work(log, str(kind), begin, end, choice)
    label = f"{_plain(log.entry.name)}-{begin:.1f}s.{kind}"
    job = _jobs().start(label, work)
    return jsonify(job=job.id)


@exports.get("/job/<identifier>")
def progress(identifier: str) -> Response:
    """Say how far an export has come."""
    job = _job(identifier)
    response = jsonify(state=job.state.value, done=job.done, error=job.error, name=job.name)
    response.headers["Cache-Control"] = "no-store"
    return response


@exports.post("/job/<identifier>/cancel")
def cancel(identifier: str) -> Response:
    """Call an export off."""
    job = _job(identifier)
    _jobs().cancel(job)
    return jsonify(state=job.state.value)


@exports.get("/job/<identifier>/file")
def result(identifier: str) -> Response:
    """Send what an export wrote."""
    job = _job(identifier)
    if job.state is not JobState.DONE:
        abort(409, "This export is not done.")
    kind = _TYPES[job.path.suffix]
    return send_file(job.path, mimetype=kind, as_attachment=True, download_name=job.name)


@exports.get("/log/<identifier>/metrics.json")
def metrics(identifier: str) -> Response:
    """Send every measure of a run."""
    log = opened(identifier)
    _, card = library().card(log.entry)
    content = {
        "log": log.entry.name,
        "scorecard": plain(asdict(log.scorecard)),
        "measures": plain(card.figures),
        "parameters": [line for line in card.parameters if line],
    }
    response = Response(json.dumps(content, indent=2, allow_nan=False), mimetype="application/json")
    name = f"{_plain(log.entry.name)}-metrics.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _work(opened: OpenLog, kind: str, begin: float, end: float, choice: HeatChoice) -> Work:
    log = opened.log
    indices = frames_between(log, begin, None if math.isinf(end) else end)
    if kind == "csv":
        return lambda path, _: write_table(opened.replay, indices, path)
    if kind == "png":
        return lambda path, _: write_picture(log, int(indices[0]), path, choice=choice)

    def video(path: Path, told: Callable[[float], None]) -> None:
        count = 0

        def step(frames: int) -> None:
            nonlocal count
            count += frames
            told(count / len(indices))

        write_video(log, indices, path, choice=choice, done=step)

    return video


def _choice(given: dict[str, Any]) -> HeatChoice:
    """Return what is to be drawn.

    Raises:
        Sim2RaceError: no such method, action or policy, or an opacity out of range.
    """
    opacity, signed = given.get("opacity", HeatChoice.opacity), given.get("signed", True)
    if isinstance(opacity, bool) or not isinstance(opacity, int | float) or not isinstance(signed, bool):
        abort(400, "opacity: expected a number from 0 to 1; signed: expected true or false.")
    policy = given.get("policy")
    path = shelf().find(str(policy)).path if policy else None
    target = parse_target(str(given.get("action", "executed")))
    return HeatChoice(str(given.get("heat", OFF)), target, float(opacity), signed, path)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        abort(400, "start_s, end_s: expected seconds from the first frame.")
    return float(value)


def _plain(name: str) -> str:
    """Return a log's name as a file's name: what came from outside names no folder and holds no quotes."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:80] or "log"


def _job(identifier: str) -> Job:
    job = _jobs().find(identifier)
    if job is None:
        abort(404, "There is no export of that name here.")
    return job


def _jobs() -> Jobs:
    jobs: Jobs = current_app.config["JOBS"]
    return jobs
