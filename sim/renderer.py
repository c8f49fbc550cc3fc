"""The picture: one ray per pixel, answered from tables, for a whole batch of cars at once.

In axes level with the floor, x along the car, a ray is (1, t, s): at forward distance X it is at
lateral t X and height h + s X. That makes everything linear:

* the floor is met at X = -h / s, and answered by a pre-filtered map of the track (`sim.surface`);
* everything else is a vertical panel. Its forward distance depends on t alone, so per frame a small
  table over t holds the nearest few panels, and each pixel only compares heights.

Written as plain loops over a row of pixels, which numba compiles; `sim.crew` spreads cars over cores.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from car.preprocess import HEIGHT, WIDTH
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
SOFT_BLOCK = 8
PER_SOFT_BLOCK = np.float32(1.0 / SOFT_BLOCK)
BLOCK = 16
"""Pixels of a row that share a map level."""

# Typed once: a bare Python number would drag the per-pixel arithmetic to double precision.
ZERO, QUARTER, HALF, ONE, TWO, FOUR = (np.float32(value) for value in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0))
BIG, WHITE = np.float32(1e9), np.float32(255.0)
OPAQUE = np.float32(0.02)
BELOW_FLOOR = np.float32(-0.05)
HORIZON_SLOPE = np.float32(-0.004)
SLOPE_SCALE = np.float32(SLOPES / STEEPEST)
PER_TEXEL = np.float32(1.0 / TEXEL_M)
SOFT_PER_UNIT = np.float32(24.0)
FINE_PER_SOFT = np.float32(3.7)
ZERO_QUAD, LOW_BYTE, EIGHT, SIXTEEN, TWENTY_FOUR = (np.uint32(value) for value in (0, 255, 8, 16, 24))

FloatArray = npt.NDArray[np.float32]


def shade_tile(seed: int = 20240417) -> FloatArray:
    """Return smooth noise that repeats: light and shadow on the floor, -1..1, (SHADE_SIZE ** 2,)."""
    generator = np.random.default_rng(seed)
    spectrum = np.fft.rfft2(generator.normal(size=(SHADE_SIZE, SHADE_SIZE)))
    frequency = np.hypot(np.fft.fftfreq(SHADE_SIZE)[:, None], np.fft.rfftfreq(SHADE_SIZE)[None])
    frequency[0, 0] = np.inf
    smooth = np.fft.irfft2(spectrum / frequency**1.5, s=(SHADE_SIZE, SHADE_SIZE))
    return np.asarray(np.tanh(1.5 * smooth / smooth.std()).ravel(), dtype=np.float32)


def noise_table(seed: int = 19937) -> FloatArray:
    """Return normal noise of unit variance, (NOISE_SIZE + WIDTH,), so that any row of it is in one piece."""
    return np.random.default_rng(seed).normal(size=NOISE_SIZE + WIDTH).astype(np.float32)


@njit(cache=True, fastmath=True)
def _slope_table(height_m: float, pixel_rad: float, levels: Any, taps: Any) -> None:
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


@njit(cache=True, fastmath=True)
def _aim_row(row: int, turn: Any, ray_table: Any, ts: Any, slopes: Any) -> tuple[float, float]:
    """Fill in t and slope of a row's rays; return the smallest and the largest slope."""
    m00, m01, m02 = turn[0, 0], turn[0, 1], turn[0, 2]
    m10, m11, m12 = turn[1, 0], turn[1, 1], turn[1, 2]
    m20, m21, m22 = turn[2, 0], turn[2, 1], turn[2, 2]
    lowest, highest = BIG, -BIG
    for column in range(WIDTH):
        a, b = ray_table[0, row, column], ray_table[1, row, column]
        inverse = ONE / (m00 + m01 * a + m02 * b)
        ts[column] = (m10 + m11 * a + m12 * b) * inverse
        slope = (m20 + m21 * a + m22 * b) * inverse
        slopes[column] = slope
        lowest, highest = min(lowest, slope), max(highest, slope)
    return float(lowest), float(highest)


