"""Before and after the scene: where the rays of a row go, and what lens and sensor make of the light."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from car.preprocess import HEIGHT, WIDTH
from sim.render_tables import BIG, HALF, ONE, QUARTER, TWO, WHITE, ZERO

TENTH = np.float32(0.1)


@njit(cache=True, fastmath=True)
def aim_row(row: int, turn: Any, ray_table: Any, ts: Any, slopes: Any) -> tuple[float, float]:
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
def ceiling_row(ts: Any, slopes: Any, values: Any, view: Any, sky: Any, light: Any, horizon: Any) -> None:
    """Fill in what is above the horizon: light that darkens upwards, or a ceiling with rows of lamps."""
    for column in range(WIDTH):
        slope = slopes[column]
        if slope <= horizon:
            continue
        rise = min(max(slope * TWO, ZERO), ONE)
        value = sky[0] + (sky[1] - sky[0]) * rise
        if light.ceiling_m > ZERO and slope > TENTH * HALF:
            distance = (light.ceiling_m - np.float32(view.height_m)) / slope
            value = sky[1]
            across = ts[column] * distance * light.lamps_per_m + light.shade_x
            along = distance * light.lamps_per_m + light.shade_y
            across -= np.float32(math.floor(across))
            along -= np.float32(math.floor(along))
            if across < QUARTER and along < HALF:
                value += light.lamp_grey
        values[column] = value


@njit(cache=True, fastmath=True)
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


@njit(cache=True, fastmath=True)
def tone_curve(light: Any, curve: Any) -> None:
    """Fill in the sensor's answer to light 0..255, (256,): a gamma curve through both ends."""
    for level in range(256):
        curve[level] = WHITE * np.float32(math.pow(level / 255.0, light.gamma))


@njit(cache=True, fastmath=True)
def expose_row(
    row: int, values: Any, out: Any, dark: Any, light: Any, noise: Any, start: int, shutter: Any, curve: Any
) -> None:
    """Turn light into grey levels: exposure, vignetting, hum, gamma, offset, grain, the ends of the scale."""
    gain, offset, grain = light.gain, light.offset + HALF, light.noise
    vignette = light.vignette
    if light.hum > ZERO:
        # Lamps on mains hum at 100 Hz; a rolling shutter turns that into bands that wander.
        gain *= ONE + light.hum * np.float32(math.sin(np.float32(row) * np.float32(0.21) + shutter))
    if light.gamma != ONE:
        for column in range(WIDTH):
            level = min(max(values[column], ZERO), WHITE)
            values[column] = curve[np.int32(level)]
    for column in range(WIDTH):
        value = (
            values[column] * gain * (ONE - vignette * dark[column]) + offset + grain * noise[start + column]
        )
        out[column] = np.uint8(min(max(value, ZERO), WHITE))
