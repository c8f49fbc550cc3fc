"""How episodes begin follows from seed, car and episode."""

from __future__ import annotations

import pytest

from sim.beginnings import draw_beginning, route_of
from sim.simulator import SimConfig
from sim.surroundings import SceneKey
from sim.track import DIRECTIONS, load_track

ROUTES = [load_track("reinvent-2018", direction) for direction in DIRECTIONS]
KEY = SceneKey(seed=3, car=1, episode=2, number=4, track=0)


@pytest.mark.parametrize("change", [{"seed": 4}, {"car": 2}, {"episode": 3}])
def test_a_beginning_follows_from_seed_car_and_episode(change: dict[str, int]) -> None:
    beginning = draw_beginning(SimConfig(), ROUTES, KEY)
    assert draw_beginning(SimConfig(), ROUTES, KEY) == beginning
    other = draw_beginning(SimConfig(), ROUTES, KEY._replace(**change))
    assert other.chances != beginning.chances
    assert other.parameters != beginning.parameters
    assert other.state != beginning.state


def test_cars_take_turns_over_the_routes() -> None:
    assert [route_of(car, 0, 3) for car in range(4)] == [0, 1, 2, 0]
    assert [route_of(1, episode, 3) for episode in range(4)] == [1, 2, 0, 1]
