"""From a camera picture to what the policy sees: one function for the simulator, the car and the console.

The observation is a 160x120 picture of 8-bit luma, 0.2989 R + 0.5870 G + 0.1140 B rounded to the nearest
integer. It is computed in integers, so that every machine gets the same byte for the same picture.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from car.errors import Sim2RaceError

WIDTH = 160
HEIGHT = 120

MAX_PIXELS = 4096 * 4096
"""More than any camera of a car has."""

LUMA_WEIGHTS = (2989, 5870, 1140)
"""Weights of R, G and B in ten-thousandths."""


def luma(image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn colour into grey, as in training.

    Args:
        image_rgb: (H, W, 3) or any (..., 3).

    Returns:
        (H, W), the weighted sum rounded to the nearest integer, halves up.
    """
    red, green, blue = (np.multiply(image_rgb[..., i], LUMA_WEIGHTS[i], dtype=np.uint32) for i in range(3))
    rounded: NDArray[np.uint32] = (red + green + blue + 5_000) // 10_000
    return rounded.astype(np.uint8)


def frame_from_jpeg(jpeg: bytes) -> NDArray[np.uint8]:
    """Decode a camera frame and bring it to (120, 160, 3) RGB.

    Raises:
        Sim2RaceError: not a whole JPEG. The decoder would fill what is missing with grey, and a policy would
            drive by it.
    """
    # Some cameras pad the end of a frame with zeros.
    if not (jpeg.startswith(b"\xff\xd8") and jpeg.rstrip(b"\0").endswith(b"\xff\xd9")):
        raise Sim2RaceError(f"A camera frame of {len(jpeg)} bytes is not a whole JPEG.")
    height, width = _jpeg_size(jpeg)
    if height * width > MAX_PIXELS:
        raise Sim2RaceError(f"A camera frame of {width} x {height} pixels; expected at most {MAX_PIXELS}.")
    try:
        decoded = cv2.imdecode(np.frombuffer(jpeg, dtype=np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise Sim2RaceError(f"A camera frame of {len(jpeg)} bytes cannot be decoded as JPEG.")
    return _resize(cast(NDArray[np.uint8], cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)))


def observation(image_rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn a colour picture of any size into what the policy sees.

    Args:
        image_rgb: (H, W, 3) uint8.

    Returns:
        (120, 160) uint8 luma. A larger picture is averaged over areas, so that no thin line is lost.

    Raises:
        Sim2RaceError: not an 8-bit colour picture.
    """
    if image_rgb.dtype != np.uint8 or image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or 0 in image_rgb.shape:
        raise Sim2RaceError(
            f"A picture of {image_rgb.dtype} {image_rgb.shape}; expected uint8 (H, W, 3) RGB."
        )
    return luma(_resize(image_rgb))


def _jpeg_size(jpeg: bytes) -> tuple[int, int]:
    """Return height and width as the JPEG's header says, or zeros if it does not.

    A few hundred bytes can ask the decoder for gigabytes, so they are asked first.
    """
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        # The frame headers are C0 to CF without the tables among them: C4, C8 and CC.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(jpeg[at + 5 : at + 7], "big"), int.from_bytes(jpeg[at + 7 : at + 9], "big")
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return 0, 0


def _resize(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.shape[:2] == (HEIGHT, WIDTH):
        return image
    return cast(NDArray[np.uint8], cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
