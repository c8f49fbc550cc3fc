"""The camera: a lens that bends rays, on a mount that is never quite where the drawing says.

Pixel (column u, row v) of the 160 x 120 picture looks along a ray in the camera's own frame, x along
the optical axis, y left, z up (REP 103, not the image convention). Rays are scaled to x = 1, which holds
for lenses below 170 degrees and makes the renderer's arithmetic linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from car.errors import unknown_name
from car.preprocess import HEIGHT, WIDTH

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Intrinsics for 160 x 120 pixels, and the nominal mount on the car."""

    focal_px: float
    """Focal length at the optical axis, in pixels of the 160 wide picture."""
    fisheye: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """k1..k4 of ``theta_d = theta (1 + k1 theta^2 + k2 theta^4 + ...)``, OpenCV's fisheye model."""
    is_fisheye: bool = False
    """Equidistant lens (fisheye model) rather than a pinhole."""
    forward_m: float = 0.145
    """Position ahead of the point midway between the axles."""
    height_m: float = 0.133
    """Height above the floor."""
    pitch_down_rad: float = math.radians(13.6)
    """Angle of the optical axis below the horizon."""


CAMERAS: dict[str, Camera] = {
    # 64.7 degrees horizontal, pinhole; height and pitch as the reference car settles on its wheels.
    "aws": Camera(focal_px=WIDTH / 2 / math.tan(1.13 / 2)),
    # A wide lens with barrel distortion, as on the physical car; equidistant, about 100 degrees.
    "deepracer-wide": Camera(focal_px=WIDTH / math.radians(100.0), is_fisheye=True),
}


@dataclass(frozen=True, kw_only=True)
class Mount:
    """What differs from the drawing on one car: drawn per episode."""

    height_m: float = 0.0
    pitch_rad: float = 0.0
    roll_rad: float = 0.0
    yaw_rad: float = 0.0


def camera_named(name: str) -> Camera:
    """Return a camera preset.

    Raises:
        UnknownNameError: no preset has that name.
    """
    if name not in CAMERAS:
        raise unknown_name("camera preset", name, CAMERAS)
    return CAMERAS[name]


def rays(camera: Camera) -> FloatImage:
    """Return y and z of the ray of every pixel where x = 1, float32 (2, H, W)."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    left = ((WIDTH - 1) / 2 - columns) / camera.focal_px
    up = ((HEIGHT - 1) / 2 - rows) / camera.focal_px
    if camera.is_fisheye:
        distorted = np.hypot(left, up)
        theta = _undistort(distorted, camera.fisheye)
        scale = np.where(distorted > 1e-9, np.tan(theta) / np.maximum(distorted, 1e-9), 1.0)
        left, up = left * scale, up * scale
    return np.stack([left, up]).astype(np.float32)


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


def _undistort(
    theta_distorted: npt.NDArray[np.float64], coefficients: tuple[float, float, float, float]
) -> npt.NDArray[np.float64]:
    """Invert OpenCV's fisheye polynomial by Newton's method; angles stay below 85 degrees."""
    theta = theta_distorted.copy()
    k1, k2, k3, k4 = coefficients
    for _ in range(10):
        square = theta**2
        value = theta * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4))))
        slope = 1 + square * (3 * k1 + square * (5 * k2 + square * (7 * k3 + square * 9 * k4)))
        theta = theta - (value - theta_distorted) / slope
    return np.clip(theta, 0.0, math.radians(85.0))
