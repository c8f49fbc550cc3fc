"""What each car drives through: drawn when an episode begins, or ahead of that, while the cameras work.

A scene follows from its key alone, so who draws it and when changes nothing. Drawing one is work for the
interpreter, which only one thread can do; done while other threads render, it costs no time of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from sim.camera import Mount, draw_mount
from sim.scenery import Scene, draw_scene, survey_site
from sim.track import Track

PICTURES_PER_SCENE = 16
"""One scene may be drawn ahead for so many pictures that are taken meanwhile: it takes as long as three."""


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
        self._ahead: dict[int, tuple[SceneKey, Scene, Mount]] = {}

    def take(self, key: SceneKey) -> tuple[Scene, Mount]:
        """Return a car's surroundings and how its camera is mounted."""
        kept = self._ahead.pop(key.car, None)
        if kept is None or kept[0] != key:
            return self._draw(key)
        return kept[1], kept[2]

    def ahead(self, keys: Iterable[SceneKey], pictures: int) -> Callable[[], None] | None:
        """Return what draws surroundings that will be asked for, or nothing if none are missing.

        Args:
            keys: of those that will be asked for.
            pictures: how many are taken meanwhile; no more is drawn than fits their time.
        """
        wanted = [key for key in keys if self._ahead.get(key.car, (None,))[0] != key]
        chosen = wanted[: pictures // PICTURES_PER_SCENE]
        return partial(self._draw_all, chosen) if chosen else None

    def _draw_all(self, keys: list[SceneKey]) -> None:
        for key in keys:
            self._ahead[key.car] = (key, *self._draw(key))

    def _draw(self, key: SceneKey) -> tuple[Scene, Mount]:
        generator = np.random.default_rng([key.seed, key.car, key.episode, 1 + key.number])
        scene = draw_scene(self._sites[key.track], self._noise, generator)
        return scene, draw_mount(self._noise, generator)
