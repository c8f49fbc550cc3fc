"""Bringing logs in through the page.

POST /api/upload?name=<file name>    the file itself as the body; answers {"names": [...]}
"""

from __future__ import annotations

import threading

from flask import Blueprint, Response, abort, jsonify, request

from analysis.console.asked import library
from analysis.console.intake import MAX_UPLOAD_BYTES, receive, take_in

uploads = Blueprint("uploads", __name__, url_prefix="/api")

_ONE_AT_A_TIME = threading.Lock()


@uploads.post("/upload")
def upload() -> Response:
    """Take in a log, or an archive of logs."""
    logs = library()
    if not logs.is_folder_of_logs:
        abort(409, "This console serves one log; start it with a folder to bring in others.")
    if request.mimetype != "application/octet-stream":
        abort(400, "Expected the file itself as application/octet-stream.")
    request.max_content_length = MAX_UPLOAD_BYTES
    with _ONE_AT_A_TIME:  # Memory and disk are for one at a time.
        aside = receive(request.stream, logs.folder)
        return jsonify(names=take_in(aside, request.args.get("name", "log")[:200], logs.folder))
