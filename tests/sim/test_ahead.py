"""Episodes drawn ahead: the same as when they are asked for, and only those that will be."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim.ahead import Ahead
from sim.beginnings import EpisodeKey, draw_beginning
from sim.motion import IN_PROGRESS, OFF_TRACK
from sim.simulator import PICTURES_PER_EPISODE, SimConfig, Simulator
from sim.surroundings import SceneKey, Surroundings
from sim.track import load_track

KEY = SceneKey(seed=3, car=1, episode=2, number=4, track=0)


def test_what_was_made_ahead_is_taken_once_and_by_its_own_key_only() -> None:
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key.upper()

    ahead = Ahead(make)
    assert ahead.take(0, "a") == "A"
    ahead.prepare(0, "b")
    assert ahead.has(0, "b")
    assert not ahead.has(0, "c")
    assert not ahead.has(1, "b")
    assert made == ["a", "b"]
    assert ahead.take(0, "b") == "B"
    assert made == ["a", "b"], "it was there"
    assert ahead.take(0, "b") == "B"
    assert made == ["a", "b", "b"], "it had been taken"
    ahead.prepare(0, "b")
    assert ahead.take(0, "c") == "C", "what was made for something else is not taken"
    assert not ahead.has(0, "b"), "nor kept"


@pytest.mark.parametrize("change", [{"seed": 4}, {"car": 2}, {"episode": 3}, {"number": 5}])
def test_a_scene_follows_from_its_key(change: dict[str, int]) -> None:
    surroundings = Surroundings([load_track("reinvent-2018")], "high")
    (scene, mount), (again, mount_again) = surroundings.draw(KEY), surroundings.draw(KEY)
    assert mount == mount_again
    for field in dataclasses.fields(scene):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(scene, field.name))
    assert not np.array_equal(surroundings.draw(KEY._replace(**change))[0].colors, scene.colors)


@pytest.mark.parametrize("change", [{"seed": 4}, {"car": 2}, {"episode": 3}])
def test_a_beginning_follows_from_its_key(change: dict[str, int]) -> None:
    routes = [load_track("reinvent-2018", direction) for direction in ("clockwise", "counter-clockwise")]
    key = EpisodeKey(seed=3, car=1, episode=2)
    beginning = draw_beginning(SimConfig(), routes, key)
    assert draw_beginning(SimConfig(), routes, key) == beginning
    assert draw_beginning(SimConfig(), routes, key._replace(**change)).chances != beginning.chances


def test_no_more_is_drawn_ahead_than_fits_and_nothing_twice() -> None:
    simulator = Simulator(SimConfig(threads=1), n_cars=5, seed=0)
    assert simulator._draws_ahead(5 * PICTURES_PER_EPISODE) is None, "all are driving"
    simulator.places["status"] = OFF_TRACK
    assert simulator._draws_ahead(PICTURES_PER_EPISODE - 1) is None
    for prepared in (2, 4, 5):
        draw = simulator._draws_ahead(2 * PICTURES_PER_EPISODE)
        assert draw is not None
        draw()
        has = [simulator._scenes.has(car, simulator._scene_key(car, ahead=1)) for car in range(5)]
        assert has == [car < prepared for car in range(5)]
    assert simulator._draws_ahead(2 * PICTURES_PER_EPISODE) is None
    simulator.reset()
    assert not simulator._scenes._kept
    assert not simulator._beginnings._kept


def test_where_surroundings_change_on_a_schedule_nothing_is_drawn_ahead() -> None:
    simulator = Simulator(SimConfig(threads=1, redraw_every_s=300.0), n_cars=1, seed=0)
    simulator.places["status"] = OFF_TRACK
    assert simulator._draws_ahead(PICTURES_PER_EPISODE) is None


def test_cars_that_end_drive_on_as_with_one_thread_through_every_restart() -> None:
    pictures = []
    for threads in (1, 2):
        config = SimConfig(threads=threads, tracks=("reinvent-2018", "trapezoid-narrow"))
        simulator = Simulator(config, n_cars=PICTURES_PER_EPISODE, seed=2)
        commands = np.tile([0.5, 3.0], (simulator.n_cars, 1))
        for _ in range(60):
            simulator.step(commands)
            pictures.append(simulator.look())
            simulator.reset(np.flatnonzero(simulator.places["status"] != IN_PROGRESS))
        assert simulator._episodes.max() > 1
    np.testing.assert_array_equal(pictures[:60], pictures[60:])
