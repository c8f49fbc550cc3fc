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
BELOW_FLOOR = np.float32(-0.05)


@njit(cache=True, fastmath=True)
def _insert(
    depth: Any,
    panel: Any,
    share: Any,
    along: Any,
    column: int,
    distance: float,
    number: int,
    part: float,
    place: float,
) -> None:
    """Keep a panel in a column's list, nearest first; the farthest falls off the end."""
    slot = DEPTH - 1
    if depth[column, slot] <= distance:
        return
    while slot > 0 and depth[column, slot - 1] > distance:
        depth[column, slot] = depth[column, slot - 1]
        panel[column, slot] = panel[column, slot - 1]
        share[column, slot] = share[column, slot - 1]
        along[column, slot] = along[column, slot - 1]
        slot -= 1
    depth[column, slot] = distance
    panel[column, slot] = number
    share[column, slot] = part
    along[column, slot] = place


@njit(cache=True, fastmath=True)
def tabulate(
    objects: Any,
    x_m: float,
    y_m: float,
    yaw_rad: float,
    widest: float,
    depth: Any,
    panel: Any,
    share: Any,
    along: Any,
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
            _insert(depth, panel, share, along, column, distance, number, part, place)


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
    pixel_rad: Any,
    objects: Any,
    greys: Any,
    depth: Any,
    panel: Any,
    share: Any,
    along: Any,
    shade: Any,
) -> None:
    """Lay the panels over a row, front to back, each as far as it covers the pixel."""
    for pixel in range(WIDTH):
        slope = slopes[pixel]
        column = min(max(int((ts[pixel] + widest) * per_t), 0), BINS - 1)
        light, passing = ZERO, ONE
        for slot in range(DEPTH):
            distance = depth[column, slot]
            height = height_m + slope * distance
            if distance >= BIG or height < BELOW_FLOOR:
                break
            number = panel[column, slot]
            thing = objects[number]
            # Soft edges: the share of the pixel that lies between bottom and top.
            size = distance * pixel_rad
            above = min(max((height - thing.bottom_m) / size + HALF, ZERO), ONE)
            below = min(max((thing.top_m - height) / size + HALF, ZERO), ONE)
            cover = (above + below - ONE) * share[column, slot]
            if cover <= ZERO:
                continue
            place = along[column, slot]
            if thing.gap_share > ZERO or thing.taper > ZERO:
                cover *= _see_through(thing, place, height, size)
            grey = _printed(thing, greys[number], place, height, size, shade)
            light += passing * cover * grey
            passing *= ONE - cover
            if passing < OPAQUE:
                break
        values[pixel] = values[pixel] * passing + light
