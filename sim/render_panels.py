"""What stands or hangs round the track: vertical panels, tabulated over t, then laid over a row of pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from car.preprocess import WIDTH
from sim.render_tables import BIG, BINS, DEPTH, FOUR, HALF, NOISE_SIZE, ONE, QUARTER, SHADE_SIZE, TWO, ZERO

NEAREST_M = 0.03
OPAQUE = np.float32(0.02)
DISTANCE, PER_PIXEL, BOTTOM, TOP, SHARE, ALONG = range(6)
"""What the table keeps of a panel in a column: where it is, pixels per metre there, its ends, how much of the
column it fills, and the place along it that is seen."""
BELOW_FLOOR = np.float32(-0.05)


@njit(cache=True, fastmath=True)
def _insert(
    seen: Any, panel: Any, column: int, distance: float, number: int, thing: Any, part: float, place: float
) -> None:
    """Keep a panel in a column's list, nearest first; the farthest falls off the end."""
    slot = DEPTH - 1
    if seen[column, slot, DISTANCE] <= distance:
        return
    while slot > 0 and seen[column, slot - 1, DISTANCE] > distance:
        seen[column, slot] = seen[column, slot - 1]
        panel[column, slot] = panel[column, slot - 1]
        slot -= 1
    entry = seen[column, slot]
    entry[DISTANCE], entry[SHARE], entry[ALONG] = distance, part, place
    entry[BOTTOM], entry[TOP] = thing.bottom_m, thing.top_m
    panel[column, slot] = number


@njit(cache=True, fastmath=True)
def finish_table(seen: Any, limits: Any, height_m: Any, pixel_rad: Any) -> float:
    """Fill in what every pixel of a column needs, and between which slopes a column shows panels at all.

    Returns:
        The nearest panel's distance.
    """
    nearest = BIG
    for column in range(BINS):
        lowest, highest = BIG, -BIG
        for slot in range(DEPTH):
            entry = seen[column, slot]
            if entry[DISTANCE] >= BIG:
                break
            entry[PER_PIXEL] = ONE / (entry[DISTANCE] * pixel_rad)
            margin = HALF * pixel_rad
            lowest = min(lowest, (entry[BOTTOM] - height_m) / entry[DISTANCE] - margin)
            highest = max(highest, (entry[TOP] - height_m) / entry[DISTANCE] + margin)
        limits[column, 0], limits[column, 1] = lowest, highest
        nearest = min(nearest, seen[column, 0, DISTANCE])
    return float(nearest)


@njit(cache=True, fastmath=True)
def tabulate(
    objects: Any,
    x_m: float,
    y_m: float,
    yaw_rad: float,
    widest: float,
    seen: Any,
    panel: Any,
) -> None:
    """Fill the table over t with the panels seen from a camera at x, y looking along yaw."""
    cosine, sine = math.cos(yaw_rad), math.sin(yaw_rad)
    per_t = BINS / (2.0 * widest)
    for number in range(len(objects)):
        thing = objects[number]
        if not thing.visible:
            continue
        ax = (thing.x0_m - x_m) * cosine + (thing.y0_m - y_m) * sine
        ay = -(thing.x0_m - x_m) * sine + (thing.y0_m - y_m) * cosine
        if thing.faces_viewer:
            span = math.sqrt(ax * ax + ay * ay)
            if span < 1e-3:
                continue
            half = thing.x1_m / span
            ax, ay, bx, by = ax - ay * half, ay + ax * half, ax + ay * half, ay - ax * half
        else:
            bx = (thing.x1_m - x_m) * cosine + (thing.y1_m - y_m) * sine
            by = -(thing.x1_m - x_m) * sine + (thing.y1_m - y_m) * cosine
        if ax < NEAREST_M and bx < NEAREST_M:
            continue
        length = math.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
        if length < 1e-4:
            continue
        # Cut off what lies behind the camera; `start` keeps the place along the whole panel.
        start_x, start_y = ax, ay
        if ax < NEAREST_M:
            cut = (NEAREST_M - ax) / (bx - ax)
            ax, ay = NEAREST_M, ay + cut * (by - ay)
        elif bx < NEAREST_M:
            cut = (NEAREST_M - bx) / (ax - bx)
            bx, by = NEAREST_M, by + cut * (ay - by)
        left, right = (ay / ax + widest) * per_t, (by / bx + widest) * per_t
        low, high = min(left, right), max(left, right)
        if high <= 0.0 or low >= BINS:
            continue
        dx, dy = bx - ax, by - ay
        cross = ax * dy - ay * dx
        last = min(int(high), BINS - 1)
        for column in range(max(int(low), 0), last + 1):
            middle = (max(low, float(column)) + min(high, column + 1.0)) * 0.5
            t = middle / per_t - widest
            facing = dy - t * dx
            if abs(facing) < 1e-6:
                continue
            distance = cross / facing
            if distance < NEAREST_M:
                continue
            part = min(high, column + 1.0) - max(low, float(column))
            place = math.sqrt((distance - start_x) ** 2 + (t * distance - start_y) ** 2)
            _insert(seen, panel, column, distance, number, thing, part, place)


