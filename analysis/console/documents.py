"""The replay document as JSON, with columns as base64 of little-endian numbers.

Ten minutes of frames are 400 000 numbers. As decimal text they would cost a second on either side; as bytes
they become typed arrays at once, and not-a-number needs no special case.
"""

from __future__ import annotations

import base64
import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.colours import LEVELS, legend_colours
from analysis.replay import Replay
from analysis.track_outline import TrackOutline


def replay_document(replay: Replay) -> dict[str, Any]:
    """Turn a replay into plain JSON types."""
    return {
        "name": replay.name,
        "started_at": replay.started_at,
        "damage": replay.damage,
        "has_pictures": replay.has_pictures,
        "run": plain(replay.run),
        "actions": [asdict(action) for action in replay.actions],
        "limits": plain(replay.limits),
        "states": replay.states,
        "columns": {name: packed(column) for name, column in replay.columns.items()},
        "events": plain([asdict(event) for event in replay.events]),
        "scorecard": plain(asdict(replay.scorecard)),
        "track": _track(replay.track),
        "legend": legend_colours(LEVELS),
    }


def packed(column: NDArray[Any]) -> dict[str, Any]:
    """Pack an array: `type` is NumPy's name ("f4"), `width` the length of a row, `data` base64."""
    little = np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<")))
    return {
        "type": little.dtype.str.lstrip("<|"),
        "width": int(column.shape[1]) if column.ndim == 2 else 1,
        "data": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def plain(value: Any) -> Any:
    """Return the value with what JSON cannot say (NaN, infinities, tuples, foreign types) made harmless."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _track(track: TrackOutline | None) -> dict[str, Any] | None:
    if track is None:
        return None
    return {
        "name": track.name,
        "length_m": track.length_m,
        "left_m": packed(track.left_m),
        "right_m": packed(track.right_m),
    }
