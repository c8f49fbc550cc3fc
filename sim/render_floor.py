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
    BLOCK,
    BLOCK_OFF_TRACK,
    BLOCK_RADIUS,
    BLOCK_SLOPE,
    BLOCK_U,
    BLOCK_V,
    BLOCK_VALUE,
    BLOCKS,
    BAND,
    HALF,
    HORIZON_SLOPE,
    OFF_TRACK,
    ONE,
    PER_TEXEL,
    PLACES,
    REACH,
    SHADE_SIZE,
    SLOPE,
    SLOPE_SCALE,
    SLOPES,
    STEEPEST,
    TS,
    VALUE,
    ZERO,
    X,
    Y,
    whole,
)
from sim.surface import CALM_CELL, LEVELS, TEXEL_M

FLAT, CARPET, PLANKS, CONCRETE, TILES = range(5)
FLOORS = ("flat", "carpet", "planks", "concrete", "tiles")
"""What lies round the track; `LIGHT_DTYPE`'s floor_kind counts along these."""

CLOUD = np.float32(4.1)
THIRD = np.float32(0.35)
JOINT = np.float32(0.04)
OFTEN = np.float32(37.0)
RIM = np.float32(1.01)
CELL = np.float32(CALM_CELL)
PER_CELL = np.float32(1.0 / CALM_CELL)
ZERO_QUAD, LOW_BYTE, EIGHT, SIXTEEN, TWENTY_FOUR = (np.uint32(value) for value in (0, 255, 8, 16, 24))
BLOCK_RADIUS_SHARE, TEXEL_RADIUS = np.float32(0.55), np.float32(2.2)
"""How far a block reaches from its middle, of its length; and a look-up from its place, of a texel. Both with
a little to spare."""


