"""What a hall does to a picture: exposure, contrast, blur, noise, and a lamp that nobody trained with.

The order is that of light: a lamp shines into the lens, the lens blurs, the exposure scales, the sensor adds
noise, and eight bits cut off what is too bright or too dark.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from car.errors import unknown_name

HALO_SIZES = 3.0
"""A lamp's halo reaches this many radii of its disc."""


@dataclass(frozen=True)
class Lamp:
    """A bright disc with a halo, in pixels of the 160 x 120 picture."""

    x_px: float = 118.0
    """Centre, from the left."""
    y_px: float = 34.0
    """Centre, from the top."""
    size_px: float = 10.0
    """Radius of the disc; the halo fades out at three times that."""
    strength: float = 1.0
    """1 makes the disc white on any ground, 0 nothing."""


@dataclass(frozen=True)
class Disturbance:
    """What is done to a picture; as it stands, nothing."""

    brightness: float = 0.0
    """Exposure in stops: 1 doubles all values, -1 halves them."""
    contrast: float = 1.0
    """Factor on the distance of each value from the picture's mean."""
    blur_px: float = 0.0
    """Standard deviation of a Gaussian blur, pixels."""
    noise: float = 0.0
    """Standard deviation of Gaussian noise, in grey levels (of 255)."""
    lamp: Lamp | None = None
    """A lamp in the picture."""


@dataclass(frozen=True)
class Kind:
    """One way to disturb, with growing strength."""

    title: str
    """Its name for people."""
    unit: str
    """Unit of the strength."""
    strengths: tuple[float, ...]
    """Strengths to try, the weakest first."""
    make: Callable[[float, Lamp], Disturbance]
    """The disturbance of a strength, with the lamp to use where it is one."""


KINDS: dict[str, Kind] = {
    "brighter": Kind(
        "Brighter", "stops", (0.25, 0.5, 1.0, 1.5, 2.0), lambda by, _: Disturbance(brightness=by)
    ),
    "darker": Kind("Darker", "stops", (0.25, 0.5, 1.0, 1.5, 2.0), lambda by, _: Disturbance(brightness=-by)),
    "flatter": Kind(
        "Less contrast", "%", (20.0, 40.0, 60.0, 80.0), lambda by, _: Disturbance(contrast=1 - by / 100)
    ),
    "blur": Kind("Blur", "px", (0.5, 1.0, 1.5, 2.0, 3.0), lambda by, _: Disturbance(blur_px=by)),
    "noise": Kind("Noise", "levels", (5.0, 10.0, 20.0, 30.0, 50.0), lambda by, _: Disturbance(noise=by)),
    "lamp": Kind(
        "Lamp",
        "px",
        (4.0, 8.0, 12.0, 16.0, 24.0),
        lambda by, lamp: Disturbance(lamp=replace(lamp, size_px=by)),
    ),
}


def kind_named(name: str) -> Kind:
    """Return a kind of disturbance.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in KINDS:
        raise unknown_name("disturbance", name, KINDS)
    return KINDS[name]


def disturbed(image_rgb: NDArray[np.uint8], disturbance: Disturbance, *, seed: int = 0) -> NDArray[np.uint8]:
    """Disturb one picture.

    Args:
        image_rgb: (120, 160, 3) uint8.
        disturbance: what to do; nothing leaves the picture as it is, to the byte.
        seed: of the noise.

    Returns:
        (120, 160, 3) uint8.
    """
    if disturbance == Disturbance():
        return image_rgb
    values = image_rgb.astype(np.float32)
    if disturbance.lamp is not None:
        glow = _glow(disturbance.lamp, values.shape[0], values.shape[1])[:, :, None]
        values = values + (255.0 - values) * glow
    if disturbance.blur_px > 0:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), disturbance.blur_px), np.float32)
    values = values * np.float32(2.0**disturbance.brightness)
    if disturbance.contrast != 1.0:
        mean = values.mean()
        values = mean + (values - mean) * np.float32(disturbance.contrast)
    if disturbance.noise > 0:
        chance = np.random.default_rng(seed)
        # The same on all three channels: what the policy sees is grey.
        grain = chance.standard_normal(values.shape[:2], np.float32)[:, :, None]
        values = values + grain * np.float32(disturbance.noise)
    return np.asarray(np.rint(np.clip(values, 0.0, 255.0)), np.uint8)


def _glow(lamp: Lamp, height: int, width: int) -> NDArray[np.float32]:
    """Return (H, W) 0 to 1: one on the disc, falling with the square towards the end of the halo."""
    rows, columns = np.ogrid[0:height, 0:width]
    size = max(lamp.size_px, 1e-3)
    away = np.hypot(columns - lamp.x_px, rows - lamp.y_px) / size
    fade = np.clip((HALO_SIZES - away) / (HALO_SIZES - 1.0), 0.0, 1.0)
    return np.asarray(np.clip(lamp.strength, 0.0, 1.0) * fade**2, np.float32)
