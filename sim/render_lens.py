"""Before and after the scene: where the rays of a row go, and what lens and sensor make of the light."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from car.preprocess import HEIGHT, WIDTH
from sim.compiled import njit_fast
from sim.render_tables import (
    BAND,
    BIG,
    HALF,
    HIGH,
    HORIZON_SLOPE,
    LOW,
    NOISE_SIZE,
    ONE,
    QUARTER,
    SLOPE,
    TS,
    TWO,
    VALUE,
    WHITE,
    ZERO,
    whole,
)

LANES = 32
TENTH = np.float32(0.1)
PER_WHITE = np.float32(1.0 / 255.0)


@njit_fast
def aim_band(turn: Any, across: Any, up: Any, band: Any) -> tuple[Any, Any]:
    """Fill in t and slope of the rays of a band; return the smallest and the largest slope.

    Args:
        turn: float32 (3, 3), level axes from camera axes.
        across: float32 (BAND,), y of the rays in the camera's axes.
        up: float32 (BAND,), z of them.
        band: see `sim.render_tables`.
    """
    m00, m01, m02 = turn[0, 0], turn[0, 1], turn[0, 2]
    m10, m11, m12 = turn[1, 0], turn[1, 1], turn[1, 2]
    m20, m21, m22 = turn[2, 0], turn[2, 1], turn[2, 2]
    for place in range(BAND):
        a, b = across[place], up[place]
        inverse = ONE / (m00 + m01 * a + m02 * b)
        band[TS + place] = (m10 + m11 * a + m12 * b) * inverse
        band[SLOPE + place] = (m20 + m21 * a + m22 * b) * inverse
    return _extremes(band)


@njit_fast
def _extremes(band: Any) -> tuple[Any, Any]:
    """Return the smallest and the largest slope, folded row on row: that becomes vector instructions."""
    for place in range(WIDTH):
        band[LOW + place], band[HIGH + place] = band[SLOPE + place], band[SLOPE + place]
    for row in range(WIDTH, BAND, WIDTH):
        for place in range(WIDTH):
            slope = band[SLOPE + row + place]
            band[LOW + place] = min(band[LOW + place], slope)
            band[HIGH + place] = max(band[HIGH + place], slope)
    for part in range(LANES, WIDTH, LANES):
        for place in range(LANES):
            band[LOW + place] = min(band[LOW + place], band[LOW + part + place])
            band[HIGH + place] = max(band[HIGH + place], band[HIGH + part + place])
    lowest, highest = BIG, -BIG
    for place in range(LANES):
        lowest, highest = min(lowest, band[LOW + place]), max(highest, band[HIGH + place])
    return lowest, highest


@njit_fast
def ceiling_band(band: Any, view: Any, sky: Any, light: Any) -> None:
    """Fill in what is above the horizon: light that darkens upwards, or a ceiling with rows of lamps."""
    horizon, overhead = sky[0], sky[1]
    if light.ceiling_m <= ZERO:
        for place in range(BAND):
            slope = band[SLOPE + place]
            value = horizon + (overhead - horizon) * min(max(slope * TWO, ZERO), ONE)
            band[VALUE + place] = value if slope > HORIZON_SLOPE else band[VALUE + place]
        return
    above, per_m, lamp = light.ceiling_m - np.float32(view.height_m), light.lamps_per_m, light.lamp_grey
    from_x, from_y = light.shade_x, light.shade_y
    for place in range(BAND):
        slope = band[SLOPE + place]
        if slope <= HORIZON_SLOPE:
            continue
        value = horizon + (overhead - horizon) * min(max(slope * TWO, ZERO), ONE)
        if slope > TENTH * HALF:
            along = above / slope * per_m
            across = band[TS + place] * along + from_x
            along += from_y
            across, along = across - np.float32(whole(across)), along - np.float32(whole(along))
            value = overhead + (lamp if across < QUARTER and along < HALF else ZERO)
        band[VALUE + place] = value


@njit_fast
def smear(
    image: Any, spare: Any, light: Any, yaw_rate_radps: float, forward_mps: float, height_m: float
) -> None:
    """Blur a picture in place by what moved while the shutter was open, and by the lens being out of focus.

    Turning smears along the row, by yaw rate times exposure in every row. Driving smears the floor along
    the column: a point at distance X moves by ``f h v / X^2`` per second, ``v s^2 f / h`` with s the slope.
    Light only moves between neighbours and none leaves the picture, so its brightness stays.

    Args:
        image: float32 (HEIGHT, WIDTH).
        spare: float32 (WIDTH or more,), overwritten.
        light: of `LIGHT_DTYPE`.
        yaw_rate_radps: how fast the camera turns.
        forward_mps: how fast it drives.
        height_m: how high it sits.
    """
    sideways = np.float32(abs(yaw_rate_radps)) * light.exposure_s / light.pixel_rad
    focus = light.defocus
    if sideways > TENTH or focus > ZERO:
        # A box over the smear and a triangle over the blur, both as one weight for the two neighbours.
        weight = min(sideways / np.float32(3.0), ONE) / np.float32(3.0) + focus * QUARTER
        weight = min(weight, ONE / np.float32(3.0))
        for row in range(HEIGHT):
            for _ in range(1 + int(sideways * HALF)):
                _smear_row(image[row], spare, weight)
    speed = np.float32(forward_mps) * light.exposure_s / (light.pixel_rad * np.float32(height_m))
    if speed > ZERO or focus > ZERO:
        _smear_columns(image, spare, speed * light.pixel_rad * light.pixel_rad, focus * QUARTER)


@njit_fast
def _smear_row(line: Any, spare: Any, weight: Any) -> None:
    """Move a share `weight` of every pixel's light to each of its neighbours in a row, in place."""
    spare[0] = line[0] + (line[1] - line[0]) * weight
    for column in range(1, WIDTH - 1):
        sides = line[column - 1] + line[column + 1]
        spare[column] = line[column] * (ONE - TWO * weight) + sides * weight
    spare[WIDTH - 1] = line[WIDTH - 1] + (line[WIDTH - 2] - line[WIDTH - 1]) * weight
    for column in range(WIDTH):
        line[column] = spare[column]


