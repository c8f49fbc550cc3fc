"""The first two pages: the list of logs, and one log. Both are frames that the scripts fill from the API."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, render_template

from analysis.console.library import LogLibrary
from analysis.console.standing import MOST_RUNS
from analysis.run_card import BY_KEY

pages = Blueprint("pages", __name__)

_LEADING = (
    ("model", "Model", ""),
    ("track", "Track", ""),
    ("time", "Time", ""),
    ("frames", "Frames", ""),
    ("laps", "Laps", ""),
    ("best", "Best lap", ""),
    (
        "score",
        "Score",
        "0 to 100 over the measures that this run has, at the usual weights; below, its 95 % interval. "
        "Runs that have other measures are told apart by a ranking, not by this",
    ),
)
_SCORED = ("weave_cm", "straight_tv", "margin_cm", "off_tracks", "confidence")
_COLUMNS = (
    *_LEADING,
    *((key, BY_KEY[key].title, f"{BY_KEY[key].about} {BY_KEY[key].unit}") for key in _SCORED),
    ("latency", "Latency p50 / p99", "Camera to PWM: median, and one frame in a hundred is slower"),
    ("stop", "Stopped", ""),
)
"""Columns of the list: key, title, and what it is."""


@pages.get("/")
def index() -> str:
    """Show the logs, the newest first."""
    library: LogLibrary = current_app.config["LIBRARY"]
    return render_template(
        "index.html",
        entries=library.entries(),
        folder=library.folder,
        columns=_COLUMNS,
        most_ranked=MOST_RUNS,
        live=current_app.config["LIVE"] is not None,
    )


@pages.get("/log/<identifier>")
def log(identifier: str) -> str:
    """Show one log."""
    library: LogLibrary = current_app.config["LIBRARY"]
    entry = library.find(identifier)
    if entry is None:
        abort(404, "There is no log of that name here.")
    return render_template("log.html", entry=entry)


@pages.get("/favicon.ico")
def favicon() -> tuple[str, int]:
    """Answer browsers that ask without being told to; the pages name their own icon."""
    return "", 204
