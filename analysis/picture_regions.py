"""What lies where in a camera picture (track, lines, above the horizon), from the car's pose and its camera.

A pixel looks along a ray of the camera model (`sim.camera`); where the ray meets the floor is a place on the
track or beside it. The camera is taken as drawn: mounting errors (up to 2 degrees of pitch in the simulator's
high noise, some 4 pixels) and the body's pitch while braking are not in the log.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from car.preprocess import HEIGHT, WIDTH
from sim.camera import Camera, level_from_camera, rays
from sim.surface import DASH_WIDTH_M, LINE_WIDTH_M
from sim.track import Track

CELL_M = 0.02
"""Spacing of the map that places are looked up in; between its cells is interpolated."""
TOLERANCE_PX = 2
"""Lines are taken this much wider in the picture, for what the camera is off its drawing."""
BEYOND_M = 0.6
"""How far the map reaches beyond the borders; what is further is not the track."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Regions:
    """Parts of one picture, each (120, 160)."""

    track: Mask
    """Between the outer edges of the border lines."""
    lines: Mask
    """Within 2 pixels of a border line or of the strip that the centre line's dashes lie in."""
    above: Mask
    """At or above the horizon: walls, lamps, people, never the floor."""


class FloorView:
    """Where on the floor each pixel of a camera looks, in the car's own axes.

    Args:
        camera: lens and mount.
    """

    def __init__(self, camera: Camera) -> None:
        directions = np.concatenate([np.ones((1, HEIGHT, WIDTH), np.float32), rays(camera)])
        turned = np.einsum("ij,jhw->ihw", level_from_camera(camera.pitch_down_rad, 0.0, 0.0), directions)
        self.above: Mask = turned[2] >= -1e-4
        """(120, 160) pixels that never meet the floor."""
        reach = np.divide(camera.height_m, -turned[2], out=np.full_like(turned[2], np.nan), where=~self.above)
        self.forward_m: NDArray[np.float32] = camera.forward_m + turned[0] * reach
        """(120, 160) ahead of the point midway between the axles; NaN above the horizon."""
        self.left_m: NDArray[np.float32] = turned[1] * reach
        """(120, 160) to the left; NaN above the horizon."""

    def places_m(self, x_m: float, y_m: float, yaw_rad: float) -> tuple[NDArray[np.float32], ...]:
        """Return x and y, (120, 160) each, in the frame of the track."""
        cosine, sine = np.float32(np.cos(yaw_rad)), np.float32(np.sin(yaw_rad))
        return (
            np.float32(x_m) + cosine * self.forward_m - sine * self.left_m,
            np.float32(y_m) + sine * self.forward_m + cosine * self.left_m,
        )


class TrackMap:
    """A track as a map to look places up in: how far inside either border they are.

    Args:
        track: which.
    """

    def __init__(self, track: Track) -> None:
        corners = np.vstack([track.left_border_m, track.right_border_m])
        low, high = corners.min(axis=0) - BEYOND_M, corners.max(axis=0) + BEYOND_M
        self._low = low
        columns, rows = (np.ceil((high - low) / CELL_M).astype(int) + 1).tolist()
        x, y = np.meshgrid(low[0] + CELL_M * np.arange(columns), low[1] + CELL_M * np.arange(rows))
        arc_m, lateral_m = track.to_frenet(np.stack([x.ravel(), y.ravel()], axis=1))
        at = np.minimum((arc_m / track.spacing_m).astype(np.int64), len(track.center_m) - 1)
        inside = np.stack(
            [track.left_width_m[at] - lateral_m, track.right_width_m[at] + lateral_m, lateral_m]
        )
        self._inside = inside.reshape(3, rows, columns).astype(np.float32)

    def regions(self, view: FloorView, x_m: float, y_m: float, yaw_rad: float) -> Regions:
        """Return the parts of the picture that a car at a pose takes."""
        x, y = view.places_m(x_m, y_m, yaw_rad)
        across, along = ((x - self._low[0]) / CELL_M).astype(np.float32), (y - self._low[1]) / CELL_M
        across = np.nan_to_num(across, nan=-9.0)
        along = np.nan_to_num(along.astype(np.float32), nan=-9.0)
        left, right, lateral = (
            cv2.remap(
                plane, across, along, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=-9.0
            )
            for plane in self._inside
        )
        track = (left >= 0) & (right >= 0) & ~view.above
        lines = (left < LINE_WIDTH_M) | (right < LINE_WIDTH_M) | (np.abs(lateral) < DASH_WIDTH_M / 2)
        brush = np.ones((2 * TOLERANCE_PX + 1, 2 * TOLERANCE_PX + 1), np.uint8)
        wide = cv2.dilate((track & lines).astype(np.uint8), brush) > 0
        return Regions(track=track, lines=wide & ~view.above, above=view.above)
