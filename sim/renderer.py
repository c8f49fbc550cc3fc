"""The picture: one ray per pixel, answered from tables, for a whole batch of cars at once.

In axes level with the floor, x along the car, a ray is (1, t, s): at forward distance X it is at
lateral t X and height h + s X. That makes everything linear:

* the floor is met at X = -h / s, and answered by a pre-filtered map of the track (`sim.surface`);
* everything else is a vertical panel. Its forward distance depends on t alone, so per frame a small
  table over t holds the nearest few panels, and each pixel only compares heights.

Written as scalar functions per pixel; numba turns them into one loop over cars on all cores.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from sim.surface import LEVELS, TEXEL_M

BINS = 224
"""Columns of the table over t; finer than the pixels, so that vertical edges do not jump."""
DEPTH = 6
"""Panels kept per column, nearest first."""
SLOPES = 256
"""Rows of the table from a ray's slope to the map level and the number of samples."""
STEEPEST = 2.0
SHADE_SIZE = 256
NOISE_SIZE = 65_536
NEAREST_M = 0.03

FloatArray = npt.NDArray[np.float32]


def shade_tile(seed: int = 20240417) -> FloatArray:
    """Return smooth noise that repeats, (SHADE_SIZE, SHADE_SIZE), -1..1: light and shadow on the floor."""
    generator = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(generator.normal(size=(SHADE_SIZE, SHADE_SIZE)))
    frequency = np.hypot(np.fft.fftfreq(SHADE_SIZE)[:, None], np.fft.rfftfreq(SHADE_SIZE)[None])
    frequency[0, 0] = np.inf
    smooth = np.fft.irfft2(spectrum / frequency**1.5, s=(SHADE_SIZE, SHADE_SIZE))
    return np.asarray(np.tanh(1.5 * smooth / smooth.std()), dtype=np.float32)


def noise_table(seed: int = 19937) -> FloatArray:
    """Return normal noise of unit variance, (NOISE_SIZE,)."""
    return np.random.default_rng(seed).normal(size=NOISE_SIZE).astype(np.float32)


@njit(cache=True, fastmath=True, inline="always")
def _bilinear(codes: Any, first: int, rows: int, columns: int, x: float, y: float, tone: Any) -> float:
    """Look up one floor sample; x, y in texels of that level. Outside the map is plain floor."""
    if x < 0.0 or y < 0.0 or x >= columns - 1 or y >= rows - 1:
        return tone[0]
    column, row = int(x), int(y)
    u, v = x - column, y - row
    at = first + row * columns + column
    below = tone[codes[at]] * (1.0 - u) + tone[codes[at + 1]] * u
    above = tone[codes[at + columns]] * (1.0 - u) + tone[codes[at + columns + 1]] * u
    return below * (1.0 - v) + above * v


