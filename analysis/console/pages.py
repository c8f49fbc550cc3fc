"""The two pages: the list of logs, and one log. Both are frames that the scripts fill from the API."""

from __future__ import annotations

from flask import Blueprint, abort, current_app, render_template

from analysis.console.library import LogLibrary

pages = Blueprint("pages", __name__)


@pages.get("/")
def index() -> str:
    """Show the logs, the newest first."""
    library: LogLibrary = current_app.config["LIBRARY"]
    return render_template("index.html", entries=library.entries(), folder=library.folder)


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
