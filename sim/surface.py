"""The printed track as coverage maps: how much of each patch of floor is road, white line or centre dash.

Coverage, not colour: every car colours the same map with its own palette, so drawing new colours costs
nothing. The map is kept at several resolutions (a mip pyramid), each level an average of the finer one,
so that a distant line fades as on a real sensor instead of crawling.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sim.track import Array, Track

LINE_WIDTH_M = 0.075
"""White border line, inside the border (custom tracks: 75 mm; re:Invent 2018: 76 mm)."""
DASH_WIDTH_M = 0.025
"""Centre line (both families)."""
DASH_LENGTH_M = 0.05
"""Centre dash and gap (custom tracks: 50 mm on, 50 mm off)."""
START_LINE_M = 0.10
"""Depth of the white start line."""
TEXEL_M = 0.005
LEVELS = 6
MARGIN_M = 0.46
"""Plain floor round the track: more than two of the coarsest texels, so that every level's rim is plain."""
CALM_CELL = 4
"""Texels of the finest level along a cell of the map of calm places."""
TILE_TEXELS = 7
"""Texels of its own along a side of a tile; see `Surface`."""
_SUPERSAMPLE = 2
_FRACTION_BITS = 4


COVERAGES = ("road", "line", "dash", "start")
"""What the four coverage channels mean."""
CODES = 256


@dataclass(frozen=True, eq=False)
class Surface:
    """A mip pyramid of coverage; level k has texels of ``TEXEL_M * 2**k``.

    A texel is one code into a small book of coverages: the renderer then needs one look-up per texel in
    a table of that car's own grey levels, instead of four products. Codes are kept in tiles of 8 x 8 bytes,
    as much as a line of the cache: `TILE_TEXELS` squared of its own, and the column and the row that follow,
    as a texel is always read with its neighbours to the right and above.
    """

    tiles: npt.NDArray[np.uint8]
    """All levels, tile by tile along +x and then along +y; the row along +x comes first in a tile, too."""
    codebook: npt.NDArray[np.float32]
    """Coverage 0..1 of each code, (L <= 256, 4), in the order of `COVERAGES`; code 0 is plain floor."""
    level_offsets: npt.NDArray[np.int64]
    """Place of each level's first tile, (LEVELS,)."""
    level_sizes: npt.NDArray[np.int64]
    """Height and width of each level in texels, (LEVELS, 2)."""
    calm: npt.NDArray[np.uint16]
    """By cell, (height / CALM_CELL, width / CALM_CELL): the code at its middle in the low byte; above it, for
    how many texels round every place of the cell nothing else comes."""
    origin_m: tuple[float, float]
    """World x, y of the corner of texel (0, 0); rows go along +y."""


