"""The floor, a band of rows at a time: the printed track, and what lies round it.

Most of a picture's floor is plain: road between its lines, or the hall's floor. A map of how far it is
from any place to the nearest change of colour (`Surface.calm`) tells which blocks of pixels are; only
the others are looked up pixel by pixel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sim.compiled import njit_fast
from sim.render_tables import (
    ANYWHERE,
    BAND,
    BLOCK,
    BLOCK_BEYOND,
    BLOCK_OFF_TRACK,
    BLOCK_RADIUS,
    BLOCK_SLOPE,
    BLOCK_VALUE,
    BLOCKS,
    HALF,
    HORIZON_SLOPE,
    OFF_TRACK,
    ONE,
    PER_TEXEL,
    PLACES,
    REACH,
    SHARE_U,
    SHARE_V,
    SLOPE,
    SLOPE_SCALE,
    SLOPES,
    STEEPEST,
    TS,
    VALUE,
    ZERO,
    X,
    Y,
)
from sim.surface import CALM_CELL, LEVELS, TEXEL_M, TILE_TEXELS

RIM = np.float32(1.01)
CELL = np.float32(CALM_CELL)
PER_CELL = np.float32(1.0 / CALM_CELL)
NO_CODE, LOW_BYTE, EIGHT = (np.uint32(value) for value in (0, 255, 8))
NEXT_ROW = TILE_TEXELS + 1
TILE, ROW_BYTES, TILE_BYTES = (np.int32(number) for number in (TILE_TEXELS, NEXT_ROW, NEXT_ROW**2))
PER_TILE = np.float32(1.0 / TILE_TEXELS)
LAST_SLOPE = np.float32(SLOPES - 1)
LEVEL_SHIFT, MOST_SAMPLES = 2, 3
"""A kind of look-up: the map's level, and in its two lowest bits the number of samples."""
BLOCK_RADIUS_SHARE, TEXEL_RADIUS = np.float32(0.55), np.float32(2.2)
"""How far a block reaches from its middle, of its length; and a look-up from its place, of a texel. Both with
a little to spare."""


@njit_fast
def slope_table(height_m: float, pixel_rad: float, kinds: Any, reaches: Any) -> None:
    """For every slope below the horizon: the kind of look-up that covers a pixel, and how far one reaches."""
    for index in range(SLOPES):
        slope = (index + 0.5) * (STEEPEST / SLOPES)
        distance = height_m / slope
        across = distance * pixel_rad
        along = distance * distance / height_m * pixel_rad
        ratio = along / across
        samples = 1 if ratio < 5.0 else (2 if ratio < 12.0 else 3)
        footprint = max(across, along / samples)
        level = math.floor(math.log2(max(footprint / TEXEL_M, 1.0)) + 0.5)
        level = min(level, LEVELS - 1)
        kinds[index] = level << LEVEL_SHIFT | samples
        reaches[index] = TEXEL_RADIUS * np.float32(1 << level)


@njit_fast
def meet_floor(band: Any, view: Any, pixel_rad: Any) -> None:
    """Fill in where a band's rays meet the floor, and how far along it a pixel reaches, in metres.

    Rays above the horizon meet it far away, where there is nothing.
    """
    cosine, sine = np.float32(math.cos(view.yaw_rad)), np.float32(math.sin(view.yaw_rad))
    height, x0, y0 = np.float32(view.height_m), np.float32(view.x_m), np.float32(view.y_m)
    per_reach = pixel_rad / height
    for place in range(BAND):
        distance = height / max(-band[SLOPE + place], -HORIZON_SLOPE)
        left = band[TS + place] * distance
        band[X + place] = x0 + distance * cosine - left * sine
        band[Y + place] = y0 + distance * sine + left * cosine
        band[REACH + place] = distance * distance * per_reach


