"""Contact sheets: levels of noise, effects one by one, kinds of objects, one pose under many seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.camera import Mount
from sim.pictures import Image, contact_sheet
from sim.render_floor import FLOORS
from sim.scenery import KINDS, NOISE_LEVELS, Scene
from sim.simulator import SimConfig, Simulator

COLUMNS = 4
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
    "shadows": {"shade_contrast": 0.5, "shade_sharpness": 6.0, "shade_per_m": 0.5},
    "vinyl wrinkles": {"wrinkle_contrast": 0.15, "shade_per_m": 0.5},
    "sheen": {"sheen": 70.0, "sheen_per_t": 1.2},
    "ceiling": {"ceiling_m": 3.0, "lamps_per_m": 0.3, "lamp_grey": 160.0},
    **{
        f"floor: {name}": {"floor_kind": number, "floor_contrast": 0.35, "floor_per_m": 3.0, "floor_cos": 1.0}
        for number, name in enumerate(FLOORS)
        if name != "flat"
    },
}
"""What is shown before and after: fields of `sim.scenery.LIGHT_DTYPE` and their values."""


def level_sheet(config: SimConfig, seed: int) -> Image:
    """Return a row of pictures per noise level, the same places on the track in each."""
    images, captions = [], []
    for noise in NOISE_LEVELS:
        simulator = Simulator(replace(config, noise=noise, start="anywhere"), n_cars=COLUMNS, seed=seed)
        images += list(simulator.look_rgb())
        captions += [f"noise {noise}"] * COLUMNS
    return contact_sheet(images, COLUMNS, captions)


def effect_sheet(config: SimConfig, seed: int) -> Image:
    """Return one view with every effect of light, lens, sensor and floor by itself, the plain one first."""
    simulator = Simulator(replace(config, noise="none", start="line"), n_cars=1, seed=seed)
    simulator.states["yaw_rate_radps"] = 3.0
    scene = simulator.eyes.scene(0)
    images, captions = [simulator.look_rgb()[0]], ["before"]
    for name, fields in EFFECTS.items():
        light = scene.light.copy()
        light["sheen_azimuth"] = float(simulator.states["yaw_rad"][0])
        for field, value in fields.items():
            light[field] = value
        changed = Scene(scene.objects, scene.colors, scene.palette, light, scene.glares)
        simulator.eyes.set_scene(0, changed, Mount(), 0)
        images.append(simulator.look_rgb()[0])
        captions.append(name)
    return contact_sheet(images, COLUMNS, captions)


def kind_sheet(config: SimConfig, seed: int) -> Image:
    """Return a furnished place with all of it, and with each kind of object hidden."""
    simulator = Simulator(replace(config, start="anywhere"), n_cars=1, seed=seed)
    images, captions = [simulator.look_rgb()[0]], ["everything"]
    for kind in KINDS:
        simulator.set_visible(kind, visible=False)
        images.append(simulator.look_rgb()[0])
        captions.append(f"without {kind}")
        simulator.set_visible(kind, visible=True)
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