def paint_surface(track: Track) -> Surface:
    """Draw a track's coverage maps and average them down."""
    corners = np.vstack([track.left_border_m, track.right_border_m])
    low = corners.min(axis=0) - MARGIN_M
    # Sizes divide evenly down the pyramid, so that a texel of one level is exactly four of the finer.
    step = 2 ** (LEVELS - 1)
    spans = np.ceil((corners.max(axis=0) + MARGIN_M - low) / TEXEL_M / step).astype(int) * step
    width, height = int(spans[0]), int(spans[1])
    finest = np.zeros((height, width, 4), np.uint8)
    for channel, painter in enumerate((_paint_road, _paint_lines, _paint_dashes, _paint_start)):
        canvas = np.zeros((height * _SUPERSAMPLE, width * _SUPERSAMPLE), np.uint8)
        painter(canvas, track, low)
        finest[:, :, channel] = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    levels = [finest]
    for _ in range(LEVELS - 1):
        previous = levels[-1]
        size = (previous.shape[1] // 2, previous.shape[0] // 2)
        levels.append(cv2.resize(previous, size, interpolation=cv2.INTER_AREA).astype(np.uint8))
    counts = [level.shape[0] * level.shape[1] for level in levels]
    codes, codebook = _encode(np.concatenate([level.reshape(-1, 4) for level in levels]))
    pieces = np.split(codes, np.cumsum(counts)[:-1])
    tiles = [_lay_tiles(piece.reshape(level.shape[:2])) for piece, level in zip(pieces, levels, strict=True)]
    return Surface(
        tiles=np.concatenate(tiles),
        codebook=codebook,
        level_offsets=np.cumsum([0, *(part.size for part in tiles[:-1])]).astype(np.int64),
        level_sizes=np.array([level.shape[:2] for level in levels], np.int64),
        calm=_calm_places(pieces[0].reshape(finest.shape[:2])),
        origin_m=(float(low[0]), float(low[1])),
    )


def _encode(texels: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Number the combinations of coverages that occur, rounded just coarsely enough to fit a byte."""
    for steps in (16, 12, 8, 6, 4):
        # By a table, as a track has millions of texels and wider numbers would hold the most memory of all.
        level = ((np.arange(256) * steps + 127) // 255).astype(np.uint8)[texels]
        packed = np.zeros(len(texels), np.uint32)
        for channel, shift in enumerate((0, 5, 10, 15)):
            packed |= level[:, channel].astype(np.uint32) << np.uint32(shift)
        seen = np.zeros(1 << 20, bool)
        seen[0] = True
        seen[packed] = True
        values = np.flatnonzero(seen)
        if len(values) <= CODES:
            break
    number = np.zeros(1 << 20, np.uint8)
    number[values] = np.arange(len(values), dtype=np.uint8)
    book = np.stack([(values >> shift) & 31 for shift in (0, 5, 10, 15)], axis=1) / steps
    return number[packed], book.astype(np.float32)


def _calm_places(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Measure how far every cell is from the nearest change of code."""
    change = np.zeros(codes.shape, bool)
    change[:, 1:] |= codes[:, 1:] != codes[:, :-1]
    change[1:] |= codes[1:] != codes[:-1]
    away = cv2.distanceTransform((~change).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    cells = (codes.shape[0] // CALM_CELL, CALM_CELL, codes.shape[1] // CALM_CELL, CALM_CELL)
    least = np.clip(np.floor(away.reshape(cells).min(axis=(1, 3))) - 1, 0, 255).astype(np.uint16)
    middle = codes[CALM_CELL // 2 :: CALM_CELL, CALM_CELL // 2 :: CALM_CELL]
    return np.asarray(least << 8 | middle, dtype=np.uint16)


def tiles_across(texels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many tiles lie beside each other over so many texels."""
    return -(-texels // TILE_TEXELS)


def _lay_tiles(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Lay a level's codes (H, W) out tile by tile; the last row and column repeat."""
    spare = tiles_across(np.array(codes.shape)) * TILE_TEXELS + 1 - codes.shape
    padded = np.pad(codes, ((0, spare[0]), (0, spare[1])), mode="edge")
    side = TILE_TEXELS + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    return np.ascontiguousarray(windows[::TILE_TEXELS, ::TILE_TEXELS]).ravel()


def _fill(canvas: npt.NDArray[np.uint8], polygons: list[Array], low: Array, value: int) -> None:
    """Fill polygons given in metres, with OpenCV's fixed-point corners and soft edges."""
    scale = _SUPERSAMPLE / TEXEL_M * 2**_FRACTION_BITS
    half_texel = 2 ** (_FRACTION_BITS - 1)
    points = [np.round((polygon - low) * scale - half_texel).astype(np.int32) for polygon in polygons]
    for polygon in points:
        cv2.fillPoly(canvas, [polygon], [value], lineType=cv2.LINE_AA, shift=_FRACTION_BITS)


def _offset(track: Track, from_left_m: float, from_right_m: float) -> tuple[Array, Array]:
    """Return the borders moved inwards by the given distances."""
    left = track.center_m + track.normal * (track.left_width_m - from_left_m)[:, None]
    right = track.center_m - track.normal * (track.right_width_m - from_right_m)[:, None]
    return left, right


def _ring(canvas: npt.NDArray[np.uint8], outline: tuple[Array, Array], low: Array, value: int) -> None:
    """Fill the band between two closed lines, in short quadrilaterals that never overlap themselves."""
    left, right = outline
    step = 4
    index = np.arange(0, len(left), step)
    following = (index + step) % len(left)
    following[-1] = 0
    quads = np.stack([left[index], left[following], right[following], right[index]], axis=1)
    scale = _SUPERSAMPLE / TEXEL_M * 2**_FRACTION_BITS
    for quad in np.round((quads - low) * scale - 2 ** (_FRACTION_BITS - 1)).astype(np.int32):
        cv2.fillConvexPoly(canvas, quad, [value], lineType=cv2.LINE_8, shift=_FRACTION_BITS)


def _paint_road(canvas: npt.NDArray[np.uint8], track: Track, low: Array) -> None:
    _ring(canvas, _offset(track, 0.0, 0.0), low, 255)


def _paint_lines(canvas: npt.NDArray[np.uint8], track: Track, low: Array) -> None:
    left, right = _offset(track, 0.0, 0.0)
    inner_left, inner_right = _offset(track, LINE_WIDTH_M, LINE_WIDTH_M)
    _ring(canvas, (left, inner_left), low, 255)
    _ring(canvas, (inner_right, right), low, 255)


def _paint_dashes(canvas: npt.NDArray[np.uint8], track: Track, low: Array) -> None:
    # A whole number of dashes round the lap, so that the pattern closes.
    count = max(1, round(track.length_m / (2 * DASH_LENGTH_M)))
    starts = np.arange(count) * (track.length_m / count)
    samples = len(track.center_m)
    for start in starts:
        along = np.array([0.0, DASH_LENGTH_M / 2, DASH_LENGTH_M]) + start
        index = np.round(along / track.spacing_m).astype(int) % samples
        side = track.normal[index] * (DASH_WIDTH_M / 2)
        outline = np.vstack([track.center_m[index] + side, (track.center_m[index] - side)[::-1]])
        _fill(canvas, [outline], low, 255)


def _paint_start(canvas: npt.NDArray[np.uint8], track: Track, low: Array) -> None:
    samples = max(1, round(START_LINE_M / track.spacing_m))
    index = np.arange(-samples // 2, samples // 2 + 1) % len(track.center_m)
    left, right = _offset(track, LINE_WIDTH_M, LINE_WIDTH_M)
    _fill(canvas, [np.vstack([left[index], right[index][::-1]])], low, 255)