@njit_fast
def floor_band(band: Any, view: Any, ground: Any, track: int, tone: Any, scratch: Any) -> bool:
    """Fill in the grey of the floor for a band of rays, and how much of each pixel is off the track.

    Args:
        band: see `sim.render_tables`, with rays and where they meet the floor.
        view: of `VIEW_DTYPE`.
        ground: the tracks' maps, see `sim.renderer`.
        track: number of the map.
        tone: float32 (256,), grey of every code.
        scratch: with kinds of look-up by slope.

    Returns:
        Whether any pixel may be off the track.
    """
    busy, outside = _fill_calm_blocks(band, ground, track, tone, scratch)
    kinds, begin = scratch.kinds, 0
    while begin < busy:
        # Blocks on end that are looked up in the same level, with as many samples.
        end = begin + 1
        while end < busy and kinds[end] == kinds[begin]:
            end += 1
        _look_up(begin, end, band, view, ground, track, tone, scratch)
        begin = end
    return outside or busy > 0


@njit_fast
def _fill_calm_blocks(band: Any, ground: Any, track: int, tone: Any, scratch: Any) -> tuple[int, bool]:
    """Fill in the blocks of one colour; note the others, and return their number and whether any is floor."""
    start, blocks, kinds = ground.calm_starts[track], scratch.blocks, scratch.kinds
    _measure_blocks(band, ground.origins[track], ground.calm_sizes[track], scratch.cells, scratch.slopes)
    busy, outside = 0, ZERO
    for block in range(BLOCKS):
        # Without a branch: which blocks are plain is hard to guess, and a wrong guess costs as much again.
        calm = np.uint32(ground.calm[(start + scratch.cells[block]) & ANYWHERE])
        known, code = np.float32(calm >> EIGHT), calm & LOW_BYTE
        slope = scratch.slopes[block] & (SLOPES - 1)
        radius = band[BLOCK_RADIUS + block] + scratch.reaches[slope]
        unknown = radius * radius - known * known - band[BLOCK_BEYOND + block]
        off_track = ONE if code == NO_CODE else ZERO
        band[BLOCK_VALUE + block], band[BLOCK_OFF_TRACK + block] = tone[code], off_track
        outside += off_track
        blocks[busy & PLACES], kinds[busy & PLACES] = block * BLOCK, scratch.kinds_by_slope[slope]
        # Above the horizon there is nothing to look up.
        busy += 1 if min(unknown, -band[BLOCK_SLOPE + block]) >= ZERO else 0
    _spread_blocks(band)
    return busy, bool(outside > ZERO)


@njit_fast
def _spread_blocks(band: Any) -> None:
    """Fill in every pixel of a band with what its block has."""
    for block in range(BLOCKS):
        value, off_track = band[BLOCK_VALUE + block], band[BLOCK_OFF_TRACK + block]
        for place in range(BLOCK):
            band[VALUE + block * BLOCK + place] = value
            band[OFF_TRACK + block * BLOCK + place] = off_track