@njit(cache=True, fastmath=True)
def _slope_table(height_m: float, pixel_rad: float, levels: Any, taps: Any) -> None:
    """For every slope below the horizon: map level, and samples along the view to cover a pixel."""
    for index in range(SLOPES):
        slope = (index + 0.5) * (STEEPEST / SLOPES)
        distance = height_m / slope
        across = distance * pixel_rad
        along = distance * distance / height_m * pixel_rad
        ratio = along / across
        taps[index] = 1 if ratio < 4.0 else (2 if ratio < 10.0 else 4)
        footprint = max(across, along / taps[index])
        level = int(math.floor(math.log2(max(footprint / TEXEL_M, 1.0)) + 0.5))
        levels[index] = min(level, LEVELS - 1)


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
def _tabulate(
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


@njit(cache=True, fastmath=True, inline="always")
def _floor(
    slope: float,
    t: float,
    height_m: float,
    x_m: float,
    y_m: float,
    cosine: float,
    sine: float,
    codes: Any,
    offsets: Any,
    sizes: Any,
    origin: Any,
    tone: Any,
    levels: Any,
    taps: Any,
    light: Any,
    glares: Any,
    shade: Any,
) -> float:
    """Grey level of the floor where a ray meets it."""
    index = min(int(-slope * (SLOPES / STEEPEST)), SLOPES - 1)
    level, count = levels[index], taps[index]
    per_m = 1.0 / (TEXEL_M * (1 << level))
    distance = -height_m / slope
    forward, left = distance, t * distance
    x = x_m + forward * cosine - left * sine
    y = y_m + forward * sine + left * cosine
    u, v = (x - origin[0]) * per_m - 0.5, (y - origin[1]) * per_m - 0.5
    first, rows, columns = offsets[level], sizes[level, 0], sizes[level, 1]
    if count == 1:
        value = _bilinear(codes, first, rows, columns, u, v, tone)
    else:
        # Samples along the view cover the pixel's long footprint near the horizon.
        reach = distance * distance / height_m * light.pixel_rad * per_m
        ux = (cosine - t * sine) * reach / count
        vy = (sine + t * cosine) * reach / count
        value = 0.0
        for tap in range(count):
            step = tap - 0.5 * (count - 1)
            value += _bilinear(codes, first, rows, columns, u + ux * step, v + vy * step, tone)
        value /= count
    place_x, place_y = x * light.shade_per_m + light.shade_x, y * light.shade_per_m + light.shade_y
    mask = SHADE_SIZE - 1
    soft = shade[int(place_y * 24.0) & mask, int(place_x * 24.0) & mask]
    fine = shade[int(place_x * 90.0) & mask, int(place_y * 90.0) & mask]
    value *= 1.0 + light.shade_contrast * soft + light.wrinkle_contrast * fine
    for number in range(len(glares)):
        if glares[number, 3] > 0.0:
            gx, gy = x - glares[number, 0], y - glares[number, 1]
            inside = 1.0 - (gx * gx + gy * gy) / (glares[number, 2] * glares[number, 2])
            if inside > 0.0:
                value += glares[number, 3] * inside * inside
    return value


@njit(cache=True, fastmath=True, inline="always")
def _panels(
    slope: float,
    t: float,
    column: int,
    height_m: float,
    pixel_rad: float,
    objects: Any,
    greys: Any,
    depth: Any,
    panel: Any,
    share: Any,
    along: Any,
) -> tuple[float, float]:
    """Return the light from the panels in front of a ray and what share of the ray passes them."""
    light, passing = 0.0, 1.0
    for slot in range(DEPTH):
        distance = depth[column, slot]
        if distance > 1e8:
            break
        height = height_m + slope * distance
        if height < -0.05:
            break
        number = panel[column, slot]
        thing = objects[number]
        # Soft edges: the share of the pixel that lies between bottom and top.
        pixel = distance * pixel_rad
        above = min(max((height - thing.bottom_m) / pixel + 0.5, 0.0), 1.0)
        below = min(max((thing.top_m - height) / pixel + 0.5, 0.0), 1.0)
        cover = (above + below - 1.0) * share[column, slot]
        if cover <= 0.0:
            continue
        grey = greys[number]
        if thing.stripe_contrast > 0.0:
            wave = along[column, slot] * thing.stripe_per_m + thing.stripe_phase
            wave = abs(2.0 * (wave - math.floor(wave)) - 1.0) * 4.0 - 2.0
            fade = min(1.0, 0.25 / (pixel * thing.stripe_per_m + 1e-6))
            grey *= 1.0 + thing.stripe_contrast * fade * min(max(wave, -1.0), 1.0)
        light += passing * cover * grey
        passing *= 1.0 - cover
        if passing < 0.02:
            break
    return light, passing


@njit(cache=True, fastmath=True, parallel=True)
def render_batch(
    out: Any,
    cars: Any,
    views: Any,
    turns: Any,
    track_of: Any,
    ray_table: Any,
    vignette: Any,
    codes: Any,
    code_starts: Any,
    offsets: Any,
    sizes: Any,
    origins: Any,
    tones: Any,
    sky: Any,
    objects: Any,
    greys: Any,
    lights: Any,
    glares: Any,
    shade: Any,
    noise: Any,
) -> None:
    """Render one grey plane for some cars, in place.

    Args:
        out: uint8 (M, H, W).
        cars: int (M,), which cars look.
        views: `sim.eyes.VIEW_DTYPE` (N,).
        turns: float32 (N, 3, 3), level axes from camera axes.
        track_of: int (N,), which track's map each car drives on.
        ray_table: float32 (H * W, 2) from `sim.camera.rays`.
        vignette: float32 (H * W,).
        codes: uint16, all tracks' maps one after the other.
        code_starts: int (T,), where each track's map starts.
        offsets: int (T, LEVELS).
        sizes: int (T, LEVELS, 2).
        origins: float32 (T, 2).
        tones: float32 (N, L), grey of every code for each car.
        sky: float32 (N, 2), grey at the horizon and overhead.
        objects: `OBJECT_DTYPE` (N, O).
        greys: float32 (N, O).
        lights: `LIGHT_DTYPE` (N,).
        glares: float32 (N, G, 4).
        shade: float32 (SHADE_SIZE, SHADE_SIZE).
        noise: float32 (NOISE_SIZE,).
    """
    for item in prange(len(out)):
        car = cars[item]
        _render_one(
            out[item].reshape(-1),
            views[car],
            turns[car],
            ray_table,
            vignette,
            codes[code_starts[track_of[car]] :],
            offsets[track_of[car]],
            sizes[track_of[car]],
            origins[track_of[car]],
            tones[car],
            sky[car],
            objects[car],
            greys[car],
            lights[car],
            glares[car],
            shade,
            noise,
        )


@njit(cache=True, fastmath=True)
def _render_one(
    out: Any,
    view: Any,
    turn: Any,
    ray_table: Any,
    vignette: Any,
    codes: Any,
    offsets: Any,
    sizes: Any,
    origin: Any,
    tone: Any,
    sky: Any,
    objects: Any,
    greys: Any,
    light: Any,
    glares: Any,
    shade: Any,
    noise: Any,
) -> None:
    """Render one car's plane."""
    depth = np.full((BINS, DEPTH), np.float32(1e9), np.float32)
    panel = np.zeros((BINS, DEPTH), np.int32)
    share = np.zeros((BINS, DEPTH), np.float32)
    along = np.zeros((BINS, DEPTH), np.float32)
    levels, taps = np.zeros(SLOPES, np.int64), np.zeros(SLOPES, np.int64)
    widest, height = np.float32(view.widest), np.float32(view.height_m)
    _tabulate(objects, view.x_m, view.y_m, view.yaw_rad, view.widest, depth, panel, share, along)
    _slope_table(view.height_m, light.pixel_rad, levels, taps)
    x_m, y_m, pixel = np.float32(view.x_m), np.float32(view.y_m), np.float32(light.pixel_rad)
    cosine, sine = np.float32(math.cos(view.yaw_rad)), np.float32(math.sin(view.yaw_rad))
    per_t = np.float32(BINS) / (np.float32(2.0) * widest)
    m00, m01, m02 = turn[0, 0], turn[0, 1], turn[0, 2]
    m10, m11, m12 = turn[1, 0], turn[1, 1], turn[1, 2]
    m20, m21, m22 = turn[2, 0], turn[2, 1], turn[2, 2]
    start = view.noise_start
    for pixel_index in range(len(out)):
        a, b = ray_table[pixel_index, 0], ray_table[pixel_index, 1]
        inverse = np.float32(1.0) / (m00 + m01 * a + m02 * b)
        t = (m10 + m11 * a + m12 * b) * inverse
        slope = (m20 + m21 * a + m22 * b) * inverse
        column = min(max(int((t + widest) * per_t), 0), BINS - 1)
        value, passing = np.float32(0.0), np.float32(1.0)
        if depth[column, 0] * -slope < height + np.float32(0.05) * depth[column, 0]:
            value, passing = _panels(
                slope, t, column, height, pixel, objects, greys, depth, panel, share, along
            )
        if passing >= np.float32(0.02):
            if slope < np.float32(-0.004):
                behind = _floor(
                    slope,
                    t,
                    height,
                    x_m,
                    y_m,
                    cosine,
                    sine,
                    codes,
                    offsets,
                    sizes,
                    origin,
                    tone,
                    levels,
                    taps,
                    light,
                    glares,
                    shade,
                )
            else:
                rise = min(max(slope * np.float32(2.0), np.float32(0.0)), np.float32(1.0))
                behind = sky[0] + (sky[1] - sky[0]) * rise
            value += passing * behind
        dark = np.float32(1.0) - light.vignette * (np.float32(1.0) - vignette[pixel_index])
        grain = light.noise * noise[(start + pixel_index) & (NOISE_SIZE - 1)]
        value = value * light.gain * dark + light.offset + grain
        out[pixel_index] = np.uint8(min(max(value + np.float32(0.5), np.float32(0.0)), np.float32(255.0)))
