"""The floor, a row of pixels at a time: the printed track, what lies round it, light, shadow and sheen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from car.preprocess import WIDTH
from sim.render_tables import (
    HALF,
    HORIZON_SLOPE,
    ONE,
    PER_TEXEL,
    SHADE_SIZE,
    SLOPE_SCALE,
    SLOPES,
    STEEPEST,
    ZERO,
)
from sim.surface import LEVELS, TEXEL_M

FLAT, CARPET, PLANKS, CONCRETE, TILES = range(5)
FLOORS = ("flat", "carpet", "planks", "concrete", "tiles")
"""What lies round the track; `LIGHT_DTYPE`'s floor_kind counts along these."""

BLOCK = 16
"""Pixels of a row that share a map level."""
SOFT_BLOCK = 8
PER_SOFT_BLOCK = np.float32(1.0 / SOFT_BLOCK)
SOFT_PER_UNIT = np.float32(24.0)
FINE_PER_SOFT = np.float32(3.7)
CLOUD = np.float32(4.1)
THIRD = np.float32(0.35)
JOINT = np.float32(0.04)
OFTEN = np.float32(37.0)
FLATNESS = np.float32(12.0)
ZERO_QUAD, LOW_BYTE, EIGHT, SIXTEEN, TWENTY_FOUR = (np.uint32(value) for value in (0, 255, 8, 16, 24))


@njit(cache=True, fastmath=True)
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


@njit(cache=True, fastmath=True)
def meet_floor(ts: Any, slopes: Any, view: Any, xs: Any, ys: Any, reaches: Any, pixel_rad: Any) -> None:
    """Fill in where a row's rays meet the floor, and how far along it a pixel reaches, in metres.

    Rays above the horizon meet it far away, where there is nothing.
    """
    cosine, sine = np.float32(math.cos(view.yaw_rad)), np.float32(math.sin(view.yaw_rad))
    height, x0, y0 = np.float32(view.height_m), np.float32(view.x_m), np.float32(view.y_m)
    for column in range(WIDTH):
        distance = height / max(-slopes[column], -HORIZON_SLOPE)
        left = ts[column] * distance
        xs[column] = x0 + distance * cosine - left * sine
        ys[column] = y0 + distance * sine + left * cosine
        reaches[column] = distance * distance / height * pixel_rad


@njit(cache=True, fastmath=True)
def _floor_pattern(x: Any, y: Any, size: Any, light: Any, shade: Any) -> Any:
    """Return the pattern of the floor off the track at a place, about -1..1; finer than a pixel it fades."""
    mask = SHADE_SIZE - 1
    per_m = light.floor_per_m
    u = (x * light.floor_cos + y * light.floor_sin) * per_m
    v = (y * light.floor_cos - x * light.floor_sin) * per_m
    fade = min(ONE, HALF / (size * per_m))
    if light.floor_kind == CARPET:
        grain = shade[(np.int32(v * OFTEN) & mask) * SHADE_SIZE + (np.int32(u * OFTEN) & mask)]
        return grain * fade
    column, row = math.floor(u), math.floor(v)
    edge_u, edge_v = u - np.float32(column), v - np.float32(row)
    if light.floor_kind == PLANKS:
        tone = shade[(column * 37 & mask) * SHADE_SIZE + (math.floor(v * THIRD) * 11 & mask)]
        return (tone - (ONE if edge_u < JOINT else ZERO)) * fade
    if light.floor_kind == CONCRETE:
        cloud_u, cloud_v = np.int32(u * CLOUD), np.int32(v * CLOUD)
        cloud = shade[(cloud_v & mask) * SHADE_SIZE + (cloud_u & mask)]
        return (cloud * HALF - (ONE if min(edge_u, edge_v) < JOINT * HALF else ZERO)) * fade
    return (ONE if (column + row) & 1 else -ONE) * fade


