"""Numbers, tiles and working arrays that the renderer's parts share.

Numbers are typed once: a bare Python number would drag the per-pixel arithmetic to double precision. The
working arrays of a band of rows lie in one flat array at fixed places: the compiler then knows that they
do not overlap, without which it makes no vector instructions of loops over many of them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from car.preprocess import HEIGHT, WIDTH
from sim.compiled import njit_fast
from sim.surface import TEXEL_M

ROWS = 8
"""Rows of the picture that are worked on together; HEIGHT is a multiple."""
BAND = ROWS * WIDTH
BLOCK = 8
"""Pixels of a row of floor that share a map level."""
BLOCKS = BAND // BLOCK
BINS = 320
"""Columns of the table of panels; about as fine as the pixels of a wide lens."""
WARP = np.float32(0.45)
"""The table's columns are even in t / (1 + WARP |t|), which is close to even in angle."""
DEPTH = 6
"""Panels kept per column, nearest first."""
SLOPES = 256
"""Rows of the table from a ray's slope to the map level and the number of samples."""
STEEPEST = 2.0
SHADE_SIZE = 256
NOISE_SIZE = 65_536
MOST_OBJECTS = 64
"""An object's number takes six bits of its key in the table of panels."""

ZERO, QUARTER, HALF, ONE, TWO, FOUR = (np.float32(value) for value in (0.0, 0.25, 0.5, 1.0, 2.0, 4.0))
BIG, WHITE = np.float32(1e9), np.float32(255.0)
HORIZON_SLOPE = np.float32(-0.004)
SLOPE_SCALE = np.float32(SLOPES / STEEPEST)
PER_TEXEL = np.float32(1.0 / TEXEL_M)

# Places in the flat array of a band: ROWS rows each of rays, where they meet the floor, the light, and how
# much of it passes the panels, ...
TS, SLOPE, X, Y, REACH, OFF_TRACK, VALUE, LIGHT, PASSING, PRINT = (place * BAND for place in range(10))
# ... and one row each of what the panels of one depth are, column by column of the picture.
LOW, HIGH, COVER, GREY, PRINT_LOW, PRINT_RISE, PRINT_DEPTH = (10 * BAND + place * WIDTH for place in range(7))
# Floor is drawn before there are panels, and borrows their places: shares between texels, or where a pixel
# lies in a pattern; what a pattern adds; and the wrinkles that are drawn straight in between.
SHARE_U, SHARE_V, EXTRA, KNOTS = LIGHT, PASSING, PRINT, LOW
# Where the band's blocks of floor lie, in which of them there is one colour, and which.
BLOCK_BEYOND, BLOCK_RADIUS, BLOCK_SLOPE, BLOCK_VALUE, BLOCK_OFF_TRACK = (
    10 * BAND + 7 * WIDTH + place * BLOCKS for place in range(5)
)
BAND_SIZE = 10 * BAND + 7 * WIDTH + 5 * BLOCKS

PLACES = 2047
"""Place & PLACES is the place, and tells the compiler that it is not one of Python's negative indices."""
ANYWHERE = 2**40 - 1
"""The same for places in a map."""

FloatArray = npt.NDArray[np.float32]


class Scratch(NamedTuple):
    """Working arrays for one picture at a time, made once per piece of a batch."""

    band: Any
    """float32 (BAND_SIZE,), see the places above."""
    image: Any
    """float32 (HEIGHT * WIDTH,), the light of the picture."""
    keys: Any
    """int32 (BINS * DEPTH,), distance and number of the panels in a column of the table, nearest first."""
    segments: Any
    """float32 (objects, 10), see `sim.render_panel_table`."""
    spans: Any
    """float32 (BINS,), distances of one panel."""
    entries: Any
    """float32 (8 * DEPTH * BINS,), see `sim.render_panel_table`."""
    owners: Any
    """int32 (DEPTH * BINS,), which object an entry is of."""
    limits: Any
    """float32 (2 * BINS,), slopes between which a column shows any panel."""
    counts: Any
    """int32 (BINS,), entries of a column."""
    columns: Any
    """int32 (WIDTH,), column of the table for each column of the picture."""
    depths: Any
    """int32 (WIDTH,), entries of those columns."""
    prints: Any
    """int32 (WIDTH,), place in the tile of a print."""
    greys: Any
    """float32 (objects,), with the lamps' flicker."""
    kinds_by_slope: Any
    """int32 (SLOPES,), how floor is looked up, see `sim.render_floor`."""
    reaches: Any
    """float32 (SLOPES,), how far a look-up reaches, in texels of the finest level."""
    slopes: Any
    """int32 (BLOCKS,), which of them a block has."""
    cells: Any
    """int32 (BLOCKS,), where a block lies in the map of calm places."""
    curve: Any
    """float32 (4,), gamma."""
    blocks: Any
    """int64 (BLOCKS + 1,), blocks of floor to be looked up pixel by pixel."""
    kinds: Any
    """int32 (BLOCKS + 1,), how each of them is."""
    places: Any
    """int32 (BAND,), where in the map's tiles they are looked up."""
    jpeg: Any
    """float32 (24, WIDTH), a row of blocks of a JPEG."""


@njit(cache=True)
def make_scratch(objects: int) -> Any:
    """Return working arrays for scenes of so many objects."""
    return Scratch(
        np.zeros(BAND_SIZE, np.float32),
        np.zeros(HEIGHT * WIDTH, np.float32),
        np.zeros(BINS * DEPTH, np.int32),
        np.zeros((objects, 10), np.float32),
        np.zeros(BINS, np.float32),
        np.zeros(8 * DEPTH * BINS, np.float32),
        np.zeros(DEPTH * BINS, np.int32),
        np.zeros(2 * BINS, np.float32),
        np.zeros(BINS, np.int32),
        np.zeros(WIDTH, np.int32),
        np.zeros(WIDTH, np.int32),
        np.zeros(WIDTH, np.int32),
        np.zeros(objects, np.float32),
        np.zeros(SLOPES, np.int32),
        np.zeros(SLOPES, np.float32),
        np.zeros(BLOCKS, np.int32),
        np.zeros(BLOCKS, np.int32),
        np.zeros(4, np.float32),
        np.zeros(BLOCKS + 1, np.int64),
        np.zeros(BLOCKS + 1, np.int32),
        np.zeros(BAND, np.int32),
        np.zeros((24, WIDTH), np.float32),
    )


@njit_fast
def whole(value: Any) -> Any:
    """Return the next whole number below, as int32; a form that becomes vector instructions."""
    number = np.int32(value)
    return number - np.int32(1) if value < np.float32(number) else number


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
