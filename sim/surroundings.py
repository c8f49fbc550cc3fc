"""What a car drives through: the scene round its track, and how its camera is mounted in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.camera import Mount, draw_mount
from sim.scenery import Scene, draw_scene, survey_site
from sim.track import Track


class SceneKey(NamedTuple):
    """All that a scene depends on."""

    seed: int
    car: int
    episode: int
    number: int
    """How many scenes the car has had before."""
    track: int


class Surroundings:
    """Draws the scenes of a batch of cars.

    Args:
        tracks: what is driven on.
        noise: visual noise, one of `sim.scenery.NOISE_LEVELS`.
    """

    def __init__(self, tracks: Sequence[Track], noise: str) -> None:
        self._sites = [survey_site(track) for track in tracks]
        self._noise = noise

    def draw(self, key: SceneKey) -> tuple[Scene, Mount]:
        """Return a car's surroundings and how its camera is mounted; the same for the same key."""
        generator = np.random.default_rng([key.seed, key.car, key.episode, 1 + key.number])
        scene = draw_scene(self._sites[key.track], self._noise, generator)
        return scene, draw_mount(self._noise, generator)
