"""Who may ask, and what a page may do: token, Host check, headers.

On this machine's own address there is no token, so the Host header is checked: a page on the internet may
point a name of its own at 127.0.0.1 (DNS rebinding) and would otherwise read the logs. On any other address a
token is asked for: first in the link that the command prints, then as a cookie that other sites cannot send
along.

A change needs more: it is a POST of JSON, or of a file's bytes, that shows, in a header, the token that only
our own pages have been given. A page elsewhere can make a browser send forms, but neither read that token nor
set that header.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden, Unauthorized

# Numbers cannot be pointed elsewhere, and browsers resolve localhost themselves.
_LOOPBACK_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?", re.IGNORECASE | re.ASCII)

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


CSRF_HEADER = "X-Sim2Race-Change"


def protect(app: Flask, *, token: str | None) -> None:
    """Check every request and mark every answer.

    Args:
        app: the console.
        token: the secret that requests must show; None for a console that only this machine reaches.
    """
    change_token = secrets.token_urlsafe(24)
    app.config["CHANGE_TOKEN"] = change_token
    app.jinja_env.globals["change_token"] = change_token

    @app.before_request
    def check() -> None:
        if token is None:
            _check_host()
        else:
            _check_token(token)
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            _check_change(change_token)

    @app.after_request
    def mark(response: Response) -> Response:
        response.headers.update(_HEADERS)
        if token is not None and _same(request.args.get("token"), token):
            # Not a session: the cookie says that this browser has been given the link.
            response.set_cookie(
                cookie_name(token), token, httponly=True, samesite="Strict", max_age=30 * 24 * 3600
            )
        return response


def cookie_name(token: str) -> str:
    """Return a name of its own for each console, because browsers share cookies between ports."""
    return f"sim2race_{hashlib.sha256(token.encode()).hexdigest()[:8]}"


def _check_host() -> None:
    """Refuse a name that is not this machine's.

    Raises:
        Forbidden: the request was made to another name.
    """
    if not _LOOPBACK_HOST.fullmatch(request.headers.get("Host", "")):
        raise Forbidden("This console answers to localhost only; use the address that the command printed.")


def _check_token(token: str) -> None:
    """Refuse a request that shows no token.

    Raises:
        Unauthorized: neither the link nor the cookie has it.
    """
    shown = (request.args.get("token"), request.cookies.get(cookie_name(token)))
    # Both are compared always, so that the time taken does not say which one was wrong.
    if not any([_same(value, token) for value in shown]):
        raise Unauthorized("This console needs its token; open the link that the command printed.")


def _check_change(change_token: str) -> None:
    """Refuse a change that did not come from one of our pages.

    Raises:
        Forbidden: the header lacks or is wrong, or the content is what a form could send.
    """
    is_ours = request.is_json or request.mimetype == "application/octet-stream"
    if not _same(request.headers.get(CSRF_HEADER), change_token) or not is_ours:
        raise Forbidden(
            "This change did not come from a page of this console; reload the page and try again."
        )


def _same(shown: str | None, token: str) -> bool:
    return hmac.compare_digest((shown or "").encode(), token.encode())