@njit_fast
def _smear_columns(image: Any, above: Any, moved_per_row2: Any, focus: Any) -> None:
    """Move light between the rows of a picture, in place; how much belongs to the edge between two rows."""
    top = ZERO
    for column in range(WIDTH):
        above[column] = image[0, column]
    for row in range(HEIGHT):
        below_horizon = max(np.float32(row - HEIGHT // 4) + HALF, ZERO)
        bottom = min(
            moved_per_row2 * below_horizon * below_horizon / np.float32(3.0) + focus, ONE / np.float32(3.0)
        )
        # Nothing comes from beyond the last row.
        after = min(row + 1, HEIGHT - 1)
        for column in range(WIDTH):
            here = image[row, column]
            image[row, column] = here + (above[column] - here) * top + (image[after, column] - here) * bottom
            # The row below needs this one as it was.
            above[column] = here
        top = bottom


_NODES = np.array([0.15, 0.45, 0.8, 1.0])
_TO_CURVE = np.linalg.inv(_NODES[:, None] ** np.arange(1, 5))
"""From the values of a curve at four nodes to the polynomial through them and through the origin."""


@njit_fast
def tone_curve(light: Any, curve: Any) -> None:
    """Fill in the sensor's answer to light, (4,): a gamma curve as a polynomial in the root of the light.

    From gamma 0.7 to 1.4 it is within one grey level of the power.
    """
    for power in range(4):
        total = 0.0
        for node in range(4):
            total += _TO_CURVE[power, node] * math.pow(_NODES[node], 2.0 * light.gamma)
        curve[power] = np.float32(total)


@njit_fast
def bend_row(values: Any, curve: Any) -> None:
    """Put a row of light, 0..255, through the sensor's curve."""
    a, b, c, d = curve[0], curve[1], curve[2], curve[3]
    for column in range(WIDTH):
        root = np.sqrt(min(max(values[column], ZERO), WHITE) * PER_WHITE)
        values[column] = WHITE * root * (a + root * (b + root * (c + root * d)))


@njit_fast
def expose_row(
    row: int, values: Any, out: Any, dark: Any, light: Any, noise: Any, start: int, shutter: Any
) -> None:
    """Turn light into grey levels: exposure, vignetting, hum, offset, grain, the ends of the scale."""
    gain, offset, grain = light.gain, light.offset + HALF, light.noise
    vignette = light.vignette
    if light.hum > ZERO:
        # Lamps on mains hum at 100 Hz; a rolling shutter turns that into bands that wander.
        gain *= ONE + light.hum * np.float32(math.sin(np.float32(row) * np.float32(0.21) + shutter))
    begin = start & (NOISE_SIZE - 1)
    for column in range(WIDTH):
        lit = values[column] * gain * (ONE - vignette * dark[column]) + offset
        value = lit + grain * noise[begin + column]
        # By way of int32, for which there are vector instructions.
        out[column] = np.uint8(np.int32(min(max(value, ZERO), WHITE)))
