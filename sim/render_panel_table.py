"""The table of panels: what stands or hangs round the track, by direction.

The table has a column for every small range of t, and in it the panels that are seen there, nearest
first. Whatever does not change along a column (distance, stripes, gaps of a fence) is worked out once
per column, and what nearer panels hide is left out.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.compiled import njit_fast
from sim.render_tables import (
    BIG,
    BINS,
    DEPTH,
    FOUR,
    HALF,
    MOST_OBJECTS,
    NOISE_SIZE,
    ONE,
    QUARTER,
    TWO,
    WARP,
    ZERO,
)

BELOW_FLOOR = np.float32(-0.05)
NEAREST_M = np.float32(0.03)
FARTHEST_M = np.float32(500.0)
PER_M = np.float32(65_536.0)
"""Steps of distance in a key."""
NO_KEY = np.int32(2**31 - 1)
OPAQUE = np.float32(0.999)
SHORTEST_M = np.float32(1e-4)
AX, AY, DX, DY, CROSS, FROM_X, FROM_Y, FIRST, LAST = range(9)
"""A panel seen from the camera: its nearer part from (AX, AY) along (DX, DY), where the whole of it begins,
and which columns of the table it takes, in parts of columns."""
AT_LOW, AT_HIGH, AT_COVER, AT_GREY, AT_ALONG, AT_PRINT_LOW, AT_PRINT_RISE, AT_PRINT_DEPTH = (
    field * DEPTH * BINS for field in range(8)
)
"""Of an entry: the slopes between which it is seen, how much of a pixel it covers, its grey, the place along
the panel; where in the print's tile slopes of zero and one lie (of a fine one: the distance), and how much
the print shows."""
FINE = np.float32(-1.0)
"""In place of a print's depth: every pixel has to be worked out by itself."""


def table_middles(widest: float) -> npt.NDArray[np.float32]:
    """Return t in the middle of every column of a table that goes to +- `widest`, float32 (BINS,)."""
    half = widest / (1.0 + float(WARP) * widest)
    place = ((np.arange(BINS) + 0.5) / BINS * 2.0 - 1.0) * half
    return np.asarray(place / (1.0 - float(WARP) * np.abs(place)), dtype=np.float32)


@njit_fast
def warped(t: Any) -> Any:
    """Return the place along the table of a t."""
    return t / (ONE + WARP * abs(t))


@njit_fast
def _unwarped(place: Any) -> Any:
    return place / (ONE - WARP * abs(place))


@njit_fast
def flicker(objects: Any, greys: Any, noise: Any, start: int, lit: Any) -> None:
    """Fill in every object's grey in this picture: lamps and displays flicker, the rest stays."""
    for number in range(len(objects)):
        chance = noise[(start + 977 * number) & (NOISE_SIZE - 1)]
        lit[number] = greys[number] * max(ONE + objects[number].flicker * chance, ZERO)


@njit_fast
def _turn_to_camera(thing: Any, view: Any, cosine: Any, sine: Any, segment: Any) -> bool:
    """Fill in where a panel is as the camera sees it, cut off at the camera; return whether it is ahead."""
    x, y = np.float32(thing.x0_m - view.x_m), np.float32(thing.y0_m - view.y_m)
    ax, ay = x * cosine + y * sine, y * cosine - x * sine
    if thing.faces_viewer:
        span = np.float32(math.sqrt(ax * ax + ay * ay))
        if span < NEAREST_M:
            return False
        half = thing.x1_m / span
        ax, ay, bx, by = ax - ay * half, ay + ax * half, ax + ay * half, ay - ax * half
    else:
        x, y = np.float32(thing.x1_m - view.x_m), np.float32(thing.y1_m - view.y_m)
        bx, by = x * cosine + y * sine, y * cosine - x * sine
    dx, dy = bx - ax, by - ay
    if (ax < NEAREST_M and bx < NEAREST_M) or dx * dx + dy * dy < SHORTEST_M * SHORTEST_M:
        return False
    segment[FROM_X], segment[FROM_Y] = ax, ay
    if ax < NEAREST_M:
        ax, ay = NEAREST_M, ay + (NEAREST_M - ax) / dx * dy
    elif bx < NEAREST_M:
        bx, by = NEAREST_M, by + (NEAREST_M - bx) / dx * dy
    segment[AX], segment[AY], segment[DX], segment[DY] = ax, ay, dx, dy
    segment[CROSS] = ax * dy - ay * dx
    left, right = warped(ay / ax), warped(by / bx)
    segment[FIRST], segment[LAST] = min(left, right), max(left, right)
    return True


