"""What stands or hangs round the track, laid over the picture from its table (`sim.render_panel_table`).

A band of rows copies what its pixels see into rows of plain numbers, one depth at a time, and lays it
over the picture with arithmetic alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from car.preprocess import WIDTH
from sim.compiled import njit_fast
from sim.render_panel_table import (
    AT_ALONG,
    AT_COVER,
    AT_GREY,
    AT_HIGH,
    AT_LOW,
    AT_PRINT_DEPTH,
    AT_PRINT_LOW,
    AT_PRINT_RISE,
    stripes,
    warped,
)
from sim.render_tables import (
    BAND,
    BINS,
    COVER,
    GREY,
    HALF,
    HIGH,
    LIGHT,
    LOW,
    ONE,
    PASSING,
    PLACES,
    PRINT,
    PRINT_DEPTH,
    PRINT_LOW,
    PRINT_RISE,
    ROWS,
    SHADE_SIZE,
    SLOPE,
    TS,
    TWO,
    VALUE,
    ZERO,
)

TILE = 32
"""Columns of the picture that are laid over together."""
NOTHING, PLAIN, PRINTED, FINELY = range(4)


@njit_fast
def panel_band(
    lowest: Any, highest: Any, objects: Any, view: Any, pixel_rad: Any, shade: Any, scratch: Any
) -> None:
    """Lay the panels over a band of rows, front to back, each as far as it covers a pixel.

    Args:
        lowest: smallest slope of the band's rays.
        highest: largest slope.
        objects: `OBJECT_DTYPE` (O,).
        view: of `VIEW_DTYPE`.
        pixel_rad: angle of a pixel.
        shade: the tile that prints are taken from.
        scratch: with the table of panels filled in.
    """
    half_table = warped(np.float32(view.widest))
    per_place = np.float32(BINS) / (TWO * half_table)
    band, columns, limits = scratch.band, scratch.columns, scratch.limits
    middle = TS + (ROWS // 2) * WIDTH
    for pixel in range(WIDTH):
        # Halfway between two rows is the middle of the band.
        t = (band[middle + pixel - WIDTH] + band[middle + pixel]) * HALF
        columns[pixel] = np.int32(min(max((warped(t) + half_table) * per_place, ZERO), np.float32(BINS - 1)))
    deepest, shown = 0, False
    for pixel in range(WIDTH):
        column = columns[pixel]
        scratch.depths[pixel] = scratch.counts[column]
        deepest = max(deepest, scratch.counts[column])
        shown |= limits[column] < highest and limits[BINS + column] > lowest
    if not shown:
        return
    for place in range(BAND):
        band[LIGHT + place], band[PASSING + place] = ZERO, ONE
    per_slope = ONE / pixel_rad
    for slot in range(deepest):
        kind, first, last = _copy_entries(slot, lowest - pixel_rad, highest + pixel_rad, scratch)
        if kind == NOTHING:
            continue
        if kind == PLAIN:
            _lay_plain(first, last, band, per_slope)
        elif kind == PRINTED:
            _lay_printed(first, last, band, per_slope, scratch.prints, shade)
        else:
            _lay_fine(first, last, band, slot * BINS, per_slope, objects, view, shade, scratch)
    for place in range(BAND):
        band[VALUE + place] = band[VALUE + place] * band[PASSING + place] + band[LIGHT + place]


@njit_fast
def _copy_entries(slot: int, lowest: Any, highest: Any, scratch: Any) -> tuple[int, int, int]:
    """Copy what each pixel of a band sees at one depth into plain rows.

    Returns:
        What kind of thing it is, and the first of the pixels that see any and one past the last.
    """
    band, entries, columns, depths = scratch.band, scratch.entries, scratch.columns, scratch.depths
    kind, first, last, start = NOTHING, WIDTH, 0, slot * BINS
    for pixel in range(WIDTH):
        band[COVER + pixel] = ZERO
        band[PRINT_DEPTH + pixel] = ZERO
        if depths[pixel] <= slot:
            continue
        at = start + columns[pixel]
        low, high, cover = entries[AT_LOW + at], entries[AT_HIGH + at], entries[AT_COVER + at]
        if low > highest or high < lowest or cover <= ZERO:
            continue
        band[LOW + pixel], band[HIGH + pixel], band[COVER + pixel] = low, high, cover
        band[GREY + pixel] = entries[AT_GREY + at]
        first, last = min(first, pixel), pixel + 1
        print_depth = entries[AT_PRINT_DEPTH + at]
        if print_depth > ZERO:
            scratch.prints[pixel] = np.int32(entries[AT_ALONG + at]) & (SHADE_SIZE - 1)
            band[PRINT_LOW + pixel] = entries[AT_PRINT_LOW + at]
            band[PRINT_RISE + pixel] = entries[AT_PRINT_RISE + at]
            band[PRINT_DEPTH + pixel] = print_depth
        kind = max(kind, FINELY if print_depth < ZERO else (PRINTED if print_depth > ZERO else PLAIN))
    return kind, first, last


@njit_fast
def _covered(slope: Any, low: Any, high: Any, share: Any, per_slope: Any) -> Any:
    """Return the share of a pixel that lies between bottom and top: soft edges."""
    above = min(max((slope - low) * per_slope + HALF, ZERO), ONE)
    below = min(max((high - slope) * per_slope + HALF, ZERO), ONE)
    return max(above + below - ONE, ZERO) * share


@njit_fast
def _lay_plain(first: int, last: int, band: Any, per_slope: Any) -> None:
    """Lay panels of one depth over a band, a tile of columns at a time."""
    for tile in range(first // TILE & PLACES, (last + TILE - 1) // TILE):
        for row in range(ROWS):
            for step in range(TILE):
                pixel = tile * TILE + step
                place = row * WIDTH + pixel
                slope, passing = band[SLOPE + place], band[PASSING + place]
                low, high, share = band[LOW + pixel], band[HIGH + pixel], band[COVER + pixel]
                cover = passing * _covered(slope, low, high, share, per_slope)
                band[LIGHT + place] += cover * band[GREY + pixel]
                band[PASSING + place] = passing - cover


@njit_fast
def _lay_printed(first: int, last: int, band: Any, per_slope: Any, prints: Any, shade: Any) -> None:
    """Lay panels of one depth over a band, some of them with a print."""
    for tile in range(first // TILE & PLACES, (last + TILE - 1) // TILE):
        for row in range(ROWS):
            for step in range(TILE):
                pixel = tile * TILE + step
                place = row * WIDTH + pixel
                slope, passing = band[SLOPE + place], band[PASSING + place]
                low, high, share = band[LOW + pixel], band[HIGH + pixel], band[COVER + pixel]
                cover = passing * _covered(slope, low, high, share, per_slope)
                light = cover * band[GREY + pixel]
                band[LIGHT + place] += light
                band[PASSING + place] = passing - cover
                band[PRINT + place] = light * band[PRINT_DEPTH + pixel]
    for pixel in range(first & PLACES, last):
        if band[PRINT_DEPTH + pixel] <= ZERO:
            continue
        low, per_slope, column = band[PRINT_LOW + pixel], band[PRINT_RISE + pixel], prints[pixel]
        for place in range(pixel, BAND, WIDTH):
            rise = np.int32(low + band[SLOPE + place] * per_slope) & (SHADE_SIZE - 1)
            band[LIGHT + place] += band[PRINT + place] * shade[rise * SHADE_SIZE + column]


@njit_fast
def _lay_fine(
    first: int,
    last: int,
    band: Any,
    start: int,
    per_slope: Any,
    objects: Any,
    view: Any,
    shade: Any,
    scratch: Any,
) -> None:
    """Lay panels of one depth over a band, some of them checked or narrowing towards their top."""
    entries, height_m = scratch.entries, np.float32(view.height_m)
    for place in range(BAND):
        pixel = place % WIDTH
        if pixel < first or pixel >= last:
            continue
        at = start + scratch.columns[pixel]
        slope, passing = band[SLOPE + place], band[PASSING + place]
        cover = _covered(slope, band[LOW + pixel], band[HIGH + pixel], band[COVER + pixel], per_slope)
        if cover * passing <= ZERO:
            continue
        grey, depth = band[GREY + pixel], entries[AT_PRINT_DEPTH + at]
        if depth < ZERO:
            owner, distance = scratch.owners[at], entries[AT_PRINT_RISE + at]
            height, size = height_m + slope * distance, distance / per_slope
            thing, along = objects[owner], entries[AT_ALONG + at]
            grey = scratch.greys[owner] * stripes(thing, along, height, size)
            grey *= _print(thing, along, height, size, shade)
            cover *= _narrowed(thing, along, height, size)
        elif depth > ZERO:
            rise = np.int32(entries[AT_PRINT_LOW + at] + slope * entries[AT_PRINT_RISE + at])
            across = np.int32(entries[AT_ALONG + at]) & (SHADE_SIZE - 1)
            grey *= ONE + depth * shade[(rise & (SHADE_SIZE - 1)) * SHADE_SIZE + across]
        band[LIGHT + place] += cover * passing * grey
        band[PASSING + place] = passing - cover * passing


@njit_fast
def _print(thing: Any, along: Any, height: Any, size: Any, shade: Any) -> Any:
    """Return the light of the print at a place on a panel."""
    if thing.print_contrast <= ZERO:
        return ONE
    mask, per_m = SHADE_SIZE - 1, thing.print_per_m
    u, v = np.int32(along * per_m) & mask, np.int32(height * per_m * TWO) & mask
    return ONE + thing.print_contrast * min(ONE, ONE / (size * per_m)) * shade[v * SHADE_SIZE + u]


@njit_fast
def _narrowed(thing: Any, along: Any, height: Any, size: Any) -> Any:
    """Return how much of a place is there on a thing that narrows towards its top."""
    if thing.taper <= ZERO:
        return ONE
    half = thing.x1_m * (ONE - thing.taper * min(height / thing.top_m, ONE))
    return min(max((half - abs(along - thing.x1_m)) / size + HALF, ZERO), ONE)
