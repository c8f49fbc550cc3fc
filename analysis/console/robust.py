"""The robustness bench: the same frames, disturbed by hand, and what the policy then decides.

GET /bench/<id>                     the page
GET /api/log/<id>/disturbed/<i>     a parcel: the decision before and after, and the disturbed picture as PNG
        ?brightness=<stops>&contrast=<factor>&blur=<px>&noise=<levels>&lamp=<x>,<y>,<size>,<strength>&policy=<id>
GET /api/log/<id>/sweep             how many frames change their action at each strength of one disturbance
        ?kind=<name>&lamp=...&policy=<id>
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import cv2
from flask import Blueprint, Response, abort, jsonify, render_template, request

from analysis.console.asked import checked_index, heatmaps, library, opened
from analysis.console.documents import plain
from analysis.console.parcel import parcel
from analysis.disturbance import KINDS, Disturbance, Lamp, disturbed
from analysis.replay import steering_order
from analysis.robust_command import sweep_json
from analysis.robustness import Decision, answer, spread_frames, sweep

robust = Blueprint("robust", __name__)

_RANGES = {"brightness": (-3.0, 3.0), "contrast": (0.0, 3.0), "blur": (0.0, 8.0), "noise": (0.0, 100.0)}
_LAMP = ((-80.0, 240.0), (-60.0, 180.0), (0.0, 80.0), (0.0, 1.0))
_SWEPT = 60


@robust.get("/bench/<identifier>")
def page(identifier: str) -> str:
    """Show the bench for one log."""
    entry = library().find(identifier)
    if entry is None:
        abort(404, "There is no log of that name here.")
    return render_template("bench.html", entry=entry, kinds=KINDS)


@robust.get("/api/log/<identifier>/disturbed/<int:index>")
def disturbed_frame(identifier: str, index: int) -> Response:
    """Disturb one frame and ask the policy again."""
    log = opened(identifier)
    checked_index(log, index)
    policy = heatmaps(log).policy()
    disturbance = _disturbance()
    found = answer(policy, log.log, index, disturbance)
    picture = disturbed(log.log.image(index), disturbance, seed=index)
    _, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return parcel(
        {
            "before": _plain(found.before),
            "after": _plain(found.after),
            "changed": bool(found.changed),
            "actions": [asdict(action) for action in steering_order(policy.action_space)],
        },
        png.tobytes(),
    )


@robust.get("/api/log/<identifier>/sweep")
def swept(identifier: str) -> Response:
    """Ask about frames spread over the log, at every strength of one disturbance."""
    log = opened(identifier)
    policy = heatmaps(log).policy()
    kind = request.args.get("kind", "")
    found = sweep(policy, log.log, spread_frames(log.log, _SWEPT), kind, lamp=_disturbance().lamp)
    response = jsonify(plain(sweep_json(found)))
    response.headers["Cache-Control"] = "no-store"
    return response


def _plain(decision: Decision) -> dict[str, Any]:
    content: dict[str, Any] = plain({**asdict(decision), "outputs": decision.outputs.tolist()})
    return content


def _disturbance() -> Disturbance:
    """Read the disturbance that the request describes; answers 400 to what is none."""
    given = {
        name: _number(name, request.args.get(name, "1" if name == "contrast" else "0"), low, high)
        for name, (low, high) in _RANGES.items()
    }
    lamp = None
    if request.args.get("lamp"):
        words = request.args["lamp"].split(",")
        if len(words) != len(_LAMP):
            abort(400, "lamp: expected x, y, size and strength with commas between.")
        lamp = Lamp(*(_number("lamp", word, *ends) for word, ends in zip(words, _LAMP, strict=True)))
    return Disturbance(
        brightness=given["brightness"],
        contrast=given["contrast"],
        blur_px=given["blur"],
        noise=given["noise"],
        lamp=lamp,
    )


def _number(name: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text[:20])
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        abort(400, f"{name}: expected a number from {low:g} to {high:g}.")
    return value