@njit_fast
def _place_of(segment: Any, column: int, half_table: Any, per_place: Any) -> tuple[Any, Any, Any]:
    """Return t in the middle of what a panel takes of a column, its distance there, and how much it takes."""
    start, end = np.float32(column), np.float32(column + 1)
    first, last = max(segment[FIRST], start), min(segment[LAST], end)
    t = _unwarped((first + last) * HALF / per_place - half_table)
    facing = segment[DY] - t * segment[DX]
    if abs(facing) < np.float32(1e-6):
        facing = np.float32(1e-6)
    return t, segment[CROSS] / facing, last - first


@njit_fast
def tabulate(objects: Any, view: Any, middles: Any, scratch: Any) -> None:
    """Fill in, column by column, the keys of the panels seen from a camera: distance, then number."""
    cosine, sine = np.float32(math.cos(view.yaw_rad)), np.float32(math.sin(view.yaw_rad))
    half_table = warped(np.float32(view.widest))
    per_place = np.float32(BINS) / (TWO * half_table)
    keys, spans = scratch.keys, scratch.spans
    keys[:] = NO_KEY
    for number in range(len(objects)):
        segment = scratch.segments[number]
        if not objects[number].visible or not _turn_to_camera(objects[number], view, cosine, sine, segment):
            continue
        segment[FIRST] = (segment[FIRST] + half_table) * per_place
        segment[LAST] = (segment[LAST] + half_table) * per_place
        if segment[LAST] <= ZERO or segment[FIRST] >= np.float32(BINS):
            continue
        first, last = max(int(segment[FIRST]), 0), min(int(segment[LAST]), BINS - 1)
        cross, dx, dy = segment[CROSS], segment[DX], segment[DY]
        for column in range(first, last + 1):
            facing = dy - middles[column] * dx
            spans[column] = cross / (facing if abs(facing) > np.float32(1e-6) else np.float32(1e-6))
        spans[first] = _place_of(segment, first, half_table, per_place)[1]
        spans[last] = _place_of(segment, last, half_table, per_place)[1]
        for column in range(first, last + 1):
            if spans[column] > NEAREST_M and spans[column] < FARTHEST_M:
                _insert(
                    keys,
                    column * DEPTH,
                    np.int32(spans[column] * PER_M) * np.int32(MOST_OBJECTS) + np.int32(number),
                )


@njit_fast
def _insert(keys: Any, start: int, key: Any) -> None:
    """Keep a panel in a column's list, nearest first; the farthest falls off the end."""
    slot = start + DEPTH - 1
    if keys[slot] <= key:
        return
    while slot > start and keys[slot - 1] > key:
        keys[slot] = keys[slot - 1]
        slot -= 1
    keys[slot] = key