@njit_fast
def _measure_blocks(band: Any, origin: Any, size: Any, cells: Any, slopes: Any) -> None:
    """Fill in where a band's blocks lie in the map of calm places, or how far beyond it, and their reach.

    Distances are in texels. A block's slope is above zero only where all of the block is above the horizon.
    """
    x0, y0, width = np.float32(origin[0]), np.float32(origin[1]), np.int32(size[1])
    right, top = np.float32(size[1]) - HALF, np.float32(size[0]) - HALF
    per_cell = PER_TEXEL * PER_CELL
    for block in range(BLOCKS):
        first, last = block * BLOCK, block * BLOCK + BLOCK - 1
        du, dv = band[X + last] - band[X + first], band[Y + last] - band[Y + first]
        u = ((band[X + first] + du * HALF) - x0) * per_cell
        v = ((band[Y + first] + dv * HALF) - y0) * per_cell
        near_u, near_v = min(max(u, ZERO), right), min(max(v, ZERO), top)
        cells[block] = np.int32(near_v) * width + np.int32(near_u)
        beyond_u, beyond_v = (u - near_u) * CELL, (v - near_v) * CELL
        band[BLOCK_BEYOND + block] = beyond_u * beyond_u + beyond_v * beyond_v
        longest = max(band[REACH + first], band[REACH + last])
        slant = ONE + max(abs(band[TS + first]), abs(band[TS + last]))
        radius = np.sqrt(du * du + dv * dv) * BLOCK_RADIUS_SHARE + longest * slant * HALF
        band[BLOCK_RADIUS + block] = radius * PER_TEXEL
        middle = band[SLOPE + first + BLOCK // 2]
        slopes[block] = np.int32(min(max(-middle * SLOPE_SCALE, ZERO), LAST_SLOPE))
        above = min(band[SLOPE + first], band[SLOPE + last])
        band[BLOCK_SLOPE + block] = min(above, middle)


@njit_fast
def _look_up(
    begin: int, end: int, band: Any, view: Any, ground: Any, track: int, tone: Any, scratch: Any
) -> None:
    """Fill in the grey of some blocks from one level; far pixels are long and take several samples."""
    blocks, places, kind = scratch.blocks, scratch.places, scratch.kinds[begin]
    level, count = kind >> LEVEL_SHIFT, kind & MOST_SAMPLES
    per_m, size = PER_TEXEL / np.float32(1 << level), ground.sizes[track, level]
    start, across = ground.starts[track] + ground.offsets[track, level], np.int32(ground.across[track, level])
    share = ONE / np.float32(count)
    first, length = blocks[begin], blocks[end - 1] + BLOCK - blocks[begin]
    for sample in range(count):
        ahead = (np.float32(sample) - HALF * np.float32(count - 1)) * share
        _find_texels(first, length, ahead, band, view, ground.origins[track], per_m, size, across, places)
        kept = ONE if sample else ZERO
        _add_texels(blocks, begin, end, kept, share, band, places, ground.tiles, start, tone)


@njit_fast
def _find_texels(
    first: int,
    length: int,
    ahead: Any,
    band: Any,
    view: Any,
    origin: Any,
    per_m: Any,
    size: Any,
    across: Any,
    places: Any,
) -> None:
    """Fill in where in a level's tiles samples lie, for `length` pixels of a band from `first` on.

    They lie `ahead` of the pixels' middles by so much of a pixel; `across` tiles lie beside each other.
    """
    cosine, sine = np.float32(math.cos(view.yaw_rad)) * per_m, np.float32(math.sin(view.yaw_rad)) * per_m
    x0, y0 = np.float32(origin[0]) + HALF / per_m, np.float32(origin[1]) + HALF / per_m
    # The map's rim is plain floor, so that what lies beyond may take it from there.
    right, top = np.float32(size[1]) - RIM, np.float32(size[0]) - RIM
    for step in range(length):
        place = (first & PLACES) + step
        reach, t = band[REACH + place] * ahead, band[TS + place]
        u = (band[X + place] - x0) * per_m + (cosine - t * sine) * reach
        v = (band[Y + place] - y0) * per_m + (sine + t * cosine) * reach
        u, v = min(max(u, ZERO), right), min(max(v, ZERO), top)
        texel_u, texel_v = np.int32(u), np.int32(v)
        band[SHARE_U + place], band[SHARE_V + place] = u - np.float32(texel_u), v - np.float32(texel_v)
        tile_u = np.int32((np.float32(texel_u) + HALF) * PER_TILE)
        tile_v = np.int32((np.float32(texel_v) + HALF) * PER_TILE)
        inside = (texel_v - tile_v * TILE) * ROW_BYTES + texel_u - tile_u * TILE
        places[place] = (tile_v * across + tile_u) * TILE_BYTES + inside


@njit_fast
def _add_texels(
    blocks: Any,
    begin: int,
    end: int,
    kept: Any,
    share: Any,
    band: Any,
    places: Any,
    tiles: Any,
    start: int,
    tone: Any,
) -> None:
    """Add a share of the grey between four texels to what is kept of every pixel of some blocks."""
    for number in range(begin, end):
        first = blocks[number] & PLACES
        for place in range(first, first + BLOCK):
            at = (start + np.int64(places[place])) & ANYWHERE
            near_left, near_right = tiles[at], tiles[at + 1]
            far_left, far_right = tiles[at + NEXT_ROW], tiles[at + NEXT_ROW + 1]
            near = tone[near_left] + (tone[near_right] - tone[near_left]) * band[SHARE_U + place]
            far = tone[far_left] + (tone[far_right] - tone[far_left]) * band[SHARE_U + place]
            grey = near + (far - near) * band[SHARE_V + place]
            band[VALUE + place] = band[VALUE + place] * kept + grey * share
            floor = (near_left | near_right | far_left | far_right) == NO_CODE
            band[OFF_TRACK + place] = band[OFF_TRACK + place] * kept + (share if floor else ZERO)
