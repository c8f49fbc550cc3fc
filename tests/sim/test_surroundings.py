"""Scenes follow from their keys."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim.surroundings import SceneKey, Surroundings
from sim.track import load_track

KEY = SceneKey(seed=3, car=1, episode=2, number=4, track=0)


@pytest.mark.parametrize("change", [{"seed": 4}, {"car": 2}, {"episode": 3}, {"number": 5}])
def test_a_scene_follows_from_its_key(change: dict[str, int]) -> None:
    surroundings = Surroundings([load_track("reinvent-2018")], "high")
    (scene, mount), (again, mount_again) = surroundings.draw(KEY), surroundings.draw(KEY)
    assert mount == mount_again
    for field in dataclasses.fields(scene):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(scene, field.name))
    assert not np.array_equal(surroundings.draw(KEY._replace(**change))[0].colors, scene.colors)