@njit(cache=True, fastmath=True)
def _meet_floor(ts: Any, slopes: Any, view: Any, xs: Any, ys: Any, reaches: Any, pixel_rad: Any) -> None:
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
def _floor_row(
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
) -> None:
    """Fill in the grey of the floor for a row of rays; rays above the horizon are left alone."""
    cosine, sine = np.float32(math.cos(view.yaw_rad)), np.float32(math.sin(view.yaw_rad))
    x0, y0 = np.float32(origin[0]), np.float32(origin[1])
    plain = tone[0]
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
            total = ZERO
            for _ in range(count):
                if u >= ZERO and v >= ZERO and u < right and v < top:
                    texel_u, texel_v = np.int32(u), np.int32(v)
                    a, b = u - np.float32(texel_u), v - np.float32(texel_v)
                    quad = quads[first + texel_v * stride + texel_u]
                    if quad == ZERO_QUAD:
                        total += plain
                    else:
                        near_left, near_right = tone[quad & LOW_BYTE], tone[(quad >> EIGHT) & LOW_BYTE]
                        far_left, far_right = tone[(quad >> SIXTEEN) & LOW_BYTE], tone[quad >> TWENTY_FOUR]
                        near = near_left + (near_right - near_left) * a
                        total += near + (far_left + (far_right - far_left) * a - near) * b
                else:
                    total += plain
                u += step_u
                v += step_v
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
def _shade_row(xs: Any, ys: Any, values: Any, light: Any, glares: Any, shade: Any) -> None:
    """Lay light, shadow, wrinkles and glare on a row of floor."""
    soft, fine = light.shade_contrast, light.wrinkle_contrast
    per_m, x0, y0 = light.shade_per_m * SOFT_PER_UNIT, light.shade_x, light.shade_y
    if soft > ZERO:
        # Light and shadow change slowly: looked up at every eighth pixel, drawn straight in between.
        left = _soft_light(shade, xs[0] * per_m + x0, ys[0] * per_m + y0)
        for block in range(0, WIDTH, SOFT_BLOCK):
            end = min(block + SOFT_BLOCK, WIDTH - 1)
            right = _soft_light(shade, xs[end] * per_m + x0, ys[end] * per_m + y0)
            for step in range(SOFT_BLOCK):
                values[block + step] *= ONE + soft * (
                    left + (right - left) * (np.float32(step) * PER_SOFT_BLOCK)
                )
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


