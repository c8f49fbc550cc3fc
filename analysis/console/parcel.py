"""Several things in one answer: a JSON head and pictures, so that they belong together and cost one request.

Layout: four bytes, little-endian, with the length of the head; the head, JSON in UTF-8, whose `parts` says
the length of each part in order; the parts.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Response


def parcel(head: dict[str, Any], *parts: bytes) -> Response:
    """Pack a head and parts into one answer that nobody keeps, unless the caller says otherwise."""
    text = json.dumps({**head, "parts": [len(part) for part in parts]}, allow_nan=False).encode()
    response = Response(
        b"".join((len(text).to_bytes(4, "little"), text, *parts)), mimetype="application/octet-stream"
    )
    response.headers["Cache-Control"] = "no-store"
    return response
