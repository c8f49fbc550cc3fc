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
    """
    sideways = np.float32(abs(yaw_rate_radps)) * light.exposure_s / light.pixel_rad
    focus = light.defocus
    if sideways > TENTH or focus > ZERO:
        # A box over the smear and a triangle over the blur, both as one weight for the two neighbours.
        weight = min(sideways / np.float32(3.0), ONE) / np.float32(3.0) + focus * QUARTER
        weight = min(weight, ONE / np.float32(3.0))
        rounds = 1 + int(sideways * HALF)
        for row in range(HEIGHT):
            for _ in range(rounds):
                for column in range(1, WIDTH - 1):
                    sides = image[row, column - 1] + image[row, column + 1]
                    spare[column] = image[row, column] * (ONE - TWO * weight) + sides * weight
                for column in range(1, WIDTH - 1):
                    image[row, column] = spare[column]
    speed = np.float32(forward_mps) * light.exposure_s / (light.pixel_rad * np.float32(height_m))
    if speed <= ZERO and focus <= ZERO:
        return
    for row in range(HEIGHT - 2, 0, -1):
        below_horizon = max(np.float32(row - HEIGHT // 4) * light.pixel_rad, ZERO)
        moved = speed * below_horizon * below_horizon
        weight = min(moved / np.float32(3.0) + focus * QUARTER, ONE / np.float32(3.0))
        for column in range(WIDTH):
            sides = image[row - 1, column] + image[row + 1, column]
            image[row, column] = image[row, column] * (ONE - TWO * weight) + sides * weight


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
    for column in range(WIDTH):
        value = (
            values[column] * gain * (ONE - vignette * dark[column]) + offset + grain * noise[start + column]
        )
        out[column] = np.uint8(min(max(value, ZERO), WHITE))
