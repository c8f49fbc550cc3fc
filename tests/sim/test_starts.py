import math

import numpy as np
import pytest

from sim.simulator import SimConfig, Simulator
from sim.starts import TIGHT_SPOT_HEADING_RAD, TIGHT_SPOT_LATERAL, TIGHT_SPOT_SPEED_MPS, draw_start

QUIET = {"tracks": ("trapezoid",), "noise": "none", "vary_vehicle": False}


def test_round_robin_starts_walk_round_every_route_at_rest() -> None:
    simulator = Simulator(SimConfig(start="round-robin", noise="none"), n_cars=1, seed=0)
    places = []
    for _ in range(42):
        length_m = simulator.route_of(0).length_m
        place = simulator.places[0]
        places.append((int(place["route"]), round(float(place["arc_length_m"]) / length_m, 3) % 1.0))
        assert float(simulator.states["forward_mps"][0]) == 0.0
        assert float(place["lateral_m"]) == pytest.approx(0.0, abs=0.02)
        simulator.reset()
    assert [share for route, share in places if route == 0][:4] == [0.0, 0.05, 0.1, 0.15]
    # 20 places on each of two routes, then the same again.
    assert len(set(places)) == 40
    assert places[40:] == places[:2]


def test_cars_of_a_batch_take_the_next_places() -> None:
    simulator = Simulator(SimConfig(start="round-robin", noise="none"), n_cars=6, seed=0)
    shares = simulator.places["arc_length_m"] / simulator.route_of(0).length_m
    np.testing.assert_allclose(shares, [0.0, 0.0, 0.05, 0.05, 0.1, 0.1], atol=1e-3)


def test_tight_spots_are_near_an_edge_and_headed_wrong_in_their_share_of_episodes() -> None:
    config = SimConfig(tight_spot_share=0.3)
    starts = [draw_start(config, np.random.default_rng(seed), turn=0) for seed in range(400)]
    tight = [start for start in starts if abs(start.lateral_share) > TIGHT_SPOT_LATERAL[0]]
    assert 0.22 < len(tight) / len(starts) < 0.38
    assert {math.copysign(1.0, start.lateral_share) for start in tight} == {-1.0, 1.0}
    assert max(abs(start.heading_rad) for start in tight) > 0.8 * TIGHT_SPOT_HEADING_RAD
    assert max(start.speed_mps for start in tight) <= TIGHT_SPOT_SPEED_MPS
    assert all(abs(start.lateral_share) <= TIGHT_SPOT_LATERAL[1] for start in tight)


def test_without_tight_spots_episodes_are_what_they_were() -> None:
    plain, tight = (
        [
            draw_start(SimConfig(tight_spot_share=share), np.random.default_rng(seed), turn=0)
            for seed in range(50)
        ]
        for share in (0.0, 0.3)
    )
    same = [a == b for a, b in zip(plain, tight, strict=True)]
    assert 25 < sum(same) < 45


def test_the_start_line_has_no_tight_spots() -> None:
    simulator = Simulator(SimConfig(start="line", tight_spot_share=1.0, **QUIET), n_cars=3, seed=0)  # type: ignore[arg-type]
    np.testing.assert_allclose(simulator.places["lateral_m"], 0.0, atol=1e-6)


def test_a_tight_spot_leaves_at_least_one_wheel_on_the_track() -> None:
    simulator = Simulator(SimConfig(tight_spot_share=1.0, **QUIET), n_cars=64, seed=0)  # type: ignore[arg-type]
    assert np.all(simulator.reward_params().rows["wheels_on_track"] > 0)
    assert np.abs(simulator.places["lateral_m"]).min() > 0.15
    simulator.step(np.zeros((64, 2)))
    assert np.mean(simulator.places["status"] == 0) > 0.95
