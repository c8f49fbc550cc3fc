"""The colour scale of signed maps: warm for, cool against, clear for nothing.

Lightness and opacity both rise with magnitude on either side, so that the order of values survives a grey
print, and orange against blue survives the common colour blindnesses. Zero is transparent: the road stays
visible.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

LEVELS = 255
"""Colours that a byte a pixel tells apart; odd, so that zero is one of them."""

_STOPS = 256
_ALPHA_MAX = 0.92
_ALPHA_EXPONENT = 0.75
# From almost nothing to full scale, sRGB.
_WARM_RGB = ((176, 24, 48), (240, 96, 24), (255, 214, 74))
_COOL_RGB = ((40, 52, 178), (30, 128, 232), (130, 236, 255))


def signed_colours(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour a map of values from -1 (cool) over 0 (clear) to 1 (warm).

    Args:
        shares: (H, W) in -1 to 1.

    Returns:
        (H, W, 4) RGBA, not premultiplied.
    """
    levels = np.rint((shares + 1.0) * (_STOPS - 1)).astype(np.intp)
    picture: NDArray[np.uint8] = _table()[levels]
    return picture


def colour_levels(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a map as positions in `legend_colours(LEVELS)`, a byte a pixel: 0 is -1, 127 is 0, 254 is 1."""
    levels: NDArray[np.uint8] = np.rint((shares + 1.0) * (LEVELS // 2)).astype(np.uint8)
    return levels


def legend_colours(count: int) -> list[tuple[int, int, int, int]]:
    """Return `count` colours from -1 to 1 for the colour bar beside a map."""
    shares = np.linspace(-1.0, 1.0, count, dtype=np.float32)[None, :]
    return [(int(r), int(g), int(b), int(a)) for r, g, b, a in signed_colours(shares)[0]]


@lru_cache(maxsize=1)
def _table() -> NDArray[np.uint8]:
    """Return (2 * stops - 1, 4) RGBA from -1 to 1."""
    warm, cool = _ramp(_WARM_RGB), _ramp(_COOL_RGB)
    magnitude = np.linspace(0.0, 1.0, _STOPS)
    alpha = np.rint(255 * _ALPHA_MAX * magnitude**_ALPHA_EXPONENT).astype(np.uint8)[:, None]
    positive = np.concatenate([warm, alpha], axis=1)
    negative = np.concatenate([cool, alpha], axis=1)
    return np.concatenate([negative[:0:-1], positive])


def _ramp(stops_rgb: tuple[tuple[int, int, int], ...]) -> NDArray[np.uint8]:
    """Interpolate colours in CIE Lab, where equal steps look equal."""
    lab = cv2.cvtColor(np.array([stops_rgb], np.float32) / 255.0, cv2.COLOR_RGB2LAB)[0]
    at = np.linspace(0.0, len(stops_rgb) - 1, _STOPS)
    mixed = np.stack([np.interp(at, np.arange(len(stops_rgb)), lab[:, i]) for i in range(3)], axis=1)
    rgb = cv2.cvtColor(mixed[None].astype(np.float32), cv2.COLOR_LAB2RGB)[0]
    ramp: NDArray[np.uint8] = np.rint(np.clip(rgb, 0.0, 1.0) * 255).astype(np.uint8)
    return ramp