@njit(cache=True, fastmath=True)
def floor_row(
    ts: Any,
    slopes: Any,
    xs: Any,
    ys: Any,
    reaches: Any,
    values: Any,
    view: Any,
    quads: Any,
    offsets: Any,
    sizes: Any,
    origin: Any,
    tone: Any,
    levels: Any,
    taps: Any,
    light: Any,
    shade: Any,
) -> None:
    """Fill in the grey of the floor for a row of rays; rays above the horizon are left alone."""
    cosine, sine = np.float32(math.cos(view.yaw_rad)), np.float32(math.sin(view.yaw_rad))
    x0, y0 = np.float32(origin[0]), np.float32(origin[1])
    plain, roughness = tone[0], light.floor_contrast
    for block in range(0, WIDTH, BLOCK):
        index = min(max(int(-slopes[block + BLOCK // 2] * SLOPE_SCALE), 0), SLOPES - 1)
        level, count = levels[index], taps[index]
        per_m = PER_TEXEL / np.float32(1 << level)
        first, rows, columns = offsets[level], sizes[level, 0] - 1, sizes[level, 1] - 1
        stride, right, top = columns + 1, np.float32(columns), np.float32(rows)
        share = ONE / np.float32(count)
        for column in range(block, block + BLOCK):
            if slopes[column] > HORIZON_SLOPE:
                continue
            u, v = (xs[column] - x0) * per_m - HALF, (ys[column] - y0) * per_m - HALF
            step_u, step_v = ZERO, ZERO
            if count > 1:
                # Samples along the view cover the pixel's long footprint near the horizon.
                reach = reaches[column] * per_m * share
                step_u, step_v = (cosine - ts[column] * sine) * reach, (sine + ts[column] * cosine) * reach
                u -= step_u * HALF * np.float32(count - 1)
                v -= step_v * HALF * np.float32(count - 1)
            total, off_track = ZERO, ZERO
            for _ in range(count):
                if u >= ZERO and v >= ZERO and u < right and v < top:
                    texel_u, texel_v = np.int32(u), np.int32(v)
                    a, b = u - np.float32(texel_u), v - np.float32(texel_v)
                    quad = quads[first + texel_v * stride + texel_u]
                    if quad == ZERO_QUAD:
                        total += plain
                        off_track += ONE
                    else:
                        near_left, near_right = tone[quad & LOW_BYTE], tone[(quad >> EIGHT) & LOW_BYTE]
                        far_left, far_right = tone[(quad >> SIXTEEN) & LOW_BYTE], tone[quad >> TWENTY_FOUR]
                        near = near_left + (near_right - near_left) * a
                        total += near + (far_left + (far_right - far_left) * a - near) * b
                else:
                    total += plain
                    off_track += ONE
                u += step_u
                v += step_v
            if roughness > ZERO and off_track > ZERO:
                pattern = _floor_pattern(xs[column], ys[column], reaches[column], light, shade)
                total += off_track * plain * roughness * pattern
            values[column] = total * share


@njit(cache=True, fastmath=True)
def _soft_light(shade: Any, u: Any, v: Any) -> Any:
    """Look the repeating tile of light and shadow up, smoothly."""
    mask = SHADE_SIZE - 1
    left, low = math.floor(u), math.floor(v)
    a, b = u - np.float32(left), v - np.float32(low)
    x0, x1, y0, y1 = (
        left & mask,
        (left + 1) & mask,
        (low & mask) * SHADE_SIZE,
        ((low + 1) & mask) * SHADE_SIZE,
    )
    near = shade[y0 + x0] * (ONE - a) + shade[y0 + x1] * a
    return near * (ONE - b) + (shade[y1 + x0] * (ONE - a) + shade[y1 + x1] * a) * b


@njit(cache=True, fastmath=True)
def shade_row(
    ts: Any, xs: Any, ys: Any, reaches: Any, values: Any, view: Any, light: Any, glares: Any, shade: Any
) -> None:
    """Lay light, shadow, wrinkles, sheen and glare on a row of floor."""
    soft, fine = light.shade_contrast, light.wrinkle_contrast
    per_m, x0, y0 = light.shade_per_m * SOFT_PER_UNIT, light.shade_x, light.shade_y
    if soft > ZERO:
        # Light and shadow change slowly: looked up at every eighth pixel, drawn straight in between.
        sharp = light.shade_sharpness
        left = _soft_light(shade, xs[0] * per_m + x0, ys[0] * per_m + y0)
        for block in range(0, WIDTH, SOFT_BLOCK):
            end = min(block + SOFT_BLOCK, WIDTH - 1)
            right = _soft_light(shade, xs[end] * per_m + x0, ys[end] * per_m + y0)
            for step in range(SOFT_BLOCK):
                between = left + (right - left) * (np.float32(step) * PER_SOFT_BLOCK)
                values[block + step] *= ONE + soft * min(max(between * sharp, -ONE), ONE)
            left = right
    if fine > ZERO:
        mask, per_m = SHADE_SIZE - 1, per_m * FINE_PER_SOFT
        for column in range(WIDTH):
            u, v = np.int32(xs[column] * per_m), np.int32(ys[column] * per_m)
            values[column] *= ONE + fine * shade[(v & mask) * SHADE_SIZE + (u & mask)]
    for number in range(len(glares)):
        x, y, sharpness, strength = glares[number]
        if strength <= ZERO:
            break
        for column in range(WIDTH):
            dx, dy = xs[column] - x, ys[column] - y
            inside = max(ONE - (dx * dx + dy * dy) * sharpness, ZERO)
            values[column] += strength * inside * inside
    if light.sheen > ZERO:
        _sheen_row(ts, reaches, values, view, light)


@njit(cache=True, fastmath=True)
def _sheen_row(ts: Any, reaches: Any, values: Any, view: Any, light: Any) -> None:
    """Add the hall's light on the vinyl: towards the lamps, and more the flatter the view (Fresnel)."""
    towards = np.float32(math.tan(min(max(_wrapped(light.sheen_azimuth - view.yaw_rad), -1.3), 1.3)))
    for column in range(WIDTH):
        aside = (ts[column] - towards) * light.sheen_per_t
        glow = max(ONE - aside * aside, ZERO)
        flat = min(reaches[column] * FLATNESS, ONE)
        values[column] += light.sheen * glow * flat


@njit(cache=True, fastmath=True)
def _wrapped(angle_rad: float) -> float:
    """Return the same angle within -pi..pi."""
    return math.atan2(math.sin(angle_rad), math.cos(angle_rad))
