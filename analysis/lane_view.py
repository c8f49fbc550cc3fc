"""Where in its lane a car is, from its pictures alone: a stand-in where a log has no position.

The floor ahead is laid flat (by the camera as it is drawn), where border lines are bright ridges and the
dashes of the centre line coloured ones. One lane of three parallel lines with offset, heading and bend is
slid over it; the best fit is the estimate. It needs no training and knows only that there are such lines.

Against the truth of simulated drives on four tracks, where the lane is straight for 1.2 m ahead: lateral
offset 1.5 to 2.2 cm RMS, heading 1.3 to 2.4 degrees RMS, in noise low and high alike, which
`tests/analysis/test_lane_view.py` holds it to; but 4 cm and 6 degrees in one of the twelve, whose lines had
nearly the colour of the floor. In bends it is worthless: 20 cm. Optical flow about the horizon was tried for
the yaw rate and follows the car only where something stands there (median error 0.1 rad/s in a furnished
hall, 0.6 without), so it is not offered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sim.camera import Camera

AHEAD_M = 0.8
"""Where ahead of the car's middle the lane is described."""

_X = np.arange(0.40, 1.46, 0.07)
_STEP_M = 0.01
_Y = np.arange(-1.10, 1.1001, _STEP_M)
_SLOPES = np.arange(-0.5, 0.5001, 0.025)
_BENDS_1PM = np.array([-1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2])
_OFFSETS_M = np.arange(-0.5, 0.5001, _STEP_M)
_WIDTHS_M = np.arange(0.6, 1.101, 0.02)
_FLAT_SLOPE, _FLAT_BEND_1PM = 0.2, 0.5
_FOR_WIDTH = 60
_LINE_PX, _LINE_GAP_PX, _LINE_GREY = 7, 9, 30.0
_DASH_PX, _DASH_GAP_PX, _DASH_GREY = 3, 5, 40.0

Values = NDArray[np.float64]


@dataclass(frozen=True)
class LaneEstimates:
    """One entry per picture."""

    lateral_m: Values
    """(N,) the car's middle from the centre line, left is positive, as if the lane ran on straight."""
    heading_rad: Values
    """(N,) the car's heading against the lane's 0.8 m ahead, + is left."""
    bend_1pm: Values
    """(N,) curvature of the lane, in steps of 0.4, + is left."""
    score: Values
    """(N,) how much of three lines was found, 0 to 1; below 0.3 is a guess."""
    width_m: float
    """Distance between the middles of the border lines, found over all pictures."""


