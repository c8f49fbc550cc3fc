"""What a JPEG leaves of a picture: blocks of 8 x 8 pixels, their frequencies rounded.

The forward and inverse cosine transforms and the table of step sizes for luma are those of ITU-T T.81
(1992), A.3.3 and K.1; the scaling by quality is the Independent JPEG Group's, which OpenCV uses. Colour
planes are treated like luma, without chroma subsampling.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from sim.render_tables import HALF, WHITE, ZERO

BLOCK = 8
_INDEX = np.arange(BLOCK)
COSINES = np.asarray(
    np.where(_INDEX[:, None] == 0, math.sqrt(1 / BLOCK), math.sqrt(2 / BLOCK))
    * np.cos((2 * _INDEX[None] + 1) * _INDEX[:, None] * math.pi / (2 * BLOCK)),
    dtype=np.float32,
)
"""Row k holds frequency k over the eight places of a block."""
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


@njit(cache=True, fastmath=True)
def step_sizes(quality: float, steps: Any) -> None:
    """Fill in the step size of every frequency for a quality of 1 to 100, (8, 8)."""
    scale = 5000.0 / quality if quality < 50.0 else 200.0 - 2.0 * quality
    for row in range(BLOCK):
        for column in range(BLOCK):
            step = math.floor((LUMA_STEPS[row, column] * scale + 50.0) / 100.0)
            steps[row, column] = min(max(step, 1.0), 255.0)


@njit(cache=True, fastmath=True)
def compress(picture: Any, quality: float) -> None:
    """Round a picture's blocks in place as a JPEG of that quality does; uint8, sides divisible by eight."""
    steps = np.empty((BLOCK, BLOCK), np.float32)
    half, full = np.empty((BLOCK, BLOCK), np.float32), np.empty((BLOCK, BLOCK), np.float32)
    step_sizes(quality, steps)
    for top in range(0, picture.shape[0], BLOCK):
        for left in range(0, picture.shape[1], BLOCK):
            for row in range(BLOCK):
                for k in range(BLOCK):
                    total = ZERO
                    for column in range(BLOCK):
                        total += COSINES[k, column] * (np.float32(picture[top + row, left + column]) - MIDDLE)
                    half[row, k] = total
            for k in range(BLOCK):
                for column in range(BLOCK):
                    total = ZERO
                    for row in range(BLOCK):
                        total += COSINES[k, row] * half[row, column]
                    step = steps[k, column]
                    full[k, column] = np.float32(math.floor(total / step + HALF)) * step
            for row in range(BLOCK):
                for column in range(BLOCK):
                    total = ZERO
                    for k in range(BLOCK):
                        total += COSINES[k, row] * full[k, column]
                    half[row, column] = total
            for row in range(BLOCK):
                for column in range(BLOCK):
                    total = MIDDLE + HALF
                    for k in range(BLOCK):
                        total += COSINES[k, column] * half[row, k]
                    picture[top + row, left + column] = np.uint8(min(max(total, ZERO), WHITE))
