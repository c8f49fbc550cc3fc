"""What a JPEG leaves of a picture: blocks of 8 x 8 pixels, their frequencies rounded.

The forward and inverse cosine transforms and the table of step sizes for luma are those of ITU-T T.81
(1992), A.3.3 and K.1; the scaling by quality is the Independent JPEG Group's, which OpenCV uses. Colour
planes are treated like luma, without chroma subsampling. A row of blocks is transformed at once: along
the picture's columns all of them together, along its rows eight pixels together.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from car.preprocess import HEIGHT, WIDTH
from sim.compiled import njit_fast
from sim.render_tables import HALF, WHITE, ZERO

BLOCK = 8
_INDEX = np.arange(BLOCK)
COSINES = np.asarray(
    np.where(_INDEX[:, None] == 0, math.sqrt(1 / BLOCK), math.sqrt(2 / BLOCK))
    * np.cos((2 * _INDEX[None] + 1) * _INDEX[:, None] * math.pi / (2 * BLOCK)),
    dtype=np.float32,
)
"""Row k holds frequency k over the eight places of a block."""
WAVES = np.ascontiguousarray(COSINES.T)
LUMA_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.float32,
)
MIDDLE = np.float32(128.0)
LIFTED = np.float32(4096.0)
LIFT = np.float32(4096.5)


@njit_fast
def compress(picture: Any, quality: float, work: Any) -> None:
    """Round a picture's blocks in place as a JPEG of that quality does.

    Args:
        picture: uint8 (HEIGHT, WIDTH), sides divisible by eight.
        quality: 1 to 100.
        work: float32 (24, WIDTH), overwritten.
    """
    pixels, waves, steps = work[:BLOCK], work[BLOCK : 2 * BLOCK], work[2 * BLOCK :]
    _step_sizes(quality, steps)
    for top in range(0, HEIGHT, BLOCK):
        for row in range(BLOCK):
            for column in range(WIDTH):
                pixels[row, column] = np.float32(picture[top + row, column]) - MIDDLE
        _along_rows(pixels, WAVES)
        _along_columns(pixels, waves, COSINES)
        for row in range(BLOCK):
            for column in range(WIDTH):
                step = steps[row, column]
                # Cutting off above zero rounds, in vector instructions.
                waves[row, column] = (np.float32(np.int32(waves[row, column] / step + LIFT)) - LIFTED) * step
        _along_columns(waves, pixels, WAVES)
        _along_rows(pixels, COSINES)
        for row in range(BLOCK):
            for column in range(WIDTH):
                value = min(max(pixels[row, column] + MIDDLE + HALF, ZERO), WHITE)
                picture[top + row, column] = np.uint8(np.int32(value))


@njit_fast
def _step_sizes(quality: float, steps: Any) -> None:
    """Fill in the step size of every frequency for a quality of 1 to 100, for every block of a row."""
    scale = 5000.0 / quality if quality < 50.0 else 200.0 - 2.0 * quality
    for row in range(BLOCK):
        for column in range(BLOCK):
            step = min(max(math.floor((LUMA_STEPS[row, column] * scale + 50.0) / 100.0), 1.0), 255.0)
            for left in range(0, WIDTH, BLOCK):
                steps[row, left + column] = np.float32(step)


@njit_fast
def _along_rows(values: Any, weights: Any) -> None:
    """Replace every eight values of a row by their sums with row k of the weights for value k."""
    for row in range(BLOCK):
        line = values[row]
        for left in range(0, WIDTH, BLOCK):
            a, b, c, d = line[left], line[left + 1], line[left + 2], line[left + 3]
            e, f, g, h = line[left + 4], line[left + 5], line[left + 6], line[left + 7]
            for k in range(BLOCK):
                early = a * weights[0, k] + b * weights[1, k] + c * weights[2, k] + d * weights[3, k]
                late = e * weights[4, k] + f * weights[5, k] + g * weights[6, k] + h * weights[7, k]
                line[left + k] = early + late


@njit_fast
def _along_columns(values: Any, out: Any, weights: Any) -> None:
    """Fill row k of `out` with the sum of the eight rows, weighted by row k of the weights."""
    for k in range(BLOCK):
        a, b, c, d = weights[k, 0], weights[k, 1], weights[k, 2], weights[k, 3]
        e, f, g, h = weights[k, 4], weights[k, 5], weights[k, 6], weights[k, 7]
        line = out[k]
        for column in range(WIDTH):
            early = (
                a * values[0, column] + b * values[1, column] + c * values[2, column] + d * values[3, column]
            )
            late = (
                e * values[4, column] + f * values[5, column] + g * values[6, column] + h * values[7, column]
            )
            line[column] = early + late
