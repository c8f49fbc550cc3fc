"""Bringing together what belongs to one moment: by the same stamp, or by time when the stamps differ."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR_NS = 50_000_000
"""A pose further from a frame than this says nothing about it."""


class StampJoin:
    """For each frame, the first message that belongs to it.

    Args:
        sources_ns: (M,) capture time of the frame that each message is about.
        frames_ns: (F,) capture time of each frame.
    """

    def __init__(self, sources_ns: NDArray[np.int64], frames_ns: NDArray[np.int64]) -> None:
        unique_ns, first = np.unique(sources_ns, return_index=True)
        at = np.searchsorted(unique_ns, frames_ns)
        at_most = np.minimum(at, max(len(unique_ns) - 1, 0))
        if len(unique_ns):
            self._found = (unique_ns[at_most] == frames_ns) & (frames_ns > 0)
            self._row = first[at_most]
        else:
            self._found = np.zeros(len(frames_ns), dtype=bool)
            self._row = np.zeros(len(frames_ns), dtype=np.int64)

    def take(self, values: NDArray[Any], otherwise: Any) -> NDArray[Any]:
        """Return the value of each frame's message, or `otherwise` for a frame without one."""
        if not len(values):
            return np.broadcast_to(np.asarray(otherwise, dtype=values.dtype), self._found.shape).copy()
        return np.where(self._found, values[self._row], otherwise)


def interpolate(
    at_ns: NDArray[np.int64], known_ns: NDArray[np.int64], values: NDArray[Any]
) -> NDArray[np.float64]:
    """Return values between those known; NaN further than `NEAR_NS` from any."""
    if not len(known_ns) or not len(at_ns):
        return np.full(len(at_ns), np.nan)
    origin = known_ns[0]  # float64 cannot hold nanoseconds since the epoch
    found = np.interp((at_ns - origin).astype(np.float64), (known_ns - origin).astype(np.float64), values)
    return np.where(_is_near(at_ns, known_ns), found, np.nan)


def nearest(
    at_ns: NDArray[np.int64], known_ns: NDArray[np.int64], values: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the value nearest in time, for what jumps, as progress does at the line."""
    if not len(known_ns) or not len(at_ns):
        return np.full(len(at_ns), np.nan)
    return np.where(_is_near(at_ns, known_ns), values[_nearest_index(at_ns, known_ns)], np.nan)


def _nearest_index(at_ns: NDArray[np.int64], known_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    right = np.clip(np.searchsorted(known_ns, at_ns), 0, len(known_ns) - 1)
    left = np.maximum(right - 1, 0)
    is_left = np.abs(at_ns - known_ns[left]) <= np.abs(known_ns[right] - at_ns)
    return np.where(is_left, left, right)


def _is_near(at_ns: NDArray[np.int64], known_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(known_ns[_nearest_index(at_ns, known_ns)] - at_ns) <= NEAR_NS)
