"""The next episode of every car, drawn and first looked at while other threads render.

Drawing an episode is work for the interpreter, which only one thread can do; done while the others are in
compiled loops, it costs hardly any time of its own. A car that ends takes the first picture of its next
episode along with the last one of this. What is drawn follows from its key alone, so who draws it and when
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from sim.beginnings import Beginning
from sim.eyes import Eyes, Soon, Version
from sim.surroundings import SceneKey, Surroundings

PICTURES_PER_EPISODE = 8
"""One episode may be drawn for so many pictures that each thread takes meanwhile: it takes as long as six."""


@dataclass
class _Next:
    """An episode that has been drawn."""

    key: SceneKey
    beginning: Beginning
    picture: npt.NDArray[np.uint8] | None = None
    """Its first picture, (H, W)."""
    version: Version = (0, 0)
    """Of the scene when that was taken."""


class NextEpisodes:
    """Holds at most one episode for each car.

    Args:
        eyes: the cars' cameras.
        n_cars: size of the batch.
        draw_beginning: draws how an episode begins.
        surroundings: draws scenes.
    """

    def __init__(
        self,
        eyes: Eyes,
        n_cars: int,
        draw_beginning: Callable[[SceneKey], Beginning],
        surroundings: Surroundings,
    ) -> None:
        self._eyes = eyes
        self._draw_beginning, self._surroundings = draw_beginning, surroundings
        self._ready: dict[int, _Next] = {}
        self._missing = dict.fromkeys(range(n_cars))
        self._begun: dict[int, _Next] = {}

    def drawing(
        self, ended: Sequence[int], pictures: int, key_of: Callable[[int], SceneKey]
    ) -> Callable[[], None] | None:
        """Return what draws episodes that are missing, as many as fit the time of some pictures.

        Args:
            ended: cars that need theirs now.
            pictures: how many each thread takes meanwhile.
            key_of: returns what the next episode of a car depends on.

        Returns:
            Nothing if none is missing, or too few pictures are taken.
        """
        urgent = [car for car in ended if car in self._missing]
        chosen = list(dict.fromkeys([*urgent, *self._missing]))[: pictures // PICTURES_PER_EPISODE]
        return partial(self._draw, chosen, key_of) if chosen else None

    def soon(self, ended: Sequence[int]) -> list[Soon]:
        """Return which cars that have ended can already look at what comes, and from where."""
        ready = [(car, self._ready[car]) for car in ended if car in self._ready]
        return [(car, it.beginning.state, it.beginning.grain) for car, it in ready if it.picture is None]

    def keep(self, soon: Sequence[Soon], pictures: npt.NDArray[np.uint8]) -> None:
        """Keep what they saw, (len(soon), H, W)."""
        for (car, _, _), picture in zip(soon, pictures, strict=True):
            self._ready[car].picture = picture
            self._ready[car].version = self._eyes.prepared_version(car)

    def begin(self, key: SceneKey) -> Beginning | None:
        """Put a car before the scene of an episode and return how that begins, if it has been drawn."""
        self._missing[key.car] = None
        ready = self._ready.pop(key.car, None)
        if ready is None or ready.key != key:
            return None
        self._eyes.change_scene(key.car)
        self._begun[key.car] = ready
        return ready.beginning

    def first_pictures(
        self,
        cars: npt.NDArray[np.int64],
        states: npt.NDArray[np.void],
        grain: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.uint8] | None:
        """Return the pictures of cars that have only just begun, (len(cars), H, W), if all have been taken.

        Args:
            cars: which cars.
            states: `STATE_DTYPE` (N,), all cars: one that was put somewhere else sees something else.
            grain: (N,), where each picture's sensor noise begins.
        """
        if not self._begun:
            return None
        pictures = []
        for car in cars.tolist():
            begun = self._begun.get(car)
            if begun is None or begun.picture is None or begun.version != self._eyes.version(car):
                return None
            if states[car] != begun.beginning.state or grain[car] != begun.beginning.grain:
                return None
            pictures.append(begun.picture)
        return np.array(pictures)

    def drive_on(self) -> None:
        """Forget the first pictures of cars that have begun, as they drive on."""
        self._begun.clear()

    def _draw(self, cars: Sequence[int], key_of: Callable[[int], SceneKey]) -> None:
        for car in cars:
            key = key_of(car)
            scene, mount = self._surroundings.draw(key)
            self._eyes.prepare_scene(car, scene, mount, key.track)
            self._ready[car] = _Next(key, self._draw_beginning(key))
            del self._missing[car]