@njit(cache=True, fastmath=True)
def _panel_row(
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
            grey = greys[number]
            if thing.stripe_contrast > ZERO:
                wave = along[column, slot] * thing.stripe_per_m + thing.stripe_phase
                wave = abs(TWO * (wave - np.float32(math.floor(wave))) - ONE) * FOUR - TWO
                # Stripes finer than a pixel fade, as on a sensor.
                fade = min(ONE, QUARTER / (size * thing.stripe_per_m))
                grey *= ONE + thing.stripe_contrast * fade * min(max(wave, -ONE), ONE)
            light += passing * cover * grey
            passing *= ONE - cover
            if passing < OPAQUE:
                break
        values[pixel] = values[pixel] * passing + light


@njit(cache=True, fastmath=True)
def _expose_row(values: Any, out: Any, dark: Any, light: Any, noise: Any, start: int) -> None:
    """Turn light into grey levels: exposure, vignetting, offset, grain, and the ends of the scale."""
    gain, offset, grain = light.gain, light.offset + HALF, light.noise
    vignette = light.vignette
    for column in range(WIDTH):
        value = (
            values[column] * gain * (ONE - vignette * dark[column]) + offset + grain * noise[start + column]
        )
        out[column] = np.uint8(min(max(value, ZERO), WHITE))


@njit(cache=True, fastmath=True)
def _render_one(
    out: Any,
    view: Any,
    turn: Any,
    ray_table: Any,
    dark: Any,
    quads: Any,
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
    """Render one car's plane, row by row, so that the simple parts become vector instructions."""
    depth = np.full((BINS, DEPTH), BIG, np.float32)
    panel = np.zeros((BINS, DEPTH), np.int32)
    share = np.zeros((BINS, DEPTH), np.float32)
    along = np.zeros((BINS, DEPTH), np.float32)
    levels, taps = np.zeros(SLOPES, np.int32), np.zeros(SLOPES, np.int32)
    ts, slopes, values = np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32), np.zeros(WIDTH, np.float32)
    xs, ys, reaches = np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32)
    _tabulate(objects, view.x_m, view.y_m, view.yaw_rad, view.widest, depth, panel, share, along)
    _slope_table(view.height_m, light.pixel_rad, levels, taps)
    nearest = BIG
    for column in range(BINS):
        nearest = min(nearest, depth[column, 0])
    height, widest = np.float32(view.height_m), np.float32(view.widest)
    per_t = np.float32(BINS) / (TWO * widest)
    for row in range(HEIGHT):
        lowest, highest = _aim_row(row, turn, ray_table, ts, slopes)
        if lowest <= HORIZON_SLOPE:
            _meet_floor(ts, slopes, view, xs, ys, reaches, light.pixel_rad)
            _floor_row(
                ts, slopes, xs, ys, reaches, values, view, quads, offsets, sizes, origin, tone, levels, taps
            )
            _shade_row(xs, ys, values, light, glares, shade)
        if highest > HORIZON_SLOPE:
            for column in range(WIDTH):
                if slopes[column] > HORIZON_SLOPE:
                    rise = min(max(slopes[column] * TWO, ZERO), ONE)
                    values[column] = sky[0] + (sky[1] - sky[0]) * rise
        # Low rows meet the floor before any panel.
        if nearest < BIG and height + highest * nearest > BELOW_FLOOR:
            _panel_row(
                ts,
                slopes,
                values,
                height,
                per_t,
                widest,
                light.pixel_rad,
                objects,
                greys,
                depth,
                panel,
                share,
                along,
            )
        _expose_row(
            values, out[row], dark[row], light, noise, (view.noise_start + row * WIDTH) & (NOISE_SIZE - 1)
        )


@njit(cache=True, nogil=True)
def render_batch(
    first: int,
    last: int,
    out: Any,
    cars: Any,
    views: Any,
    turns: Any,
    track_of: Any,
    ray_table: Any,
    dark: Any,
    quads: Any,
    quad_starts: Any,
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
    """Render one grey plane for entries first..last of a list of cars, in place.

    Args:
        first: first entry.
        last: one past the last entry.
        out: uint8 (M, H, W).
        cars: int (M,), which cars look.
        views: `sim.eyes.VIEW_DTYPE` (N,).
        turns: float32 (N, 3, 3), level axes from camera axes.
        track_of: int (N,), which track's map each car drives on.
        ray_table: float32 (2, H, W) from `sim.camera.rays`.
        dark: float32 (H, W), light lost at full vignetting.
        quads: uint32, all tracks' maps one after the other; see `sim.surface`.
        quad_starts: int (T,), where each track's map starts.
        offsets: int (T, LEVELS).
        sizes: int (T, LEVELS, 2).
        origins: float64 (T, 2).
        tones: float32 (N, 256), grey of every code for each car.
        sky: float32 (N, 2), grey at the horizon and overhead.
        objects: `OBJECT_DTYPE` (N, O).
        greys: float32 (N, O).
        lights: `LIGHT_DTYPE` (N,).
        glares: float32 (N, G, 4): x, y, 1 / radius^2, strength; those of no strength last.
        shade: float32 (SHADE_SIZE ** 2,), row by row.
        noise: float32 (NOISE_SIZE + WIDTH,).
    """
    for item in range(first, last):
        car = cars[item]
        track = track_of[car]
        _render_one(
            out[item],
            views[car],
            turns[car],
            ray_table,
            dark,
            quads[quad_starts[track] :],
            offsets[track],
            sizes[track],
            origins[track],
            tones[car],
            sky[car],
            objects[car],
            greys[car],
            lights[car],
            glares[car],
            shade,
            noise,
        )
