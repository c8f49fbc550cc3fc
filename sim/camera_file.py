"""Camera calibrations that OpenCV or ROS wrote, read as they are and scaled to the 160 x 120 picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from car.errors import BadFileError
from car.preprocess import HEIGHT, WIDTH
from sim.camera import Camera

FISHEYE_MODELS = ("equidistant", "fisheye")
PINHOLE_MODELS = ("plumb_bob", "rational_polynomial")
PINHOLE_COUNTS = (0, 4, 5, 8, 12, 14)
"""Numbers of coefficients that OpenCV's pinhole model takes."""


def read_camera(name: str) -> Camera:
    """Read a calibration file.

    ROS `camera_info` YAML (`camera_calibration`'s output) names its distortion model. OpenCV's FileStorage
    (YAML, XML, JSON) does not; there four coefficients under the name `D`, with the matrix under `K`, are
    taken as fisheye, as OpenCV's fisheye samples write them; everything else is the pinhole model.

    Args:
        name: path of the file.

    Raises:
        BadFileError: the file is missing, unreadable, or lacks a matrix, a size or fitting coefficients.
    """
    path = Path(name)
    if not path.is_file():
        raise BadFileError(f"Camera calibration {path} does not exist.")
    content = _read_ros(path) or _read_opencv(path)
    matrix, coefficients, width, height, model = content
    if matrix.shape != (3, 3) or not np.all(np.isfinite(matrix)) or min(matrix[0, 0], matrix[1, 1]) <= 0:
        raise BadFileError(f"{path}: the camera matrix must be 3 x 3 with positive focal lengths.")
    if not np.all(np.isfinite(coefficients)):
        raise BadFileError(f"{path}: a distortion coefficient is not finite.")
    fisheye = model in FISHEYE_MODELS
    if not fisheye and model not in PINHOLE_MODELS:
        known = ", ".join((*PINHOLE_MODELS, *FISHEYE_MODELS))
        raise BadFileError(f"{path}: distortion model {model!r} is not one of {known}.")
    if (fisheye and len(coefficients) != 4) or (not fisheye and len(coefficients) not in PINHOLE_COUNTS):
        expected = "4" if fisheye else ", ".join(map(str, PINHOLE_COUNTS))
        raise BadFileError(f"{path}: {len(coefficients)} distortion coefficients; {model} takes {expected}.")
    if width < WIDTH // 2 or height < HEIGHT // 2:
        raise BadFileError(f"{path}: the picture size {width} x {height} is missing or too small.")
    across, down = WIDTH / width, HEIGHT / height
    # Pixel centres lie at whole numbers, so the picture's edges, not its centres, scale about zero.
    return Camera(
        focal_px=(float(matrix[0, 0]) * across, float(matrix[1, 1]) * down),
        center_px=((float(matrix[0, 2]) + 0.5) * across - 0.5, (float(matrix[1, 2]) + 0.5) * down - 0.5),
        model="fisheye" if fisheye else "pinhole",
        distortion=tuple(float(value) for value in coefficients),
    )


_Content = tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]], int, int, str]


def _read_ros(path: Path) -> _Content | None:
    """Read a ROS camera_info file; None if it is not one."""
    try:
        data = yaml.safe_load(path.read_text())
        if not isinstance(data, dict) or "distortion_model" not in data:
            return None
        return (
            np.array(data["camera_matrix"]["data"], np.float64).reshape(3, 3),
            np.array(data["distortion_coefficients"]["data"], np.float64).ravel(),
            int(data["image_width"]),
            int(data["image_height"]),
            str(data["distortion_model"]),
        )
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise BadFileError(f"{path} is no complete ROS camera_info: {error!r}.") from error


def _read_opencv(path: Path) -> _Content:
    """Read an OpenCV FileStorage."""
    try:
        storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    except (cv2.error, SystemError) as error:
        raise BadFileError(f"{path} is neither a ROS camera_info nor an OpenCV calibration.") from error
    try:
        matrix, coefficients = _matrix(storage, "camera_matrix", "cameraMatrix", "K"), None
        for name in ("distortion_coefficients", "distCoeffs", "dist_coeffs", "D"):
            coefficients = _matrix(storage, name) if coefficients is None else coefficients
        if matrix is None or coefficients is None:
            raise BadFileError(
                f"{path} holds no camera_matrix and distortion_coefficients (or K and D); "
                "it is neither a ROS camera_info nor an OpenCV calibration."
            )
        width, height = _size(storage)
        fisheye = _matrix(storage, "D") is not None and coefficients.size == 4
        return matrix, coefficients.ravel(), width, height, "fisheye" if fisheye else "plumb_bob"
    finally:
        storage.release()


def _matrix(storage: cv2.FileStorage, *names: str) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    for name in names:
        node = storage.getNode(name)
        if not node.empty() and node.isMap():
            found = node.mat()
            if found is not None:
                return np.asarray(found, np.float64)
    return None


def _size(storage: cv2.FileStorage) -> tuple[int, int]:
    width = storage.getNode("image_width")
    height = storage.getNode("image_height")
    return (
        int(width.real()) if not width.empty() else 0,
        int(height.real()) if not height.empty() else 0,
    )
