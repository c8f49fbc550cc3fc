"""What a browser may keep of an answer, and for how long."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

from analysis.console.library import OpenLog

_FOR_GOOD = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"


def kept(make: Callable[[], Response], opened: OpenLog, tag: str) -> Response:
    """Answer with a tag and a lifetime, and make the content only if the browser does not have it.

    Args:
        make: makes the answer; one that it marks as not to be stored stays so.
        opened: the log that it is about. What is asked for with its version (`?v=`) never changes.
        tag: tells the answers about one log apart.
    """
    etag = f"{opened.version}-{tag}"
    response = Response(status=304) if request.if_none_match.contains(etag) else make()
    if not response.cache_control.no_store:
        response.set_etag(etag)
        response.headers["Cache-Control"] = (
            _FOR_GOOD if request.args.get("v") == opened.version else _ASK_AGAIN
        )
    return response
