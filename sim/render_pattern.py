"""The pattern of the floor off the track: carpet, planks, concrete or tiles, a band of rows at a time.

First where every pixel lies in a repeating tile of light and shadow, by vectors; then the look-ups.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.compiled import njit_fast
from sim.render_tables import (
    BAND,
    BLOCK,
    BLOCKS,
    EXTRA,
    HALF,
    OFF_TRACK,
    ONE,
    REACH,
    SHADE_SIZE,
    SHARE_U,
    SHARE_V,
    VALUE,
    ZERO,
    X,
    Y,
    whole,
)

FLAT, CARPET, PLANKS, CONCRETE, TILES = range(5)
FLOORS = ("flat", "carpet", "planks", "concrete", "tiles")
"""What lies round the track; `LIGHT_DTYPE`'s floor_kind counts along these."""

CLOUD = np.float32(4.1)
THIRD = np.float32(0.35)
JOINT = np.float32(0.04)
OFTEN = np.float32(37.0)
SHADE_SIDE, SHADE_MASK, ELEVEN, THIRTY_SEVEN = (
    np.int32(number) for number in (SHADE_SIZE, SHADE_SIZE - 1, 11, 37)
)
LAST_SHADE = SHADE_SIZE * SHADE_SIZE - 1


@njit_fast
def pattern_band(band: Any, depth: Any, light: Any, shade: Any, places: Any) -> None:
    """Lay the pattern of the floor off the track over a band; finer than a pixel it fades.

    Args:
        band: with what `floor_band` fills in.
        depth: grey levels of the whole pattern.
        light: of `LIGHT_DTYPE`.
        shade: the tile of light and shadow.
        places: int32 (BAND,), overwritten.
    """
    kind, finest = light.floor_kind, HALF / light.floor_per_m
    _lay_coordinates(band, light)
    share = ONE
    if kind == CARPET:
        _aim_carpet(band, places)
    elif kind == PLANKS:
        _aim_planks(band, places)
    elif kind == CONCRETE:
        _aim_concrete(band, places)
        share = HALF
    else:
        _aim_tiles(band, places)
        share = ZERO
    for block in range(BLOCKS):
        first = block * BLOCK
        if _on_track(band, first):
            continue
        for place in range(first, first + BLOCK):
            pattern = share * shade[places[place] & LAST_SHADE] + band[EXTRA + place]
            fade = min(ONE, finest / band[REACH + place])
            band[VALUE + place] += band[OFF_TRACK + place] * depth * pattern * fade


@njit_fast
def _on_track(band: Any, first: int) -> bool:
    """Return whether no pixel of a block is off the track."""
    total = ZERO
    for place in range(first, first + BLOCK):
        total += band[OFF_TRACK + place]
    return bool(total <= ZERO)


@njit_fast
def _lay_coordinates(band: Any, light: Any) -> None:
    """Fill in where a band's pixels lie along and across the pattern, in its own lengths."""
    per_m = light.floor_per_m
    along, across = light.floor_cos * per_m, light.floor_sin * per_m
    for place in range(BAND):
        x, y = band[X + place], band[Y + place]
        band[SHARE_U + place], band[SHARE_V + place] = x * along + y * across, y * along - x * across


@njit_fast
def _aim_carpet(band: Any, places: Any) -> None:
    for place in range(BAND):
        u, v = np.int32(band[SHARE_U + place] * OFTEN), np.int32(band[SHARE_V + place] * OFTEN)
        places[place] = (v & SHADE_MASK) * SHADE_SIDE + (u & SHADE_MASK)
        band[EXTRA + place] = ZERO


@njit_fast
def _aim_planks(band: Any, places: Any) -> None:
    for place in range(BAND):
        plank, row = whole(band[SHARE_U + place]), whole(band[SHARE_V + place] * THIRD)
        places[place] = (plank * THIRTY_SEVEN & SHADE_MASK) * SHADE_SIDE + (row * ELEVEN & SHADE_MASK)
        joint = band[SHARE_U + place] - np.float32(plank) < JOINT
        band[EXTRA + place] = -ONE if joint else ZERO


@njit_fast
def _aim_concrete(band: Any, places: Any) -> None:
    for place in range(BAND):
        u, v = band[SHARE_U + place], band[SHARE_V + place]
        cloud_u, cloud_v = np.int32(u * CLOUD), np.int32(v * CLOUD)
        places[place] = (cloud_v & SHADE_MASK) * SHADE_SIDE + (cloud_u & SHADE_MASK)
        edge = min(u - np.float32(whole(u)), v - np.float32(whole(v)))
        band[EXTRA + place] = -ONE if edge < JOINT * HALF else ZERO


@njit_fast
def _aim_tiles(band: Any, places: Any) -> None:
    for place in range(BAND):
        places[place] = np.int32(0)
        odd = (whole(band[SHARE_U + place]) + whole(band[SHARE_V + place])) & 1
        band[EXTRA + place] = ONE if odd else -ONE
