"""The live page: what a running node graph sees, does and looks at, and a hand on it.

GET  /live                     the page
GET  /api/live/about           run, actions, limits, track
GET  /api/live/frame           a parcel with the newest frame: facts, JPEG, heat map as PNG (may be empty)
                               ?after=<sequence>&events=<version>&heat=hirescam|gradcam|off
POST /api/live/beat            {"press", "manual", "angle", "throttle"}: a sign of life, see dead_man.py
POST /api/live/release         {"press"}
POST /api/live/stop            stops, whoever holds
POST /api/live/max-speed       {"share"}: 0 to 1

The page asks for a frame, shows it, and asks for the next one after that: nothing can pile up, and a slow
browser sees fewer frames, each as new as any.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request

from analysis.colours import legend_colours
from analysis.console.dead_man import SILENCE_S, Beat, Controls, DeadMan
from analysis.console.documents import packed, plain
from analysis.console.live_feed import LiveFeed
from analysis.console.live_heat import LIVE_METHODS, LiveHeat
from analysis.console.live_record import LiveEvent, decided
from analysis.console.parcel import parcel
from analysis.replay import steering_order
from analysis.track_outline import track_outline
from car.action_space import parse_model_metadata
from car.clock import SystemClock
from car.drive_report import DriveState
from car.errors import Sim2RaceError, unknown_name

live = Blueprint("live", __name__)

VIEWERS = 4
"""Pages that may wait for a frame at the same time; each holds one of the server's threads."""
_WAIT_S = 1.0
_TICK_S = 0.02
_MOVING = (DriveState.ARMED.value, DriveState.DRIVING.value)


class Live:
    """A running graph as the console holds it.

    Args:
        feed: what the graph says.
        controls: what can be asked of the car.
        policy: the policy file, where the graph's own copy is on another machine.
        silence_s: longest time that a page which holds the car may say nothing.
    """

    def __init__(
        self,
        feed: LiveFeed,
        controls: Controls,
        policy: Path | None = None,
        *,
        silence_s: float = SILENCE_S,
    ) -> None:
        self.feed = feed
        self.controls = controls
        self.heat = LiveHeat(feed, policy)
        self.dead_man = DeadMan(controls, SystemClock(), silence_s=silence_s)
        self.viewers = threading.Semaphore(VIEWERS)
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._tick, name="dead-man", daemon=True)
        self._watch.start()

    def close(self) -> None:
        """Stop the car if somebody holds it, and let go."""
        if self.dead_man.held:
            self.dead_man.stop("the console ends")
        self._ended.set()
        self._watch.join()
        self.feed.close()

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_S):
            self.dead_man.tick(self._why_at_rest())

    def _why_at_rest(self) -> str:
        """Return why the drive keeps the car from moving; empty while it does not, or has not spoken."""
        drive = self.feed.facts.get("drive", {})
        state, reason = drive.get("state", ""), drive.get("reason", "")
        if not state or state in _MOVING:
            return ""
        return (
            f"the car stopped: {reason}" if state == DriveState.STOPPED.value else f"the car rests: {reason}"
        )


@live.get("/live")
def page() -> str:
    """Show the live page."""
    _live()
    return render_template("live.html", methods=LIVE_METHODS)


@live.get("/api/live/about")
def about() -> Response:
    """Send what does not change from frame to frame."""
    run = _live().feed.run
    space = None
    if isinstance(run.get("action_space"), dict):
        space = parse_model_metadata(run["action_space"], source="the running graph")
    track = track_outline(run)
    response = jsonify(
        name=plain(run.get("name", "")),
        policy=plain(run.get("policy_sha256", "")),
        actions=[asdict(action) for action in steering_order(space)],
        legend=legend_colours(65),
        track={"left_m": packed(track.left_m), "right_m": packed(track.right_m)} if track else None,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@live.get("/api/live/frame")
def frame() -> Response:
    """Send the newest frame, or after a second without one what else is known."""
    present = _live()
    after = request.args.get("after", 0, type=int)
    method = request.args.get("heat", "off")
    if method != "off" and method not in LIVE_METHODS:
        raise unknown_name("live heat map", method[:40], (*LIVE_METHODS, "off"))
    if not present.viewers.acquire(blocking=False):
        abort(503, f"{VIEWERS} pages are watching already.")
    try:
        newest = present.feed.newer(after, _WAIT_S)
    finally:
        present.viewers.release()
    version, events = present.feed.events_since(request.args.get("events", -1, type=int))
    head = {
        "now_ms": time.time_ns() / 1e6,
        "facts": plain(newest.facts if newest else present.feed.facts),
        "held": present.dead_man.held,
        "why_stopped": present.dead_man.why_stopped,
        "policy": plain(present.feed.run.get("policy_sha256", "")),
        "events": {"version": version, "found": None if events is None else [_event(one) for one in events]},
    }
    if newest is None:
        return parcel({**head, "sequence": after}, b"", b"")
    png, problem, scale = present.heat.png(newest, method) if method != "off" else (b"", "", 0.0)
    outputs = newest.outputs
    sure, entropy = decided(outputs)
    head |= {
        "sequence": newest.sequence,
        "captured_ms": newest.captured_ns / 1e6,
        "outputs": None if outputs is None else plain(outputs.tolist()),
        "confidence": plain(sure),
        "entropy": plain(entropy),
        "fps": plain(newest.rate_fps),
        "heat": {"problem": problem, "scale": scale},
    }
    return parcel(head, newest.jpeg, png)


def _event(event: LiveEvent) -> dict[str, Any]:
    return {"time_ms": event.stamp_ns / 1e6, "text": event.text, "severity": event.severity}


@live.post("/api/live/beat")
def beat() -> Response:
    """Take in a sign of life of a page that holds."""
    given = _given()
    manual = given.get("manual", False)
    if not isinstance(manual, bool):
        abort(400, "manual: expected true or false.")
    angle, throttle = (_share(given, name, -1.0) for name in ("angle", "throttle"))
    try:
        _live().dead_man.beat(Beat(_press(given), manual, angle, throttle))
    except Sim2RaceError as error:
        abort(409, str(error))
    return jsonify(held=True)


@live.post("/api/live/release")
def release() -> Response:
    """End a hold."""
    _live().dead_man.release(_press(_given()))
    return jsonify(held=False)


@live.post("/api/live/stop")
def stop() -> Response:
    """Stop the car, whoever holds it."""
    problem = _live().dead_man.stop("stopped from the page")
    if problem:
        abort(409, f"The car has not confirmed the stop: {problem}.")
    return jsonify(held=False)


@live.post("/api/live/max-speed")
def max_speed() -> Response:
    """Limit the policy's speed."""
    problem = _live().controls.set_max_speed(_share(_given(), "share", 0.0))
    if problem:
        abort(409, f"The drive does not take a maximum speed: {problem}.")
    return jsonify(taken=True)


def _given() -> dict[str, Any]:
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        abort(400, "Expected a JSON object.")
    return given


def _press(given: dict[str, Any]) -> str:
    press = given.get("press")
    if not isinstance(press, str) or not 8 <= len(press) <= 64:
        abort(400, "press: expected a name of 8 to 64 letters.")
    return press


def _share(given: dict[str, Any], name: str, low: float) -> float:
    value = given.get(name, 0.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        abort(400, f"{name}: expected a number.")
    if not low <= value <= 1.0:
        abort(400, f"{name}: expected {low:g} to 1.")
    return float(value)


def _live() -> Live:
    present: Live | None = current_app.config["LIVE"]
    if present is None:
        abort(404, "This console watches no running car; start it with --live.")
    return present
