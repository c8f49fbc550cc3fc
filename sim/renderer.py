"""The picture: one ray per pixel, answered from tables, for a whole batch of cars at once.

In axes level with the floor, x along the car, a ray is (1, t, s): at forward distance X it is at
lateral t X and height h + s X. That makes everything linear:

* the floor is met at X = -h / s, and answered by a pre-filtered map of the track (`sim.surface`);
* everything else is a vertical panel. Its forward distance depends on t alone, so per frame a small
  table over t holds the nearest few panels, and each pixel only compares heights.

Written as plain loops over a row of pixels, which numba compiles; `sim.crew` spreads cars over cores.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from car.preprocess import HEIGHT, WIDTH
from sim.compiled import njit_fast
from sim.crew import take_turns
from sim.render_floor import floor_band, meet_floor, slope_table
from sim.render_floor_light import shade_band
from sim.render_jpeg import compress
from sim.render_lens import aim_band, bend_row, ceiling_band, expose_row, smear, tone_curve
from sim.render_panel_table import BELOW_FLOOR, finish_table, flicker, tabulate
from sim.render_panels import panel_band
from sim.render_pattern import pattern_band
from sim.render_tables import BAND, BIG, HORIZON_SLOPE, NOISE_SIZE, ONE, VALUE, ZERO, make_scratch


class Ground(NamedTuple):
    """All tracks' maps, one after the other; see `sim.surface`."""

    tiles: Any
    """uint8."""
    starts: Any
    """int64 (T,), where each track's map starts."""
    offsets: Any
    """int64 (T, LEVELS), where a level starts in it."""
    sizes: Any
    """int64 (T, LEVELS, 2), height and width in texels."""
    across: Any
    """int64 (T, LEVELS), tiles beside each other."""
    origins: Any
    """float64 (T, 2)."""
    calm: Any
    """uint32."""
    calm_starts: Any
    """int64 (T,)."""
    calm_sizes: Any
    """int64 (T, 2)."""


class Optics(NamedTuple):
    """What is the same for every car."""

    across: Any
    """float32 (H * W,), y of every ray, from `sim.camera.rays`."""
    up: Any
    """float32 (H * W,), z of every ray."""
    dark: Any
    """float32 (H, W), light lost at full vignetting."""
    middles: Any
    """float32 (BINS,), t in the middle of every column of the table of panels."""
    shade: Any
    """float32 (SHADE_SIZE ** 2,), row by row."""
    noise: Any
    """float32 (NOISE_SIZE + WIDTH,)."""


class World(NamedTuple):
    """What each of N cars has before it, or will have, in one plane: luma or a colour."""

    views: Any
    """`sim.eyes.VIEW_DTYPE` (N,)."""
    turns: Any
    """float32 (N, 3, 3), level axes from camera axes."""
    track_of: Any
    """int64 (N,), which track's map each car drives on."""
    tones: Any
    """float32 (N, 256), grey of every code."""
    sky: Any
    """float32 (N, 2), grey at the horizon and overhead."""
    objects: Any
    """`OBJECT_DTYPE` (N, O)."""
    greys: Any
    """float32 (N, O)."""
    lights: Any
    """`LIGHT_DTYPE` (N,)."""
    glares: Any
    """float32 (N, G, 4): x, y, 1 / radius^2, strength; those of no strength last."""


@njit(cache=True, nogil=True)
def render_batch(turns: Any, out: Any, rows: Any, ground: Ground, optics: Optics, world: World) -> None:
    """Render one grey plane for some rows of a world, in place, sharing it with whoever takes the same turns.

    Args:
        turns: `sim.crew.Turns`.
        out: uint8 (M, H, W).
        rows: int (M,), which of the world.
        ground: the tracks.
        optics: what is the same for every car.
        world: what each car has before it.
    """
    scratch = make_scratch(world.objects.shape[1])
    item, end = take_turns(turns, 1)
    while item < end:
        _draw(rows[item], ground, optics, world, scratch)
        _expose(out[item], rows[item], optics, world, scratch)
        item, end = take_turns(turns, 1)


@njit_fast
def _draw(car: int, ground: Ground, optics: Optics, world: World, scratch: Any) -> None:
    """Fill in the light that reaches the lens, a band of rows at a time."""
    view, light, objects = world.views[car], world.lights[car], world.objects[car]
    band, image, pixel_rad = scratch.band, scratch.image, light.pixel_rad
    flicker(objects, world.greys[car], optics.noise, view.moment, scratch.greys)
    tabulate(objects, view, optics.middles, scratch)
    nearest = finish_table(objects, view, pixel_rad, scratch)
    slope_table(view.height_m, pixel_rad, scratch.kinds_by_slope, scratch.reaches)
    for start in range(0, HEIGHT * WIDTH, BAND):
        across, up = optics.across[start : start + BAND], optics.up[start : start + BAND]
        lowest, highest = aim_band(world.turns[car], across, up, band)
        if lowest <= HORIZON_SLOPE:
            _draw_floor(car, ground, optics, world, scratch)
        if highest > HORIZON_SLOPE:
            ceiling_band(band, view, world.sky[car], light)
        # Low rows meet the floor before any panel.
        if nearest < BIG and np.float32(view.height_m) + highest * nearest > BELOW_FLOOR:
            panel_band(lowest, highest, objects, view, pixel_rad, optics.shade, scratch)
        for place in range(BAND):
            image[start + place] = band[VALUE + place]


@njit_fast
def _draw_floor(car: int, ground: Ground, optics: Optics, world: World, scratch: Any) -> None:
    """Fill in a band of floor with all that lies on it."""
    view, light, tone, band = world.views[car], world.lights[car], world.tones[car], scratch.band
    meet_floor(band, view, light.pixel_rad)
    outside = floor_band(band, view, ground, world.track_of[car], tone, scratch)
    if outside and light.floor_contrast > ZERO:
        pattern_band(band, light.floor_contrast * tone[0], light, optics.shade, scratch.places)
    shade_band(band, view, light, world.glares[car], optics.shade)


@njit_fast
def _expose(out: Any, car: int, optics: Optics, world: World, scratch: Any) -> None:
    """Turn the light into the picture that the camera hands on."""
    view, light = world.views[car], world.lights[car]
    image = scratch.image.reshape((HEIGHT, WIDTH))
    if light.exposure_s > ZERO or light.defocus > ZERO:
        smear(image, scratch.spans, light, view.yaw_rate_radps, view.forward_mps, view.height_m)
    if light.gamma != ONE:
        tone_curve(light, scratch.curve)
    shutter = np.float32(view.moment & 1023)
    for row in range(HEIGHT):
        start = (view.noise_start + row * WIDTH) & (NOISE_SIZE - 1)
        if light.gamma != ONE:
            bend_row(image[row], scratch.curve)
        expose_row(row, image[row], out[row], optics.dark[row], light, optics.noise, start, shutter)
    if light.jpeg_quality > ZERO:
        compress(out, light.jpeg_quality, scratch.jpeg)
