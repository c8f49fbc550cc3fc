"""Contact sheets: levels of noise, effects one by one, kinds of objects, one pose under many seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from sim.camera import Mount
from sim.pictures import Image, contact_sheet
from sim.render_pattern import FLOORS
from sim.scenery import DISPLAYS, KINDS, NOISE_LEVELS, OBJECT_NAMES, Scene
from sim.simulator import SimConfig, Simulator

COLUMNS = 4
PLACES = 64
"""Cars, each in surroundings of its own, among which the best view of a kind of object is looked for."""
SEEDS = 10

EFFECTS: dict[str, Mapping[str, float]] = {
    "under-exposed": {"gain": 0.6},
    "over-exposed": {"gain": 1.5},
    "gamma 0.7": {"gamma": 0.7},
    "vignetting": {"vignette": 1.0},
    "sensor noise": {"noise": 8.0},
    "motion blur, turning": {"exposure_s": 0.015},
    "defocus": {"defocus": 1.0},
    "JPEG, quality 40": {"jpeg_quality": 40.0},
    "lamp hum": {"hum": 0.15},
    "shadows": {"shade_contrast": 0.35, "shade_sharpness": 6.0, "shade_per_m": 0.5, "shade_x": 154.0},
    "vinyl wrinkles": {"wrinkle_contrast": 0.15, "shade_per_m": 0.5},
    "sheen": {"sheen": 70.0, "sheen_per_t": 1.2},
    "ceiling": {"ceiling_m": 3.0, "lamps_per_m": 0.3, "lamp_grey": 160.0},
    **{
        f"floor: {name}": {"floor_kind": number, "floor_contrast": 0.35, "floor_per_m": 3.0, "floor_cos": 1.0}
        for number, name in enumerate(FLOORS)
        if name != "flat"
    },
}
"""What is shown before and after: fields of `sim.hall_light.LIGHT_DTYPE` and their values."""

MOUNTS = {
    "mount: 2 deg of pitch": Mount(pitch_rad=math.radians(2.0)),
    "mount: 1 deg of roll": Mount(roll_rad=math.radians(1.0)),
}
"""The largest mounting errors that are drawn."""
TURNING_RADPS = 3.0
"""How fast the car turns in the effect sheet, for what only shows in motion."""


def level_sheet(config: SimConfig, seed: int) -> Image:
    """Return a row of pictures per noise level, the same places on the track in each."""
    images, captions = [], []
    for noise in NOISE_LEVELS:
        simulator = Simulator(replace(config, noise=noise, start="anywhere"), n_cars=COLUMNS, seed=seed)
        images += list(simulator.look_rgb())
        captions += [f"noise {noise}"] * COLUMNS
    return contact_sheet(images, COLUMNS, captions)


def effect_sheet(config: SimConfig, seed: int) -> Image:
    """Return one view with every effect of light, lens, sensor, mount and floor by itself, plain at first."""
    pictures = effect_pictures(config, seed)
    return contact_sheet(list(pictures.values()), COLUMNS, list(pictures))


def effect_pictures(config: SimConfig, seed: int) -> dict[str, Image]:
    """Return the pictures of the effect sheet by their captions."""
    simulator = Simulator(replace(config, noise="none", start="line"), n_cars=1, seed=seed)
    simulator.states["yaw_rate_radps"] = TURNING_RADPS
    plain = simulator.eyes.scene(0)
    # What the eyes hold changes with every scene that is set.
    plain = replace(plain, objects=plain.objects.copy())
    light = plain.light.copy()
    light["sheen_azimuth"] = float(simulator.states["yaw_rad"][0])

    def seen(scene: Scene, mount: Mount | None = None) -> Image:
        simulator.eyes.set_scene(0, scene, mount or Mount(), 0)
        picture: Image = simulator.look_rgb()[0]
        return picture

    pictures = {"before": simulator.look_rgb()[0]}
    for name, fields in EFFECTS.items():
        changed = light.copy()
        for field, value in fields.items():
            changed[field] = value
        pictures[name] = seen(replace(plain, light=changed))
    pictures["glare patches"] = seen(replace(plain, glares=_glares_ahead(simulator)))
    pictures["equal displays, flickering"] = seen(_with_displays(simulator, plain))
    pictures |= {name: seen(plain, mount) for name, mount in MOUNTS.items()}
    now = seen(plain)
    simulator.states["yaw_rad"] -= TURNING_RADPS / config.control_rate_hz
    pictures["frame averaging 0.5, turning"] = np.asarray(
        cv2.addWeighted(now, 0.5, seen(plain), 0.5, 0.0), np.uint8
    )
    return pictures


def _glares_ahead(simulator: Simulator) -> npt.NDArray[np.float32]:
    """Return patches of glare on the road ahead of the first car: x, y, radius and strength."""
    glares = np.zeros_like(simulator.eyes.scene(0).glares)
    for number, (ahead_m, left_m) in enumerate(((0.6, 0.1), (1.1, -0.15))):
        glares[number] = (*_place(simulator, ahead_m, left_m), 0.2, 90.0)
    return glares


def _with_displays(simulator: Simulator, scene: Scene) -> Scene:
    """Hang displays of one grey side by side ahead of the first car; each flickers by itself."""
    objects, colors = scene.objects.copy(), scene.colors.copy()
    for number in range(DISPLAYS):
        thing = OBJECT_NAMES.index(f"display-{number}")
        row = objects[thing]
        row["x0_m"], row["y0_m"] = _place(simulator, 2.5, 0.7 * (number - (DISPLAYS - 1) / 2))
        row["x1_m"], row["bottom_m"], row["top_m"] = 0.3, 0.2, 0.5
        row["faces_viewer"], row["visible"], row["flicker"] = True, True, 0.3
        colors[thing] = 150.0
    return replace(scene, objects=objects, colors=colors)


def _place(simulator: Simulator, ahead_m: float, left_m: float) -> tuple[float, float]:
    """Return x and y of a place seen from the first car."""
    state = simulator.states[0]
    cosine, sine = math.cos(state["yaw_rad"]), math.sin(state["yaw_rad"])
    return (
        float(state["x_m"] + ahead_m * cosine - left_m * sine),
        float(state["y_m"] + ahead_m * sine + left_m * cosine),
    )


def kind_sheet(config: SimConfig, seed: int) -> Image:
    """Return each kind of object at the place where it shows most, beside the same place without it."""
    simulator = Simulator(replace(config, start="anywhere"), n_cars=PLACES, seed=seed)
    full = simulator.look_rgb()
    images, captions = [], []
    for kind in KINDS:
        simulator.set_visible(kind, visible=False)
        without = simulator.look_rgb()
        simulator.set_visible(kind, visible=True)
        covered = np.any(full != without, axis=3).mean(axis=(1, 2))
        place = int(covered.argmax())
        images += [full[place], without[place]]
        captions += [kind, f"without {kind}" if covered[place] > 0.0 else f"no {kind} in sight"]
    return contact_sheet(images, COLUMNS, captions)


def seed_sheet(config: SimConfig, seed: int) -> Image:
    """Return the same pose under ten seeds."""
    images = []
    for number in range(SEEDS):
        simulator = Simulator(replace(config, start="line"), n_cars=1, seed=seed + number)
        x, y, yaw = simulator.route_of(0).pose_at(0.6 * simulator.route_of(0).length_m)
        simulator.set_pose(0, x, y, yaw)
        images.append(simulator.look_rgb()[0])
    return contact_sheet(images, SEEDS // 2, [f"seed {seed + number}" for number in range(SEEDS)])
