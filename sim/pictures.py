"""Pictures of the simulator for people: contact sheets, a map from above, frames of a lap video."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from car.errors import Sim2RaceError
from car.files import atomic_path
from sim.scenery import KINDS, OBJECT_NAMES, Scene
from sim.track import Array, Track

Image = npt.NDArray[np.uint8]

ROAD_COLOR, LINE_COLOR, DASH_COLOR, FLOOR_COLOR = (70, 72, 76), (245, 245, 240), (235, 150, 40), (26, 30, 36)
CAR_COLOR, PATH_COLOR = (240, 70, 70), (90, 190, 255)
KIND_COLORS = {
    "wall": (150, 160, 175),
    "building": (190, 140, 90),
    "cage": (140, 140, 140),
    "figure": (120, 200, 140),
    "post": (200, 120, 160),
    "lamp": (255, 230, 120),
    "display": (150, 170, 255),
}
CAPTION_HEIGHT = 18


def save_picture(path: Path, image_rgb: Image) -> None:
    """Write a PNG or JPEG, whole or not at all."""
    with atomic_path(path) as aside:
        if not cv2.imwrite(str(aside), np.ascontiguousarray(image_rgb[:, :, ::-1])):
            raise Sim2RaceError(f"Cannot write {path}: OpenCV refused the picture.")


def save_video(path: Path, frames: Iterable[Image], rate_hz: int) -> int:
    """Write an H.264 mp4 that browsers play; returns the number of frames.

    Args:
        path: where to; appears when it is complete.
        frames: RGB pictures of one even size.
        rate_hz: frames per second.
    """
    count = 0
    with atomic_path(path) as aside, av.open(str(aside), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate_hz, options={"crf": "20", "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        for image in frames:
            if count == 0:
                stream.height, stream.width = image.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            count += 1
        container.mux(stream.encode())
    return count


def caption(image: Image, text: str) -> Image:
    """Return a picture with a line of text above it."""
    bar = np.full((CAPTION_HEIGHT, image.shape[1], 3), 18, np.uint8)
    cv2.putText(bar, text, (5, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (230, 230, 230), 1, cv2.LINE_AA)
    return np.vstack([bar, image])


def contact_sheet(images: Sequence[Image], columns: int, captions: Sequence[str] | None = None) -> Image:
    """Lay pictures of one size out in rows."""
    labelled = (
        [caption(image, text) for image, text in zip(images, captions, strict=True)] if captions else images
    )
    padded = [*labelled, *[np.zeros_like(labelled[0])] * (-len(labelled) % columns)]
    rows = [np.hstack(padded[start : start + columns]) for start in range(0, len(padded), columns)]
    return np.vstack(rows)


class MapPicture:
    """A track from above, to which a scene, paths and cars are added.

    Args:
        track: the track, in any direction.
        width_px: width of the picture; the height follows.
        margin_m: floor shown beyond the borders.
    """

    def __init__(self, track: Track, *, width_px: int = 960, margin_m: float = 1.2) -> None:
        corners = np.vstack([track.left_border_m, track.right_border_m])
        self._low = corners.min(axis=0) - margin_m
        span = corners.max(axis=0) + margin_m - self._low
        self._scale = width_px / span[0]
        height_px = round(span[1] * self._scale) // 2 * 2
        self.image: Image = np.full((height_px, width_px, 3), FLOOR_COLOR, np.uint8)
        left, right = self._pixels(track.left_border_m), self._pixels(track.right_border_m)
        outer, inner = (right, left) if not track.clockwise else (left, right)
        cv2.fillPoly(self.image, [outer], ROAD_COLOR, cv2.LINE_AA)
        cv2.fillPoly(self.image, [inner], FLOOR_COLOR, cv2.LINE_AA)
        line = max(1, round(0.075 * self._scale))
        cv2.polylines(self.image, [left, right], True, LINE_COLOR, line, cv2.LINE_AA)
        for start in range(0, len(track.center_m), 20):
            dash = self._pixels(track.center_m[start : start + 8])
            cv2.polylines(self.image, [dash], False, DASH_COLOR, 1, cv2.LINE_AA)
        gate = np.stack([track.left_border_m[0], track.right_border_m[0]])
        cv2.polylines(self.image, [self._pixels(gate)], False, LINE_COLOR, 2 * line, cv2.LINE_AA)

    def add_scene(self, scene: Scene) -> None:
        """Draw what stands round the track, a colour per kind."""
        for name, thing in zip(OBJECT_NAMES, scene.objects, strict=True):
            if not thing["visible"]:
                continue
            color = next(KIND_COLORS[kind] for kind in KINDS if name.startswith(kind))
            first = np.array([[thing["x0_m"], thing["y0_m"]]])
            if thing["faces_viewer"]:
                # What faces the viewer has no direction of its own; wide displays would hide the map.
                radius = max(3, round(min(float(thing["x1_m"]), 0.2) * self._scale))
                cv2.circle(self.image, self._pixels(first)[0], radius, color, 2, cv2.LINE_AA)
            else:
                ends = np.vstack([first, [[thing["x1_m"], thing["y1_m"]]]])
                cv2.polylines(self.image, [self._pixels(ends)], False, color, 3, cv2.LINE_AA)

    def add_path(self, points_m: Array, color: tuple[int, int, int] = PATH_COLOR) -> None:
        """Draw a driven path, (N, 2) in metres."""
        if len(points_m) > 1:
            cv2.polylines(self.image, [self._pixels(points_m)], False, color, 2, cv2.LINE_AA)

    def add_speeds(self, points_m: Array, speed_mps: Array) -> None:
        """Draw a closed path, (N, 2) in metres, coloured by speed, (N,) in m/s, with the scale below it."""
        low, high = float(speed_mps.min()), float(speed_mps.max())
        shades = np.round(255.0 * (speed_mps - low) / max(high - low, 1e-9)).astype(np.uint8)
        pixels = self._pixels(points_m)
        for i, color in enumerate(_colors(shades)):
            ends = np.stack([pixels[i], pixels[(i + 1) % len(pixels)]])
            cv2.polylines(self.image, [ends], False, color, 3, cv2.LINE_AA)
        height, width = self.image.shape[:2]
        left, right, top = width // 3, 2 * width // 3, height - 26
        scale = np.array(_colors(np.linspace(0, 255, right - left).astype(np.uint8)), np.uint8)
        self.image[top : top + 12, left:right] = scale
        for text, x in ((f"{low:.1f} m/s", left - 70), (f"{high:.1f} m/s", right + 8)):
            cv2.putText(
                self.image, text, (x, top + 11), cv2.FONT_HERSHEY_SIMPLEX, 0.45, LINE_COLOR, 1, cv2.LINE_AA
            )

    def with_car(self, x_m: float, y_m: float, yaw_rad: float) -> Image:
        """Return a copy with a car on it."""
        nose = np.array([[0.16, 0.0], [-0.12, 0.09], [-0.06, 0.0], [-0.12, -0.09]])
        turn = np.array([[np.cos(yaw_rad), np.sin(yaw_rad)], [-np.sin(yaw_rad), np.cos(yaw_rad)]])
        picture = self.image.copy()
        outline = self._pixels(1.4 * nose @ turn + np.array([x_m, y_m]))
        cv2.fillPoly(picture, [outline], CAR_COLOR, cv2.LINE_AA)
        return picture

    def _pixels(self, points_m: Array) -> npt.NDArray[np.int32]:
        points = (np.asarray(points_m, np.float64) - self._low) * self._scale
        return np.round(np.column_stack([points[:, 0], self.image.shape[0] - points[:, 1]])).astype(np.int32)


def _colors(shades: Image) -> list[tuple[int, int, int]]:
    """Return RGB colours from blue (0) over green to red (255) for shades (N,)."""
    rows = cv2.applyColorMap(shades[:, None], cv2.COLORMAP_TURBO)[:, 0, ::-1]
    return [(int(red), int(green), int(blue)) for red, green, blue in rows]
