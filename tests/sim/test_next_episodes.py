"""Episodes drawn and looked at ahead: the same as when they are asked for, and only those that will be."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

from sim.motion import IN_PROGRESS, OFF_TRACK
from sim.next_episodes import PICTURES_PER_EPISODE
from sim.simulator import SimConfig, Simulator

CONFIG = SimConfig(threads=1, tracks=("reinvent-2018", "trapezoid-narrow"))
"""Whatever is drawn ahead here, these tests draw themselves."""


def _drawing(simulator: Simulator, ended: list[int], pictures: int) -> Callable[[], None] | None:
    return simulator._next.drawing(ended, pictures, partial(simulator._scene_key, ahead=1))


def _draw(simulator: Simulator, ended: list[int], episodes: int) -> list[int]:
    """Draw up to so many episodes and return which cars have theirs."""
    draw = _drawing(simulator, ended, episodes * PICTURES_PER_EPISODE)
    if draw is not None:
        draw()
    return sorted(simulator._next._ready)


def _first_pictures(simulator: Simulator) -> npt.NDArray[np.uint8] | None:
    cars = np.arange(simulator.n_cars)
    return simulator._next.first_pictures(cars, simulator.states, simulator._grain)


def _begun(n_cars: int = 2) -> Simulator:
    """Return cars that have begun anew after they had looked ahead."""
    simulator = Simulator(CONFIG, n_cars=n_cars, seed=3)
    _draw(simulator, [], n_cars)
    simulator.places["status"] = OFF_TRACK
    simulator.look()
    simulator.reset()
    return simulator


def test_no_more_is_drawn_than_fits_and_nothing_twice() -> None:
    simulator = Simulator(CONFIG, n_cars=5, seed=0)
    assert _drawing(simulator, [], PICTURES_PER_EPISODE - 1) is None
    assert _draw(simulator, [], 2) == [0, 1]
    assert _draw(simulator, [3], 2) == [0, 1, 2, 3], "who has ended comes first"
    assert _draw(simulator, [0, 1], 2) == [0, 1, 2, 3, 4]
    assert _drawing(simulator, [0, 1, 2], 2 * PICTURES_PER_EPISODE) is None
    simulator.reset(np.array([2]))
    assert _draw(simulator, [], 5) == [0, 1, 2, 3, 4]


def test_an_episode_drawn_ahead_is_the_one_that_would_have_been_drawn() -> None:
    ahead, plain = _begun(3), Simulator(CONFIG, n_cars=3, seed=3)
    plain.reset()
    np.testing.assert_array_equal(ahead.states, plain.states)
    np.testing.assert_array_equal(ahead.places, plain.places)
    np.testing.assert_array_equal(ahead._parameters, plain._parameters)
    for car in range(3):
        assert ahead.inner_state(car) == plain.inner_state(car)
        scene, other = ahead.eyes.scene(car), plain.eyes.scene(car)
        for field in dataclasses.fields(scene):
            np.testing.assert_array_equal(getattr(scene, field.name), getattr(other, field.name))
    kept = _first_pictures(ahead)
    np.testing.assert_array_equal(kept, plain.look())
    np.testing.assert_array_equal(ahead.look(), plain.look())
    for simulator in (ahead, plain):
        simulator.step(np.tile((0.1, 1.0), (3, 1)))
    np.testing.assert_array_equal(ahead.look(), plain.look())
    np.testing.assert_array_equal(ahead.look_rgb(), plain.look_rgb())


def test_looking_ahead_does_not_change_the_last_pictures() -> None:
    ahead, plain = (Simulator(CONFIG, n_cars=3, seed=3) for _ in range(2))
    _draw(ahead, [], 3)
    for simulator in (ahead, plain):
        simulator.places["status"][1:] = OFF_TRACK
    pictures = ahead.look()
    assert pictures.shape == (3, 120, 160)
    np.testing.assert_array_equal(pictures, plain.look())
    assert [ahead._next._ready[car].picture is None for car in range(3)] == [True, False, False]


def _hide(simulator: Simulator) -> None:
    simulator.set_visible("wall", visible=False)


def _put_elsewhere(simulator: Simulator) -> None:
    simulator.set_pose(0, 0.0, 0.0, 1.0)


def _redraw(simulator: Simulator) -> None:
    simulator.redraw(0)


def _replace(simulator: Simulator) -> None:
    simulator.eyes.replace_objects(0, np.zeros_like(simulator.eyes.scene(0).objects))


def _drive(simulator: Simulator) -> None:
    simulator.step(np.tile((0.0, 1.0), (simulator.n_cars, 1)))


@pytest.mark.parametrize("change", [_hide, _put_elsewhere, _redraw, _replace, _drive])
def test_a_first_picture_is_taken_anew_when_something_has_changed(
    change: Callable[[Simulator], None],
) -> None:
    simulator = _begun()
    kept = _first_pictures(simulator)
    assert kept is not None
    change(simulator)
    assert _first_pictures(simulator) is None
    assert not np.array_equal(simulator.look()[0], kept[0])


def test_what_is_hidden_after_looking_ahead_is_hidden_when_the_episode_begins() -> None:
    simulator, plain = (Simulator(CONFIG, n_cars=2, seed=3) for _ in range(2))
    _draw(simulator, [], 2)
    simulator.places["status"] = OFF_TRACK
    simulator.look()
    for each in (simulator, plain):
        each.set_visible("wall", visible=False)
        each.reset()
    assert _first_pictures(simulator) is None
    np.testing.assert_array_equal(simulator.look(), plain.look())


@pytest.mark.parametrize("how", ["reseed", "redraw"])
def test_what_was_drawn_for_something_else_is_not_taken(how: str) -> None:
    simulator, plain = (Simulator(CONFIG, n_cars=2, seed=3) for _ in range(2))
    _draw(simulator, [], 2)
    for each in (simulator, plain):
        if how == "reseed":
            each.reseed(4)
        else:
            each.redraw(0)
            each.redraw(1)
        each.reset()
    assert not simulator._next._begun
    assert not simulator._next._ready
    np.testing.assert_array_equal(simulator.states, plain.states)
    np.testing.assert_array_equal(simulator.look(), plain.look())


def test_where_surroundings_change_on_a_schedule_nothing_is_drawn_ahead() -> None:
    config = dataclasses.replace(CONFIG, threads=2, redraw_every_s=300.0)
    simulator = Simulator(config, n_cars=2 * PICTURES_PER_EPISODE, seed=0)
    for _ in range(3):
        simulator.look()
    assert not simulator._next._ready


def test_cars_that_end_drive_on_as_with_one_thread_through_every_restart() -> None:
    pictures, looked_ahead = [], 0
    for threads in (1, 2):
        config = dataclasses.replace(CONFIG, threads=threads)
        simulator = Simulator(config, n_cars=4 * PICTURES_PER_EPISODE, seed=2)
        commands = np.tile([0.5, 3.0], (simulator.n_cars, 1))
        for _ in range(60):
            simulator.step(commands)
            pictures.append(simulator.look())
            ended = np.flatnonzero(simulator.places["status"] != IN_PROGRESS)
            simulator.reset(ended)
            first = simulator._next.first_pictures(ended, simulator.states, simulator._grain)
            looked_ahead += first is not None
            pictures.append(simulator.look(ended) if len(ended) else np.zeros(0, np.uint8))
        assert simulator._episodes.max() > 1
    assert looked_ahead > 10
    for one, two in zip(pictures[:120], pictures[120:], strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_simulator_that_nobody_needs_goes_at_once_with_all_its_memory() -> None:
    simulator = Simulator(dataclasses.replace(CONFIG, threads=2), n_cars=2 * PICTURES_PER_EPISODE, seed=0)
    simulator.look()
    assert simulator._next._ready
    gone = weakref.ref(simulator)
    gc.disable()
    try:
        del simulator
        assert gone() is None
    finally:
        gc.enable()
