"""The picture: one ray per pixel, answered from tables, for a whole batch of cars at once.

In axes level with the floor, x along the car, a ray is (1, t, s): at forward distance X it is at
lateral t X and height h + s X. That makes everything linear:

* the floor is met at X = -h / s, and answered by a pre-filtered map of the track (`sim.surface`);
* everything else is a vertical panel. Its forward distance depends on t alone, so per frame a small
  table over t holds the nearest few panels, and each pixel only compares heights.

Written as plain loops over a row of pixels, which numba compiles; `sim.crew` spreads cars over cores.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from car.preprocess import HEIGHT, WIDTH
from sim.render_floor import floor_row, meet_floor, shade_row, slope_table
from sim.render_jpeg import compress
from sim.render_lens import aim_row, ceiling_row, expose_row, smear, tone_curve
from sim.render_panels import BELOW_FLOOR, finish_table, flicker, panel_row, tabulate
from sim.render_tables import BIG, BINS, DEPTH, HORIZON_SLOPE, NOISE_SIZE, ONE, SLOPES, TWO, ZERO


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
    seen = np.full((BINS, DEPTH, 6), BIG, np.float32)
    panel = np.zeros((BINS, DEPTH), np.int32)
    limits = np.empty((BINS, 2), np.float32)
    levels, taps = np.zeros(SLOPES, np.int32), np.zeros(SLOPES, np.int32)
    ts, slopes, spare = np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32)
    xs, ys, reaches = np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32), np.empty(WIDTH, np.float32)
    image, lit = np.zeros((HEIGHT, WIDTH), np.float32), np.empty(len(objects), np.float32)
    curve = np.empty(256, np.float32)
    tabulate(objects, view.x_m, view.y_m, view.yaw_rad, view.widest, seen, panel)
    slope_table(view.height_m, light.pixel_rad, levels, taps)
    flicker(objects, greys, noise, view.moment, lit)
    if light.gamma != ONE:
        tone_curve(light, curve)
    height, widest = np.float32(view.height_m), np.float32(view.widest)
    nearest = finish_table(seen, limits, height, light.pixel_rad)
    per_t = np.float32(BINS) / (TWO * widest)
    for row in range(HEIGHT):
        values = image[row]
        lowest, highest = aim_row(row, turn, ray_table, ts, slopes)
        if lowest <= HORIZON_SLOPE:
            meet_floor(ts, slopes, view, xs, ys, reaches, light.pixel_rad)
            floor_row(
                ts,
                slopes,
                xs,
                ys,
                reaches,
                values,
                view,
                quads,
                offsets,
                sizes,
                origin,
                tone,
                levels,
                taps,
                light,
                shade,
            )
            shade_row(ts, xs, ys, reaches, values, view, light, glares, shade)
        if highest > HORIZON_SLOPE:
            ceiling_row(ts, slopes, values, view, sky, light, HORIZON_SLOPE)
        # Low rows meet the floor before any panel.
        if nearest < BIG and height + highest * nearest > BELOW_FLOOR:
            panel_row(ts, slopes, values, height, per_t, widest, objects, lit, seen, panel, limits, shade)
    if light.exposure_s > ZERO or light.defocus > ZERO:
        smear(image, spare, light, view.yaw_rate_radps, view.forward_mps, view.height_m)
    shutter = np.float32(view.moment & 1023)
    for row in range(HEIGHT):
        start = (view.noise_start + row * WIDTH) & (NOISE_SIZE - 1)
        expose_row(row, image[row], out[row], dark[row], light, noise, start, shutter, curve)
    if light.jpeg_quality > ZERO:
        compress(out, light.jpeg_quality)


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
