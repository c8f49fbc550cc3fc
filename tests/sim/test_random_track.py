from functools import cache
from time import process_time

import numpy as np
import pytest
from scipy.spatial import cKDTree

from car.errors import Sim2RaceError, UnknownNameError
from sim.random_track import GAP_M, RandomTrack, draw_center_line, parse_random_track
from sim.simulator import SimConfig, Simulator
from sim.track import Track, load_track

KINDS = (
    "random:seed={}",
    "random:seed={},width=1.07,length=40,radius=0.7",
    "random:seed={},length=8,radius=0.4",
)
SEEDS = range(30)


@cache
def drawn(kind: str) -> list[tuple[RandomTrack, Track]]:
    names = [kind.format(seed) for seed in SEEDS]
    return [(parse_random_track(name), load_track(name)) for name in names]


@pytest.mark.parametrize("kind", KINDS)
def test_a_random_track_closes_after_the_length_asked_for(kind: str) -> None:
    for asked, track in drawn(kind):
        assert track.length_m == pytest.approx(asked.length, rel=0.05)
        gap = np.linalg.norm(track.center_m[0] - track.center_m[-1])
        assert gap == pytest.approx(track.spacing_m, rel=0.05)
        turned = track.heading_rad[-1] - track.heading_rad[0]
        assert turned == pytest.approx(2 * np.pi, abs=0.1)
        np.testing.assert_allclose(track.left_width_m + track.right_width_m, asked.width)


@pytest.mark.parametrize("kind", KINDS)
def test_no_corner_is_tighter_than_asked_and_some_are_not_much_wider(kind: str) -> None:
    tightest = [1.0 / np.abs(track.curvature_1pm).max() / asked.radius for asked, track in drawn(kind)]
    assert min(tightest) >= 0.99
    assert min(tightest) < 1.3


@pytest.mark.parametrize("kind", KINDS)
def test_the_road_keeps_clear_of_itself(kind: str) -> None:
    for asked, track in drawn(kind):
        line = track.center_m[::5]
        clear_m = asked.width + 0.9 * GAP_M
        pairs = cKDTree(line).query_pairs(clear_m, output_type="ndarray")
        apart = np.abs(pairs[:, 0] - pairs[:, 1])
        apart_m = np.minimum(apart, len(line) - apart) * track.length_m / len(line)
        assert apart_m.max() < 0.5 * np.pi * (asked.width + GAP_M) * 1.05


def test_other_seeds_are_other_tracks_and_the_name_says_how_to_draw_it_again() -> None:
    lines = [draw_center_line(RandomTrack(seed=seed)) for seed in SEEDS]
    assert len({line.tobytes() for line in lines}) == len(lines)
    left = [float(np.mean(track.curvature_1pm > 0.25)) for _, track in drawn(KINDS[0])]
    assert max(left) - min(left) > 0.1
    track = load_track("random:radius=0.6, seed=7")
    assert track.name == "random:seed=7,radius=0.6"
    np.testing.assert_array_equal(load_track(track.name).center_m, track.center_m)
    assert load_track("random:seed=123456789").name == "random:seed=123456789"


def test_a_track_is_drawn_while_nobody_waits() -> None:
    times = []
    for seed in range(100, 110):
        begun = process_time()
        draw_center_line(RandomTrack(seed=seed))
        times.append(process_time() - begun)
    assert max(times) < 0.3


def test_a_random_track_is_driven_like_any_other() -> None:
    simulator = Simulator(SimConfig(tracks=("random:seed=1", "random:seed=2")), n_cars=4, seed=0)
    simulator.step(np.zeros((4, 2)))
    assert {simulator.route_of(car).name for car in range(4)} == {"random:seed=1", "random:seed=2"}
    assert simulator.look().std() > 5.0


def test_what_cannot_be_drawn_is_refused_with_what_could() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'radius'"):
        load_track("random:seed=7,radus=0.5")
    for name, words in (
        ("random:seed=-1", "whole number"),
        ("random:seed=1,width=wide", "width is 'wide'"),
        ("random:seed=1,length=nan", "metres"),
        ("random:seed=1,radius=0.3", "more than 0.38"),
        ("random:seed=1,length=4", "at least 5.0 m"),
    ):
        with pytest.raises(Sim2RaceError, match=words) as caught:
            load_track(name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UnknownNameError, match="random:seed=1"):
        load_track("randm:seed=1")
