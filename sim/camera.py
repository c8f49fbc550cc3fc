"""The camera: a lens that bends rays, on a mount that is never quite where the drawing says.

Pixel (column u, row v) of the 160 x 120 picture looks along a ray in the camera's own frame, x along
the optical axis, y left, z up (REP 103, not the image convention). Rays are scaled to x = 1, which holds
for lenses below 170 degrees and makes the renderer's arithmetic linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from car.errors import unknown_name
from car.preprocess import HEIGHT, WIDTH

FloatImage = npt.NDArray[np.float32]
STEEPEST_RAD = math.radians(80.0)
"""Rays further off the axis than this are held here: nothing of use is seen there."""


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Intrinsics for 160 x 120 pixels, and the nominal mount on the car."""

    focal_px: tuple[float, float]
    """Focal lengths at the optical axis, horizontal and vertical, in pixels of the 160 x 120 picture."""
    center_px: tuple[float, float] = ((WIDTH - 1) / 2, (HEIGHT - 1) / 2)
    """Where the optical axis meets the picture: column and row."""
    model: Literal["pinhole", "fisheye"] = "pinhole"
    """How `distortion` is meant: OpenCV's pinhole and rational model, or its fisheye model."""
    distortion: tuple[float, ...] = ()
    """Pinhole: k1, k2, p1, p2, k3, k4, k5, k6 and on, as OpenCV orders them. Fisheye: k1 to k4."""
    forward_m: float = 0.145
    """Position ahead of the point midway between the axles."""
    height_m: float = 0.133
    """Height above the floor."""
    pitch_down_rad: float = math.radians(13.6)
    """Angle of the optical axis below the horizon."""

    @property
    def pixel_rad(self) -> float:
        """Angle of a pixel at the optical axis."""
        return 1.0 / self.focal_px[0]


CAMERAS: dict[str, Camera] = {
    # 64.7 degrees horizontal, pinhole; height and pitch as the reference car settles on its wheels.
    "aws": Camera(focal_px=(WIDTH / 2 / math.tan(1.13 / 2), WIDTH / 2 / math.tan(1.13 / 2))),
    # The physical car's wide lens with barrel distortion: equidistant, 100 degrees. No coefficients of it
    # have been published; calibrate your own and pass the file.
    "deepracer-wide": Camera(
        focal_px=(WIDTH / math.radians(100.0), WIDTH / math.radians(100.0)),
        model="fisheye",
        distortion=(0.0, 0.0, 0.0, 0.0),
    ),
    # A Raspberry Pi wide module cropped to 4:3: 90 degrees with the mild barrel of such lenses.
    "pi-wide": Camera(focal_px=(88.0, 88.0), distortion=(-0.08, 0.01, 0.0, 0.0)),
}


@dataclass(frozen=True, kw_only=True)
class Mount:
    """What differs from the drawing on one car: drawn per episode."""

    height_m: float = 0.0
    pitch_rad: float = 0.0
    roll_rad: float = 0.0
    yaw_rad: float = 0.0


def draw_mount(noise: str, generator: np.random.Generator) -> Mount:
    """Draw how far the camera is off its drawing: up to 8 mm, 2° and 1°; not at all without visual noise."""
    if noise == "none":
        return Mount()
    height, pitch, roll, yaw = generator.uniform(-1.0, 1.0, size=4)
    return Mount(
        height_m=0.008 * height,
        pitch_rad=math.radians(2.0) * pitch,
        roll_rad=math.radians(1.0) * roll,
        yaw_rad=math.radians(1.0) * yaw,
    )


def camera_named(name: str) -> Camera:
    """Return a camera preset, or the camera of a calibration file.

    Args:
        name: a preset, or the path of a calibration that OpenCV or ROS wrote (`.yaml`, `.yml`, `.xml`,
            `.json`), see `sim.camera_file`.

    Raises:
        UnknownNameError: no preset has that name.
        BadFileError: the file is no calibration.
    """
    if name in CAMERAS:
        return CAMERAS[name]
    if name.endswith((".yaml", ".yml", ".xml", ".json")):
        from sim.camera_file import read_camera

        return read_camera(name)
    raise unknown_name("camera preset", name, CAMERAS)


def rays(camera: Camera) -> FloatImage:
    """Return y and z of the ray of every pixel where x = 1, float32 (2, H, W)."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=-1)[:, None, :]
    matrix = np.array(
        [
            [camera.focal_px[0], 0.0, camera.center_px[0]],
            [0.0, camera.focal_px[1], camera.center_px[1]],
            [0, 0, 1],
        ]
    )
    if camera.model == "fisheye":
        straight = cv2.fisheye.undistortPoints(pixels, matrix, np.array(camera.distortion, np.float64))
    else:
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-9)
        straight = cv2.undistortPoints(
            pixels, matrix, np.array(camera.distortion, np.float64), None, None, None, criteria
        )
    # OpenCV looks along z with x right and y down.
    right, down = np.asarray(straight, np.float64)[:, 0].T
    off_axis = np.hypot(right, down)
    held = np.minimum(off_axis, math.tan(STEEPEST_RAD)) / np.maximum(off_axis, 1e-12)
    return np.stack([-right * held, -down * held]).reshape(2, HEIGHT, WIDTH).astype(np.float32)


def vignette(camera: Camera) -> FloatImage:
    """Return cos^4 of the angle off the optical axis (natural vignetting), float32 (H, W)."""
    direction = rays(camera).astype(np.float64)
    cosine = 1.0 / np.sqrt(1.0 + np.sum(direction**2, axis=0))
    return np.asarray(cosine**4, dtype=np.float32)


def level_from_camera(pitch_down_rad: float, roll_rad: float, yaw_rad: float) -> npt.NDArray[np.float32]:
    """Return the 3 x 3 rotation that takes camera axes to axes level with the floor, x along the car.

    Order: roll about x, then pitch about y (positive looks down), then yaw about z, as in REP 103.
    """
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    cp, sp = math.cos(pitch_down_rad), math.sin(pitch_down_rad)
    cy, sy = math.cos(yaw_rad), math.sin(yaw_rad)
    roll = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    pitch = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return np.asarray(yaw @ pitch @ roll, dtype=np.float32)