@njit_fast
def slope_table(height_m: float, pixel_rad: float, levels: Any, taps: Any) -> None:
    """For every slope below the horizon: map level, and samples along the view to cover a pixel."""
    for index in range(SLOPES):
        slope = (index + 0.5) * (STEEPEST / SLOPES)
        distance = height_m / slope
        across = distance * pixel_rad
        along = distance * distance / height_m * pixel_rad
        ratio = along / across
        taps[index] = 1 if ratio < 5.0 else (2 if ratio < 12.0 else 3)
        footprint = max(across, along / taps[index])
        level = math.floor(math.log2(max(footprint / TEXEL_M, 1.0)) + 0.5)
        levels[index] = min(level, LEVELS - 1)


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
        scratch: with map levels and samples by slope.

    Returns:
        Whether any pixel may be off the track.
    """
    origin = ground.origins[track]
    x0, y0 = np.float32(origin[0]), np.float32(origin[1])
    busy, outside = _fill_calm_blocks(
        band,
        x0,
        y0,
        ground.calm,
        ground.calm_starts[track],
        ground.calm_sizes[track],
        tone,
        scratch.levels,
        scratch.blocks,
    )
    start, offsets, sizes = ground.quad_starts[track], ground.offsets[track], ground.sizes[track]
    cosine, sine = np.float32(math.cos(view.yaw_rad)), np.float32(math.sin(view.yaw_rad))
    blocks, begin = scratch.blocks, 0
    while begin < busy:
        # Blocks on end that are looked up in the same level, with as many samples.
        index = slope_index(band[SLOPE + blocks[begin] + BLOCK // 2])
        level, count, end = scratch.levels[index], scratch.taps[index], begin + 1
        while end < busy:
            index = slope_index(band[SLOPE + blocks[end] + BLOCK // 2])
            if scratch.levels[index] != level or scratch.taps[index] != count:
                break
            end += 1
        per_m, first, size = PER_TEXEL / np.float32(1 << level), start + offsets[level], sizes[level]
        from_x, from_y = x0 + HALF / per_m, y0 + HALF / per_m
        if count == 1:
            _look_up_once(blocks, begin, end, band, from_x, from_y, per_m, ground.quads, first, size, tone)
        else:
            ahead_x, ahead_y = cosine * per_m, sine * per_m
            _look_up(
                blocks, begin, end, count, band, from_x, from_y, per_m, ahead_x, ahead_y, ground.quads, first,
                size, tone,
            )  # fmt: skip
        begin = end
    return outside or busy > 0


@njit_fast
def slope_index(slope: Any) -> int:
    """Return the row of the slope tables for a slope."""
    return min(max(int(-slope * SLOPE_SCALE), 0), SLOPES - 1)


@njit_fast
def _fill_calm_blocks(
    band: Any, x0: Any, y0: Any, calm_map: Any, start: int, size: Any, tone: Any, levels: Any, blocks: Any
) -> tuple[int, bool]:
    """Fill in the blocks of one colour; note the others, and return their number and whether any is floor."""
    _measure_blocks(band, x0, y0)
    height, width = size
    right, top = np.float32(width) - HALF, np.float32(height) - HALF
    busy, outside = 0, False
    for block in range(BLOCKS):
        slope, u, v = band[BLOCK_SLOPE + block], band[BLOCK_U + block], band[BLOCK_V + block]
        near_u, near_v = min(max(u, ZERO), right), min(max(v, ZERO), top)
        calm = np.uint32(calm_map[start + np.int64(near_v) * width + np.int64(near_u)])
        known, code = np.float32(calm >> EIGHT), calm & LOW_BYTE
        beyond_u, beyond_v = (u - near_u) * CELL, (v - near_v) * CELL
        texel = np.float32(1 << levels[slope_index(slope)])
        radius = band[BLOCK_RADIUS + block] + TEXEL_RADIUS * texel
        plain = known * known + beyond_u * beyond_u + beyond_v * beyond_v > radius * radius
        off_track = plain and code == ZERO_QUAD
        band[BLOCK_VALUE + block] = tone[code]
        band[BLOCK_OFF_TRACK + block] = ONE if off_track else ZERO
        outside |= off_track
        blocks[busy] = block * BLOCK
        # Above the horizon there is nothing to look up.
        busy += 0 if plain or slope > ZERO else 1
    for block in range(BLOCKS):
        for place in range(BLOCK):
            band[VALUE + block * BLOCK + place] = band[BLOCK_VALUE + block]
            band[OFF_TRACK + block * BLOCK + place] = band[BLOCK_OFF_TRACK + block]
    return busy, outside


@njit_fast
def _measure_blocks(band: Any, x0: Any, y0: Any) -> None:
    """Fill in where the blocks of a band lie, in cells of the map of calm places, and how far they reach.

    A block's slope is that in its middle; above zero where all of the block is above the horizon.
    """
    per_cell = PER_TEXEL * PER_CELL
    for block in range(BLOCKS):
        first, last = block * BLOCK, block * BLOCK + BLOCK - 1
        du, dv = band[X + last] - band[X + first], band[Y + last] - band[Y + first]
        band[BLOCK_U + block] = ((band[X + first] + du * HALF) - x0) * per_cell
        band[BLOCK_V + block] = ((band[Y + first] + dv * HALF) - y0) * per_cell
        longest = max(band[REACH + first], band[REACH + last])
        slant = ONE + max(abs(band[TS + first]), abs(band[TS + last]))
        radius = np.sqrt(du * du + dv * dv) * BLOCK_RADIUS_SHARE + longest * slant * HALF
        band[BLOCK_RADIUS + block] = radius * PER_TEXEL
        middle = band[SLOPE + first + BLOCK // 2]
        above = min(band[SLOPE + first], band[SLOPE + last]) > ZERO
        band[BLOCK_SLOPE + block] = middle if above else min(middle, ZERO)


@njit_fast
def _look_up_once(
    blocks: Any, begin: int, end: int, band: Any, x0: Any, y0: Any, per_m: Any, quads: Any, first: int,
    size: Any, tone: Any,
) -> None:  # fmt: skip
    """Fill in the grey of blocks of floor from a level of the map, pixel by pixel."""
    stride = size[1]
    # The map's rim is plain floor, so that what lies beyond may take it from there.
    right, top = np.float32(size[1]) - RIM, np.float32(size[0]) - RIM
    for number in range(begin, end):
        start = blocks[number] & PLACES
        for place in range(start, start + BLOCK):
            u, v = (band[X + place] - x0) * per_m, (band[Y + place] - y0) * per_m
            u, v = min(max(u, ZERO), right), min(max(v, ZERO), top)
            texel_u, texel_v = np.int64(u), np.int64(v)
            quad = quads[first + texel_v * stride + texel_u]
            band[VALUE + place] = _between(tone, quad, u - np.float32(texel_u), v - np.float32(texel_v))
            band[OFF_TRACK + place] = ONE if quad == ZERO_QUAD else ZERO


@njit_fast
def _look_up(
    blocks: Any, begin: int, end: int, count: int, band: Any, x0: Any, y0: Any, per_m: Any, ahead_x: Any,
    ahead_y: Any, quads: Any, first: int, size: Any, tone: Any,
) -> None:  # fmt: skip
    """Fill in the grey of blocks of floor, with samples along the view: far pixels are long."""
    stride, share, before = size[1], ONE / np.float32(count), HALF * np.float32(count - 1)
    right, top = np.float32(size[1]) - RIM, np.float32(size[0]) - RIM
    for number in range(begin, end):
        start = blocks[number] & PLACES
        for place in range(start, start + BLOCK):
            reach, t = band[REACH + place] * share, band[TS + place]
            step_u, step_v = (ahead_x - t * ahead_y) * reach, (ahead_y + t * ahead_x) * reach
            u = (band[X + place] - x0) * per_m - step_u * before
            v = (band[Y + place] - y0) * per_m - step_v * before
            total, off_track = ZERO, ZERO
            for _ in range(count):
                at_u, at_v = min(max(u, ZERO), right), min(max(v, ZERO), top)
                texel_u, texel_v = np.int64(at_u), np.int64(at_v)
                quad = quads[first + texel_v * stride + texel_u]
                total += _between(tone, quad, at_u - np.float32(texel_u), at_v - np.float32(texel_v))
                off_track += ONE if quad == ZERO_QUAD else ZERO
                u, v = u + step_u, v + step_v
            band[VALUE + place] = total * share
            band[OFF_TRACK + place] = off_track * share


@njit_fast
def _between(tone: Any, quad: Any, a: Any, b: Any) -> Any:
    """Return the grey between four texels, a share `a` to the right and a share `b` up."""
    near_left, near_right = tone[quad & LOW_BYTE], tone[(quad >> EIGHT) & LOW_BYTE]
    far_left, far_right = tone[(quad >> SIXTEEN) & LOW_BYTE], tone[quad >> TWENTY_FOUR]
    near = near_left + (near_right - near_left) * a
    return near + (far_left + (far_right - far_left) * a - near) * b


@njit_fast
def pattern_band(band: Any, depth: Any, light: Any, shade: Any) -> None:
    """Lay the pattern of the floor off the track over a band; finer than a pixel it fades."""
    mask, per_m, kind = SHADE_SIZE - 1, light.floor_per_m, light.floor_kind
    along, across = light.floor_cos * per_m, light.floor_sin * per_m
    finest = HALF / per_m
    for place in range(BAND):
        here = band[OFF_TRACK + place]
        if here <= ZERO:
            continue
        x, y = band[X + place], band[Y + place]
        u, v = x * along + y * across, y * along - x * across
        if kind == CARPET:
            pattern = shade[(np.int32(v * OFTEN) & mask) * SHADE_SIZE + (np.int32(u * OFTEN) & mask)]
        elif kind == PLANKS:
            tile, row_of = whole(u), whole(v * THIRD)
            tone = shade[(tile * 37 & mask) * SHADE_SIZE + (row_of * 11 & mask)]
            pattern = tone - (ONE if u - np.float32(tile) < JOINT else ZERO)
        elif kind == CONCRETE:
            cloud = shade[(np.int32(v * CLOUD) & mask) * SHADE_SIZE + (np.int32(u * CLOUD) & mask)]
            edge = min(u - np.float32(whole(u)), v - np.float32(whole(v)))
            pattern = cloud * HALF - (ONE if edge < JOINT * HALF else ZERO)
        else:
            pattern = ONE if (whole(u) + whole(v)) & 1 else -ONE
        band[VALUE + place] += here * depth * pattern * min(ONE, finest / band[REACH + place])
