"""All pictures of one moment in one answer, for a page that needs them at once.

GET /api/log/<id>/moment/<i>?parts=frame,map     a parcel (see `analysis.console.parcel`)
    &method=...&action=...&policy=...            as for the picture of a heat map

The head holds, for each part that was asked for, an object: empty, or with the `error` for which the part is
empty; the map's also says how strong it is. The frame is the JPEG as it was logged. The map is 120 x 160
bytes, row by row, each the place of its colour in the `legend` of the replay document: a page paints them
without decoding, and nobody packs them.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, request

from analysis.console.asked import asked_method, asked_target, checked_index, heatmaps, shelved
from analysis.console.asked import opened as asked_log
from analysis.console.kept import kept
from analysis.console.library import OpenLog
from analysis.console.parcel import parcel
from car.errors import Sim2RaceError

moments = Blueprint("moments", __name__, url_prefix="/api")

PARTS = ("frame", "map")


@moments.get("/log/<identifier>/moment/<int:index>")
def moment(identifier: str, index: int) -> Response:
    """Send the pictures of one moment."""
    opened = asked_log(identifier)
    checked_index(opened, index)
    wanted = request.args.get("parts", ",".join(PARTS)).split(",")
    if not set(wanted) <= set(PARTS):
        abort(400, f"parts: expected some of {', '.join(PARTS)}.")
    method, target = asked_method(), asked_target()
    chosen = shelved()
    version = chosen.version if chosen else ""
    tag = f"moment-{index}-{'+'.join(wanted)}-{method}-{target}-{version}"
    return kept(lambda: _pack(opened, index, wanted, method, target), opened, tag)


def _pack(opened: OpenLog, index: int, wanted: list[str], method: str, target: int) -> Response:
    head: dict[str, Any] = {}
    parts: list[bytes] = []
    for name in wanted:
        said: dict[str, Any] = {}
        try:
            if name == "frame":
                part = opened.log.jpeg(index)
            else:
                said, part = _map(opened, index, method, target)
        except Sim2RaceError as error:
            said, part = {"error": str(error)}, b""
        head[name] = said
        parts.append(part)
    response = parcel(head, *parts)
    if all("error" not in head[name] for name in wanted):
        del response.headers["Cache-Control"]
    return response


def _map(opened: OpenLog, index: int, method: str, target: int) -> tuple[dict[str, Any], bytes]:
    levels, says = heatmaps(opened).levels(index, method, target)
    return {"strength": says.kind, "share": says.share}, levels.tobytes()