@njit_fast
def finish_table(objects: Any, view: Any, pixel_rad: Any, scratch: Any) -> float:
    """Work out what every entry looks like, and leave out what nearer panels hide.

    Returns:
        The nearest panel's distance.
    """
    half_table = warped(np.float32(view.widest))
    per_place = np.float32(BINS) / (TWO * half_table)
    height, nearest = np.float32(view.height_m), BIG
    keys, entries, counts, limits = scratch.keys, scratch.entries, scratch.counts, scratch.limits
    for column in range(BINS):
        roof, lowest, highest, kept = -BIG, BIG, -BIG, 0
        for slot in range(DEPTH):
            key = keys[column * DEPTH + slot]
            if key == NO_KEY:
                break
            number = key & (MOST_OBJECTS - 1)
            thing, segment = objects[number], scratch.segments[number]
            t, distance, share = _place_of(segment, column, half_table, per_place)
            low, high = (thing.bottom_m - height) / distance, (thing.top_m - height) / distance
            nearest = min(nearest, distance)
            if high + pixel_rad < roof:
                continue
            at = kept * BINS + column
            scratch.owners[at] = number
            entries[AT_LOW + at], entries[AT_HIGH + at] = low, high
            along_x, along_y = distance - segment[FROM_X], t * distance - segment[FROM_Y]
            along = np.float32(math.sqrt(along_x * along_x + along_y * along_y))
            size = distance * pixel_rad
            entries[AT_GREY + at] = scratch.greys[number] * stripes(thing, along, ZERO, size)
            cover = share * _bars(thing, along, size)
            entries[AT_COVER + at] = cover
            if thing.bottom_m <= ZERO and cover > OPAQUE and thing.taper <= ZERO:
                roof = max(roof, high)
            _note_print(thing, entries, at, along, distance, height, size)
            lowest, highest = min(lowest, low), max(highest, high)
            kept += 1
        for slot in range(kept, DEPTH):
            entries[AT_COVER + slot * BINS + column] = ZERO
        counts[column] = kept
        limits[column], limits[BINS + column] = lowest - pixel_rad, highest + pixel_rad
    return float(nearest)


@njit_fast
def _note_print(thing: Any, entries: Any, at: int, along: Any, distance: Any, height: Any, size: Any) -> None:
    """Fill in where the pixels of a column lie in the tile of the print."""
    entries[AT_PRINT_DEPTH + at], entries[AT_ALONG + at] = ZERO, along
    if thing.checks > ZERO or thing.taper > ZERO:
        entries[AT_PRINT_DEPTH + at], entries[AT_PRINT_RISE + at] = FINE, distance
    elif thing.print_contrast > ZERO:
        per_m = thing.print_per_m * TWO
        entries[AT_PRINT_LOW + at], entries[AT_PRINT_RISE + at] = height * per_m, distance * per_m
        entries[AT_ALONG + at] = along * thing.print_per_m
        entries[AT_PRINT_DEPTH + at] = thing.print_contrast * min(ONE, ONE / (size * thing.print_per_m))


@njit_fast
def stripes(thing: Any, along: Any, height: Any, size: Any) -> Any:
    """Return the light of stripes or checks at a place on a panel; what is finer than a pixel fades."""
    if thing.stripe_contrast <= ZERO:
        return ONE
    wave = along * thing.stripe_per_m + thing.stripe_phase
    if thing.checks > ZERO:
        wave += HALF * np.float32(math.floor(height * thing.stripe_per_m * TWO) & 1)
    wave = abs(TWO * (wave - np.float32(math.floor(wave))) - ONE) * FOUR - TWO
    fade = min(ONE, QUARTER / (size * thing.stripe_per_m))
    return ONE + thing.stripe_contrast * fade * min(max(wave, -ONE), ONE)


@njit_fast
def _bars(thing: Any, along: Any, size: Any) -> Any:
    """Return how much of a place a fence's bars fill."""
    if thing.gap_share <= ZERO:
        return ONE
    bar = along * thing.bars_per_m
    bar -= np.float32(math.floor(bar))
    # Bars finer than a pixel become a veil.
    sharp = min(ONE, HALF / (size * thing.bars_per_m))
    there = ONE if bar > thing.gap_share else ZERO
    return there * sharp + (ONE - thing.gap_share) * (ONE - sharp)
