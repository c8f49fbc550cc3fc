"""Scenes drawn ahead: the same as when they are asked for, and only those that will be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim.motion import IN_PROGRESS
from sim.simulator import SimConfig, Simulator
from sim.surroundings import PICTURES_PER_SCENE, SceneKey, Surroundings
from sim.track import load_track

KEY = SceneKey(seed=3, car=1, episode=2, number=4, track=0)


@pytest.fixture(scope="module")
def surroundings() -> Surroundings:
    return Surroundings([load_track("reinvent-2018")], "high")


def test_a_scene_drawn_ahead_is_the_one_that_would_have_been_drawn(surroundings: Surroundings) -> None:
    scene, mount = surroundings.take(KEY)
    draw = surroundings.ahead([KEY], PICTURES_PER_SCENE)
    assert draw is not None
    draw()
    ahead, mount_ahead = surroundings.take(KEY)
    assert mount_ahead == mount
    for field in dataclasses.fields(scene):
        np.testing.assert_array_equal(getattr(ahead, field.name), getattr(scene, field.name))


@pytest.mark.parametrize("change", [{"seed": 4}, {"episode": 3}, {"number": 5}])
def test_what_was_drawn_for_something_else_is_not_taken(
    surroundings: Surroundings, change: dict[str, int]
) -> None:
    draw = surroundings.ahead([KEY], PICTURES_PER_SCENE)
    assert draw is not None
    draw()
    other = KEY._replace(**change)
    scene, _ = surroundings.take(other)
    np.testing.assert_array_equal(scene.colors, surroundings.take(other)[0].colors)
    assert not np.array_equal(scene.colors, surroundings.take(KEY)[0].colors)


def test_no_more_is_drawn_than_fits_and_nothing_twice(surroundings: Surroundings) -> None:
    keys = [KEY._replace(car=car) for car in range(5)]
    assert surroundings.ahead(keys, PICTURES_PER_SCENE - 1) is None
    for first in (0, 2):
        draw = surroundings.ahead(keys, 2 * PICTURES_PER_SCENE)
        assert draw is not None
        draw()
        assert sorted(surroundings._ahead) == list(range(first + 2))
    for key in keys[:4]:
        surroundings.take(key)
    assert not surroundings._ahead


def test_cars_that_end_drive_on_as_with_one_thread_through_every_restart() -> None:
    pictures = []
    for threads in (1, 2):
        config = SimConfig(threads=threads, tracks=("reinvent-2018", "trapezoid-narrow"))
        simulator = Simulator(config, n_cars=PICTURES_PER_SCENE, seed=2)
        commands = np.tile([0.5, 3.0], (simulator.n_cars, 1))
        for _ in range(60):
            simulator.step(commands)
            pictures.append(simulator.look())
            simulator.reset(np.flatnonzero(simulator.places["status"] != IN_PROGRESS))
        assert simulator._episodes.max() > 1
    np.testing.assert_array_equal(pictures[:60], pictures[60:])
