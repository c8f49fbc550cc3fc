"""Light in the hall and on the floor, the floor off the track, lens and sensor: drawn anew from a seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LIGHT_DTYPE = np.dtype(
    [
        ("gain", np.float32),
        ("offset", np.float32),
        ("noise", np.float32),
        ("vignette", np.float32),
        ("shade_contrast", np.float32),
        ("shade_per_m", np.float32),
        ("shade_x", np.float32),
        ("shade_y", np.float32),
        ("shade_sharpness", np.float32),
        ("wrinkle_contrast", np.float32),
        ("sheen", np.float32),
        ("sheen_azimuth", np.float32),
        ("sheen_per_t", np.float32),
        ("floor_kind", np.int32),
        ("floor_contrast", np.float32),
        ("floor_per_m", np.float32),
        ("floor_cos", np.float32),
        ("floor_sin", np.float32),
        ("ceiling_m", np.float32),
        ("lamps_per_m", np.float32),
        ("lamp_grey", np.float32),
        ("hum", np.float32),
        ("gamma", np.float32),
        ("exposure_s", np.float32),
        ("defocus", np.float32),
        ("jpeg_quality", np.float32),
        ("pixel_rad", np.float32),
    ]
)
"""Light in the hall and on the floor, the floor itself, and what lens and sensor make of it."""


def draw_light(
    generator: np.random.Generator, strength: float, *, held_out: bool = False
) -> npt.NDArray[np.void]:
    """Draw the light, the floor off the track, lens and sensor; even and sharp at strength 0.

    Args:
        generator: source of every random choice.
        strength: 0 for none to 1 for all of it.
        held_out: draw from the family that training never sees.

    Returns:
        One record of `LIGHT_DTYPE`, shape ().
    """
    light = np.zeros((), LIGHT_DTYPE)
    spread = generator.uniform(-1.0, 1.0, size=6)
    share = generator.random(12)
    light["gain"] = np.exp(0.3 * strength * spread[0])
    light["offset"] = 14.0 * strength * spread[1]
    light["gamma"] = np.exp(0.25 * strength * spread[2])
    light["noise"] = strength * generator.uniform(0.5, 5.0)
    light["vignette"] = 0.8 * strength * share[0]
    light["shade_contrast"] = 0.35 * strength * share[1]
    light["shade_per_m"] = np.exp(generator.uniform(np.log(0.15), np.log(1.2)))
    light["shade_x"], light["shade_y"] = generator.uniform(0.0, 100.0, size=2)
    # Most halls have soft light; some throw shadows with an edge.
    light["shade_sharpness"] = 1.0 if share[2] < 0.7 else 6.0
    light["wrinkle_contrast"] = 0.10 * strength * share[3]
    light["sheen"] = 90.0 * strength * max(share[4] - 0.4, 0.0)
    light["sheen_azimuth"] = np.pi * spread[3]
    light["sheen_per_t"] = generator.uniform(0.6, 3.0)
    _draw_floor(light, generator, strength, held_out=held_out)
    _draw_ceiling(light, generator, strength)
    light["exposure_s"] = 0.012 * strength * share[5] * (share[6] < 0.5)
    light["defocus"] = strength * share[7] * (share[8] < 0.3)
    # The car's own camera sends JPEG; a share of the drives is seen through one, from coarse to fine.
    light["jpeg_quality"] = 40.0 + 55.0 * spread[4] ** 2 if strength * share[11] > 0.75 else 0.0
    light["hum"] = 0.12 * share[10] if held_out else 0.0
    return light


def _draw_floor(
    light: npt.NDArray[np.void], generator: np.random.Generator, strength: float, *, held_out: bool
) -> None:
    """Lay carpet, planks or concrete round the track; tiles only in the held-out family."""
    turn = generator.uniform(0.0, np.pi)
    light["floor_cos"], light["floor_sin"] = np.cos(turn), np.sin(turn)
    kind = int(generator.integers(4))
    light["floor_kind"] = 4 if held_out else kind
    spacings_m = (1.0, *generator.uniform((0.3, 0.06, 0.6), (1.0, 0.2, 2.0)))
    light["floor_per_m"] = 1.0 / (generator.uniform(0.2, 0.6) if held_out else spacings_m[kind])
    light["floor_contrast"] = strength * generator.uniform(0.05, 0.35) * (kind > 0 or held_out)


def _draw_ceiling(light: npt.NDArray[np.void], generator: np.random.Generator, strength: float) -> None:
    """Hang a dark ceiling with rows of lamps over half of the halls."""
    height_m, per_m, grey = generator.uniform((2.5, 0.15, 60.0), (7.0, 0.5, 220.0))
    if strength * generator.random() > 0.5:
        light["ceiling_m"], light["lamps_per_m"], light["lamp_grey"] = height_m, per_m, grey * strength