class LaneFinder:
    """Finds the lane in pictures of one camera.

    Args:
        camera: lens and mount.
    """

    def __init__(self, camera: Camera) -> None:
        forward, left = np.meshgrid(_X, _Y, indexing="ij")
        columns, rows = pixels_of_floor(camera, forward, left)
        self._at = columns.astype(np.float32), rows.astype(np.float32)
        self._seen = (columns >= 1) & (columns <= 158) & (rows >= 1) & (rows <= 118)
        slopes, bends = np.meshgrid(_SLOPES, _BENDS_1PM, indexing="ij")
        self._slopes, self._bends = slopes.ravel(), bends.ravel()
        self._flat = (np.abs(self._slopes) < _FLAT_SLOPE) & (np.abs(self._bends) < _FLAT_BEND_1PM)
        ahead = _X - AHEAD_M
        shift = self._slopes[:, None] * ahead + self._bends[:, None] * ahead**2 / 2
        across = np.rint((shift[:, :, None] + _Y[None, None, :] - _Y[0]) / _STEP_M).astype(np.int64)
        outside = (across < 0) | (across >= len(_Y))
        flat = np.clip(across, 0, len(_Y) - 1) + (np.arange(len(_X)) * len(_Y))[None, :, None]
        # One place behind the last holds the zero that everything outside reads.
        self._table = np.where(outside, len(_X) * len(_Y), flat).astype(np.int32)

    def estimate(self, count: int, picture: Callable[[int], NDArray[np.uint8]]) -> LaneEstimates:
        """Find the lane in pictures, with one width for all of them.

        Args:
            count: N.
            picture: returns the (120, 160, 3) RGB picture of a number below N; some are asked for twice.
        """
        some = range(0, count, max(1, count // _FOR_WIDTH))
        width_m = self._width_m([self._profiles(picture(number))[:, self._flat] for number in some])
        fits = [self._fit(self._profiles(picture(number)), width_m) for number in range(count)]
        offset, slope, bend, score = np.array(fits).reshape(count, 4).T
        return LaneEstimates(
            lateral_m=-(offset - slope * AHEAD_M),
            heading_rad=-np.arctan(slope),
            bend_1pm=bend,
            score=score,
            width_m=width_m,
        )

    def _profiles(self, image_rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (2, candidates, offsets): how much border line, and dash, lies along each candidate."""
        darkest = image_rgb.min(axis=2)
        colour = image_rgb.max(axis=2) - darkest
        white = self._ridges(darkest, _LINE_PX, _LINE_GAP_PX, _LINE_GREY)
        dashes = self._ridges(colour, _DASH_PX, _DASH_GAP_PX, _DASH_GREY)
        found = np.stack([ridges[self._table].sum(axis=1) for ridges in (white, dashes)]) / len(_X)
        return found.astype(np.float32)

    def _ridges(self, plane: NDArray[np.uint8], size: int, gap: int, full: float) -> NDArray[np.float32]:
        """Return where the flattened floor is brighter than on both sides, flat and with a zero behind."""
        flat = cv2.remap(plane, *self._at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mean = cv2.blur(flat.astype(np.float32), (size, 1))
        inside = self._seen.copy()
        inside[:, gap:] &= self._seen[:, :-gap]
        inside[:, :-gap] &= self._seen[:, gap:]
        beside = np.maximum(np.roll(mean, gap, axis=1), np.roll(mean, -gap, axis=1))
        ridges = np.clip(mean - beside, 0.0, full) * inside / full
        return np.append(ridges.ravel(), 0.0).astype(np.float32)

    def _width_m(self, some: list[NDArray[np.float32]]) -> float:
        """Return the width at which both borders are found most, as those of a straight lane."""
        found = []
        for width_m in _WIDTHS_M.tolist():
            left, right, dash = ([self._shifted(one, by, width_m) for one in some] for by in (1, -1, 0))
            both = [np.minimum(a, b) + c for a, b, c in zip(left, right, dash, strict=True)]
            found.append(float(np.mean([one.max() for one in both])) if both else 0.0)
        return float(_WIDTHS_M[int(np.argmax(found))])

    def _fit(self, one: NDArray[np.float32], width_m: float) -> tuple[float, float, float, float]:
        """Return offset, slope, bend and score of the best candidate."""
        total = sum(self._shifted(one, side, width_m) for side in (1, -1, 0)) / 3.0
        candidate, place = np.unravel_index(int(np.argmax(total)), np.shape(total))
        return (
            float(_OFFSETS_M[place]),
            float(self._slopes[candidate]),
            float(self._bends[candidate]),
            float(np.max(total)),
        )

    @staticmethod
    def _shifted(one: NDArray[np.float32], side: int, width_m: float) -> NDArray[np.float32]:
        """Return what lies half a width to a side of each offset: (candidates, offsets)."""
        at = np.rint((_OFFSETS_M + side * width_m / 2 - _Y[0]) / _STEP_M).astype(np.int64)
        plane = one[0] if side else one[1]
        found: NDArray[np.float32] = plane[:, np.clip(at, 0, len(_Y) - 1)]
        return found


def pixels_of_floor(camera: Camera, forward_m: Values, left_m: Values) -> tuple[Values, Values]:
    """Return columns and rows of the picture at which places on the floor are seen.

    Args:
        camera: lens and mount.
        forward_m: ahead of the car's middle.
        left_m: to the left of it, of the same shape.
    """
    cosine, sine = np.cos(camera.pitch_down_rad), np.sin(camera.pitch_down_rad)
    ahead = forward_m - camera.forward_m
    depth = ahead * cosine + camera.height_m * sine
    down = camera.height_m * cosine - ahead * sine
    matrix = np.array(
        [
            [camera.focal_px[0], 0.0, camera.center_px[0]],
            [0.0, camera.focal_px[1], camera.center_px[1]],
            [0.0, 0.0, 1.0],
        ]
    )
    points = np.stack([-left_m, down, depth], axis=-1).reshape(-1, 1, 3)
    distortion = np.array(camera.distortion or (0.0,) * 4, np.float64)
    project = cv2.fisheye.projectPoints if camera.model == "fisheye" else cv2.projectPoints
    if camera.model == "fisheye":
        pixels, _ = project(points, np.zeros((3, 1)), np.zeros((3, 1)), matrix, distortion)
    else:
        pixels, _ = project(points, np.zeros(3), np.zeros(3), matrix, distortion)
    flat = np.asarray(pixels, np.float64).reshape(-1, 2)
    return flat[:, 0].reshape(forward_m.shape), flat[:, 1].reshape(forward_m.shape)
