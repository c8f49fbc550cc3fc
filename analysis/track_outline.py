"""The borders of the track that a log was driven on, to draw the path into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SPACING_M = 0.05


@dataclass(frozen=True)
class TrackOutline:
    """A track for drawing: two closed lines and where the lap begins."""

    name: str
    """The built-in track's name."""
    length_m: float
    """Length of the centre line."""
    left_m: NDArray[np.float32]
    """(P, 2) outer edge of the left white line, about every 5 cm."""
    right_m: NDArray[np.float32]
    """(P, 2) outer edge of the right white line."""


def track_outline(run: Mapping[str, Any]) -> TrackOutline | None:
    """Look up the track that a log names.

    Only built-in names are looked up, never a path: a log comes from outside and must not choose what is
    read.

    Args:
        run: what the log says of itself.

    Returns:
        The outline, or None where the log names no built-in track or the simulator is not installed.
    """
    try:
        from sim.track import load_track, track_names
    except ImportError:  # A console without the simulator's extra shows the path alone.
        return None
    name, direction = run.get("track"), run.get("direction", "counter-clockwise")
    if name not in track_names() or direction not in ("counter-clockwise", "clockwise"):
        return None
    track = load_track(name, direction)
    every = max(1, round(_SPACING_M / track.spacing_m))
    return TrackOutline(
        name=track.name,
        length_m=track.length_m,
        left_m=track.left_border_m[::every].astype(np.float32),
        right_m=track.right_border_m[::every].astype(np.float32),
    )
