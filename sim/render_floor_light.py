"""The light on the floor: shadows, wrinkles of the vinyl, glare and sheen, a band of rows at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from car.preprocess import WIDTH
from sim.compiled import njit_fast
from sim.render_tables import BAND, KNOTS, LIGHT, ONE, REACH, ROWS, SHADE_SIZE, TS, VALUE, ZERO, X, Y, whole

SOFT_BLOCK, FINE_BLOCK = 16, 4
"""Pixels of a row over which light and shadow, and wrinkles, are drawn straight."""
FINE_BLOCKS = WIDTH // FINE_BLOCK
PER_SOFT_BLOCK, PER_FINE_BLOCK = np.float32(1.0 / SOFT_BLOCK), np.float32(1.0 / FINE_BLOCK)
SOFT_PER_UNIT = np.float32(24.0)
FINE_PER_SOFT = np.float32(3.7)
FLATNESS = np.float32(12.0)


@njit_fast
def _soft_light(shade: Any, u: Any, v: Any) -> Any:
    """Look the repeating tile of light and shadow up, smoothly."""
    mask = SHADE_SIZE - 1
    left, low = whole(u), whole(v)
    a, b = u - np.float32(left), v - np.float32(low)
    x0, x1 = left & mask, (left + 1) & mask
    y0, y1 = (low & mask) * SHADE_SIZE, ((low + 1) & mask) * SHADE_SIZE
    near = shade[y0 + x0] + (shade[y0 + x1] - shade[y0 + x0]) * a
    return near + (shade[y1 + x0] + (shade[y1 + x1] - shade[y1 + x0]) * a - near) * b


@njit_fast
def shade_band(band: Any, view: Any, light: Any, glares: Any, shade: Any) -> None:
    """Lay light, shadow, wrinkles, sheen and glare on a band of floor."""
    if light.shade_contrast > ZERO:
        _soften(band, light, shade)
    if light.wrinkle_contrast > ZERO:
        _wrinkle(band, light, shade)
    for number in range(len(glares)):
        x, y, sharpness, strength = glares[number]
        if strength <= ZERO:
            break
        for place in range(BAND):
            dx, dy = band[X + place] - x, band[Y + place] - y
            inside = max(ONE - (dx * dx + dy * dy) * sharpness, ZERO)
            band[VALUE + place] += strength * inside * inside
    if light.sheen > ZERO:
        _lay_sheen(band, view, light)


@njit_fast
def _soften(band: Any, light: Any, shade: Any) -> None:
    """Lay light and shadow on the floor: looked up now and then, drawn straight in between."""
    per_m, x0, y0 = light.shade_per_m * SOFT_PER_UNIT, light.shade_x, light.shade_y
    sharp, soft = light.shade_sharpness, light.shade_contrast
    for start in range(0, BAND, WIDTH):
        left = _soft_light(shade, band[X + start] * per_m + x0, band[Y + start] * per_m + y0) * sharp
        for block in range(start, start + WIDTH, SOFT_BLOCK):
            end = min(block + SOFT_BLOCK, start + WIDTH - 1)
            right = _soft_light(shade, band[X + end] * per_m + x0, band[Y + end] * per_m + y0) * sharp
            rise = (right - left) * PER_SOFT_BLOCK
            for step in range(SOFT_BLOCK):
                band[LIGHT + block + step] = left + rise * np.float32(step)
            left = right
    for place in range(BAND):
        band[VALUE + place] *= ONE + soft * min(max(band[LIGHT + place], -ONE), ONE)


@njit_fast
def _wrinkle(band: Any, light: Any, shade: Any) -> None:
    """Lay the vinyl's wrinkles on the floor: looked up at every fourth pixel, drawn straight in between."""
    per_m, fine = light.shade_per_m * SOFT_PER_UNIT * FINE_PER_SOFT, light.wrinkle_contrast
    for row in range(ROWS):
        for number in range(FINE_BLOCKS + 1):
            place = row * WIDTH + min(number * FINE_BLOCK, WIDTH - 1)
            there = _tile(shade, band[X + place] * per_m, band[Y + place] * per_m)
            band[KNOTS + row * (FINE_BLOCKS + 1) + number] = there
    for row in range(ROWS):
        for number in range(FINE_BLOCKS):
            knot, first = KNOTS + row * (FINE_BLOCKS + 1) + number, row * WIDTH + number * FINE_BLOCK
            left, rise = band[knot], (band[knot + 1] - band[knot]) * PER_FINE_BLOCK
            for step in range(FINE_BLOCK):
                band[VALUE + first + step] *= ONE + fine * (left + rise * np.float32(step))


@njit_fast
def _tile(shade: Any, u: Any, v: Any) -> Any:
    """Look the repeating tile up."""
    mask = SHADE_SIZE - 1
    return shade[(np.int32(v) & mask) * SHADE_SIZE + (np.int32(u) & mask)]


@njit_fast
def _lay_sheen(band: Any, view: Any, light: Any) -> None:
    """Add the hall's light on the vinyl: towards the lamps, and more the flatter the view (Fresnel)."""
    towards = np.float32(math.tan(min(max(_wrapped(light.sheen_azimuth - view.yaw_rad), -1.3), 1.3)))
    sheen, per_t = light.sheen, light.sheen_per_t
    for place in range(BAND):
        aside = (band[TS + place] - towards) * per_t
        glow = max(ONE - aside * aside, ZERO)
        flat = min(band[REACH + place] * FLATNESS, ONE)
        band[VALUE + place] += sheen * glow * flat


@njit_fast
def _wrapped(angle_rad: float) -> float:
    """Return the same angle within -pi..pi."""
    return math.atan2(math.sin(angle_rad), math.cos(angle_rad))
