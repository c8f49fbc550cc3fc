"""The API: what the pages show, for scripts of any kind.

GET /api/logs                              the index
GET /api/log/<id>                          the replay document (see `analysis.console.documents`)
GET /api/log/<id>/card                     the few figures of the list
GET /api/log/<id>/thumbnail.jpg            one telling frame
GET /api/log/<id>/frame/<i>.jpg            a frame as the camera sent it
GET /api/log/<id>/heatmap                  methods, scale, or why there is none
GET /api/log/<id>/heatmap/<i>.png          a transparent picture to lay over the frame
                   ?method=hirescam&action=executed|runner-up|<index>&policy=<id of a policy>
GET /api/log/<id>/moment/<i>                frame and heat map in one answer (see `analysis.console.moments`)
GET /api/policies                          the policies that maps and comparisons can be asked of
GET /api/log/<id>/laps                     laps, sectors, best means, corners
GET /api/log/<id>/checks                   whether the heat maps can be believed

Pictures that are asked for with the log's version (`?v=`) never change and may be kept for good.
"""

from __future__ import annotations

from dataclasses import asdict

import cv2
from flask import Blueprint, Response, abort, current_app, jsonify

from analysis.console.asked import (
    asked_method,
    asked_target,
    checked_index,
    heatmaps,
    library,
    shelf,
    shelved,
)
from analysis.console.asked import opened as asked_log
from analysis.console.documents import plain
from analysis.console.kept import kept
from analysis.console.library import OpenLog
from analysis.console.state import ConsoleState, Remarks
from analysis.course import course_of
from analysis.heatmap import METHODS
from analysis.lap_figures import lap_figures
from analysis.log_card import log_card
from analysis.ranking import parse_weights, rank
from analysis.trace_log import laps_of
from car.errors import Sim2RaceError

api = Blueprint("api", __name__, url_prefix="/api")


@api.get("/logs")
def logs() -> Response:
    """List the logs, the newest first."""
    return jsonify(logs=[{"id": entry.id, "name": entry.name} for entry in library().entries()])


@api.get("/log/<identifier>")
def document(identifier: str) -> Response:
    """Send the replay document."""
    opened = asked_log(identifier)
    return kept(lambda: Response(opened.document(), mimetype="application/json"), opened, "document")


@api.get("/log/<identifier>/card")
def card(identifier: str) -> Response:
    """Send what the list shows of a log."""
    opened = asked_log(identifier)
    _, scores = library().card(opened.entry)
    (ranked,) = rank([scores], parse_weights("")).runs
    state: ConsoleState = current_app.config["STATE"]
    remarks = state.remarks().get(identifier, Remarks())
    figures = plain(asdict(log_card(opened.log, opened.scorecard)))
    return jsonify(
        id=identifier,
        version=opened.version,
        score=plain(ranked.score),
        score_interval=plain([ranked.low, ranked.high]),
        figures=plain(scores.figures),
        remarks=asdict(remarks),
        **figures,
    )


@api.get("/log/<identifier>/thumbnail.jpg")
def thumbnail(identifier: str) -> Response:
    """Send a frame from a third of the way, when the car is usually on its way."""
    opened = asked_log(identifier)
    if len(opened) == 0:
        abort(404, "This log holds no frame.")
    return _frame(opened, len(opened) // 3)


@api.get("/log/<identifier>/frame/<int:index>.jpg")
def frame(identifier: str, index: int) -> Response:
    """Send one frame, byte for byte as it was logged."""
    opened = asked_log(identifier)
    checked_index(opened, index)
    return _frame(opened, index)


@api.get("/log/<identifier>/heatmap")
def heatmap_scale(identifier: str) -> Response:
    """Send what the heat maps of a log are: methods, the scale of one, or why there are none."""
    opened = asked_log(identifier)
    try:
        method, target = asked_method(), asked_target()
        maps = heatmaps(opened)
        policy = maps.policy()
        scale = maps.scale(method, target)
    except Sim2RaceError as error:
        return jsonify(available=False, reason=str(error), methods=[])
    return jsonify(
        available=True, methods=list(METHODS), method=method, scale=scale, policy=policy.metadata.name
    )


@api.get("/log/<identifier>/checks")
def checks(identifier: str) -> Response:
    """Send the results of the checks on this log's policy."""
    opened = asked_log(identifier)
    return kept(
        lambda: jsonify(checks=plain([asdict(check) for check in opened.heatmaps.checks()])), opened, "checks"
    )


@api.get("/log/<identifier>/laps")
def laps(identifier: str) -> Response:
    """Send a log lap by lap and corner by corner."""
    opened = asked_log(identifier)
    log = opened.log
    return kept(
        lambda: jsonify(plain(asdict(lap_figures(log.frames, course_of(log.run), laps_of(log))))),
        opened,
        "laps",
    )


@api.get("/log/<identifier>/heatmap/<int:index>.png")
def heatmap(identifier: str, index: int) -> Response:
    """Send one heat map as a transparent picture; the headers say how much it says."""
    opened = asked_log(identifier)
    checked_index(opened, index)
    method, target = asked_method(), asked_target()
    chosen = shelved()
    return kept(
        lambda: _heatmap(opened, index, method, target),
        opened,
        f"heatmap-{index}-{method}-{target}-{chosen.version if chosen else ''}",
    )


@api.get("/policies")
def policies() -> Response:
    """List the policies."""
    found = [{"id": each.id, "name": each.name, "version": each.version} for each in shelf().policies()]
    return jsonify(policies=found)


def _heatmap(opened: OpenLog, index: int, method: str, target: int) -> Response:
    picture, says = heatmaps(opened).picture(index, method, target)
    # Speed before size: the picture lives in a cache for a moment and rarely leaves the machine.
    bgra = cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA)
    _, png = cv2.imencode(".png", bgra, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    response = Response(png.tobytes(), mimetype="image/png")
    response.headers["Heatmap-Strength"] = says.kind
    response.headers["Heatmap-Peak"] = f"{says.peak:.6g}"
    response.headers["Heatmap-Share"] = f"{says.share:.4f}"
    return response


def _frame(opened: OpenLog, index: int) -> Response:
    return kept(lambda: Response(opened.log.jpeg(index), mimetype="image/jpeg"), opened, f"frame-{index}")
