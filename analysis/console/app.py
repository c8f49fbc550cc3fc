"""The Flask app: its pages, and an API of JSON and pictures over one folder of logs."""

from __future__ import annotations

import secrets

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from analysis.console.api import api
from analysis.console.changes import changes
from analysis.console.comparison import comparison
from analysis.console.config import ConsoleConfig
from analysis.console.exports import exports
from analysis.console.jobs import Jobs
from analysis.console.library import LogLibrary
from analysis.console.live import Live, live
from analysis.console.modules import modules_of
from analysis.console.moments import moments
from analysis.console.pages import pages
from analysis.console.policies import PolicyShelf
from analysis.console.robust import robust
from analysis.console.security import protect
from analysis.console.standing import standing
from analysis.console.state import ConsoleState
from analysis.console.uploads import uploads
from car.errors import Sim2RaceError


def create_app(config: ConsoleConfig, *, token: str | None = None, live_graph: Live | None = None) -> Flask:
    """Build the console.

    Args:
        config: the folder of logs, and the address, which decides who must show a token.
        token: the secret for addresses other than this machine's own; made here when not given.
        live_graph: the running car to show, if any.

    Returns:
        The app. Its config holds `LIBRARY` (the logs), `STATE` (what people add), `TOKEN` (None where none
        is needed) and `CHANGE_TOKEN` (which changes must show).

    Raises:
        Sim2RaceError: the folder does not exist.
    """
    app = Flask(__name__)
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.jinja_env.globals["modules_of"] = modules_of
    app.config["LIBRARY"] = library = LogLibrary(config.logs)
    app.config["SHELF"] = PolicyShelf(library, config.models)
    app.config["STATE"] = ConsoleState(library.folder if library.is_folder_of_logs else library.folder.parent)
    app.config["LIVE"] = live_graph
    app.config["JOBS"] = Jobs()
    app.config["TOKEN"] = None if config.loopback else token or secrets.token_urlsafe(24)
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    protect(app, token=app.config["TOKEN"])
    app.register_blueprint(pages)
    app.register_blueprint(api)
    app.register_blueprint(moments)
    app.register_blueprint(changes)
    app.register_blueprint(comparison)
    app.register_blueprint(exports)
    app.register_blueprint(robust)
    app.register_blueprint(standing)
    app.register_blueprint(live)
    app.register_blueprint(uploads)
    app.register_error_handler(HTTPException, _say)
    app.register_error_handler(Sim2RaceError, _refuse)
    return app


def _say(error: HTTPException) -> tuple[Response | str, int]:
    """Answer an error in the form that was asked for: JSON below /api, a page elsewhere."""
    code = error.code or 500
    if request.path.startswith("/api/"):
        return jsonify(error=error.description), code
    return render_template("error.html", code=code, text=error.description), code


def _refuse(error: Sim2RaceError) -> tuple[Response | str, int]:
    """Answer what a log or policy cannot give: one line that says why, as everywhere in the product."""
    if request.path.startswith("/api/"):
        return jsonify(error=str(error)), 422
    return render_template("error.html", code=422, text=str(error)), 422
