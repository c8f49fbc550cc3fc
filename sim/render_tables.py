"""Numbers and tiles that the renderer's parts share.

Typed once: a bare Python number would drag the per-pixel arithmetic to double precision.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from car.preprocess import WIDTH
from sim.surface import TEXEL_M

BINS = 224
"""Columns of the table over t; finer than the pixels, so that vertical edges do not jump."""
DEPTH = 6
"""Panels kept per column, nearest first."""
SLOPES = 256
"""Rows of the table from a ray's slope to the map level and the number of samples."""
STEEPEST = 2.0
SHADE_SIZE = 256
NOISE_SIZE = 65_536

ZERO, QUARTER, HALF, ONE, TWO, FOUR = (np.float32(value) for value in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0))
BIG, WHITE = np.float32(1e9), np.float32(255.0)
HORIZON_SLOPE = np.float32(-0.004)
SLOPE_SCALE = np.float32(SLOPES / STEEPEST)
PER_TEXEL = np.float32(1.0 / TEXEL_M)

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