@njit(cache=True, fastmath=True)
def flicker(objects: Any, greys: Any, noise: Any, start: int, lit: Any) -> None:
    """Fill in every object's grey in this picture: lamps and displays flicker, the rest stays."""
    for number in range(len(objects)):
        chance = noise[(start + 977 * number) & (NOISE_SIZE - 1)]
        lit[number] = greys[number] * max(ONE + objects[number].flicker * chance, ZERO)


@njit(cache=True, fastmath=True)
def _printed(thing: Any, grey: Any, place: Any, height: Any, size: Any, shade: Any) -> Any:
    """Return the grey of a place on a panel: stripes, checks or print; what is finer than a pixel fades."""
    if thing.stripe_contrast > ZERO:
        wave = place * thing.stripe_per_m + thing.stripe_phase
        if thing.checks > ZERO:
            wave += HALF * np.float32(math.floor(height * thing.stripe_per_m * TWO) & 1)
        wave = abs(TWO * (wave - np.float32(math.floor(wave))) - ONE) * FOUR - TWO
        fade = min(ONE, QUARTER / (size * thing.stripe_per_m))
        grey *= ONE + thing.stripe_contrast * fade * min(max(wave, -ONE), ONE)
    if thing.print_contrast > ZERO:
        mask = SHADE_SIZE - 1
        u, v = np.int32(place * thing.print_per_m), np.int32(height * thing.print_per_m * TWO)
        fade = min(ONE, ONE / (size * thing.print_per_m))
        grey *= ONE + thing.print_contrast * fade * shade[(v & mask) * SHADE_SIZE + (u & mask)]
    return grey


@njit(cache=True, fastmath=True)
def _see_through(thing: Any, place: Any, height: Any, size: Any) -> Any:
    """Return how much of a place on a panel is there: bars leave gaps, cones narrow towards their top."""
    solid = ONE
    if thing.gap_share > ZERO:
        bar = place * thing.bars_per_m
        bar -= np.float32(math.floor(bar))
        # Bars finer than a pixel become a veil.
        sharp = min(ONE, HALF / (size * thing.bars_per_m))
        there = ONE if bar > thing.gap_share else ZERO
        solid = there * sharp + (ONE - thing.gap_share) * (ONE - sharp)
    if thing.taper > ZERO:
        half = thing.x1_m * (ONE - thing.taper * min(height / thing.top_m, ONE))
        solid *= min(max((half - abs(place - thing.x1_m)) / size + HALF, ZERO), ONE)
    return solid


@njit(cache=True, fastmath=True)
def panel_row(
    ts: Any,
    slopes: Any,
    values: Any,
    height_m: Any,
    per_t: Any,
    widest: Any,
    objects: Any,
    greys: Any,
    seen: Any,
    panel: Any,
    limits: Any,
    shade: Any,
) -> None:
    """Lay the panels over a row, front to back, each as far as it covers the pixel."""
    for pixel in range(WIDTH):
        slope = slopes[pixel]
        column = min(max(np.int32((ts[pixel] + widest) * per_t), 0), BINS - 1)
        if slope < limits[column, 0] or slope > limits[column, 1]:
            continue
        light, passing = ZERO, ONE
        for slot in range(DEPTH):
            entry = seen[column, slot]
            if entry[DISTANCE] >= BIG:
                break
            height = height_m + slope * entry[DISTANCE]
            # Soft edges: the share of the pixel that lies between bottom and top.
            above = min(max((height - entry[BOTTOM]) * entry[PER_PIXEL] + HALF, ZERO), ONE)
            below = min(max((entry[TOP] - height) * entry[PER_PIXEL] + HALF, ZERO), ONE)
            cover = (above + below - ONE) * entry[SHARE]
            if cover <= ZERO:
                continue
            number, size = panel[column, slot], ONE / entry[PER_PIXEL]
            thing = objects[number]
            if thing.gap_share > ZERO or thing.taper > ZERO:
                cover *= _see_through(thing, entry[ALONG], height, size)
            grey = _printed(thing, greys[number], entry[ALONG], height, size, shade)
            light += passing * cover * grey
            passing *= ONE - cover
            if passing < OPAQUE:
                break
        values[pixel] = values[pixel] * passing + light
