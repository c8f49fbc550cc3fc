import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from car.errors import Sim2RaceError, UnknownNameError
from sim.motion import IMMOBILIZED, LAP_COMPLETE, OFF_TRACK, REVERSED, TIME_UP, latency_s
from sim.pilot import pursue
from sim.simulator import SimConfig, Simulator


def zigzag(step: int, cars: int) -> npt.NDArray[np.float64]:
    return np.tile([0.15 * math.sin(step / 5), 1.0], (cars, 1))


def rollout(simulator: Simulator, steps: int = 25) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.void]]:
    pictures = []
    for step in range(steps):
        simulator.step(zigzag(step, simulator.n_cars))
        pictures.append(simulator.look())
    return np.stack(pictures), simulator.states.copy()


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads() -> None:
    one = rollout(Simulator(SimConfig(threads=1), n_cars=16, seed=5))
    two = rollout(Simulator(SimConfig(threads=3), n_cars=16, seed=5))
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
    other = rollout(Simulator(SimConfig(threads=1), n_cars=16, seed=6))
    assert np.mean(one[0] != other[0]) > 0.5


def test_an_episode_does_not_depend_on_its_neighbours() -> None:
    small = rollout(Simulator(SimConfig(), n_cars=2, seed=5))
    large = rollout(Simulator(SimConfig(), n_cars=12, seed=5))
    np.testing.assert_array_equal(small[0], large[0][:, :2])


def test_reseeding_repeats_the_beginning() -> None:
    simulator = Simulator(SimConfig(), n_cars=3, seed=5)
    first = simulator.look()
    rollout(simulator, 5)
    simulator.reseed(5)
    simulator.reset()
    np.testing.assert_array_equal(simulator.look(), first)


@pytest.mark.parametrize("direction", ["counter-clockwise", "clockwise"])
def test_a_driver_who_knows_the_road_completes_the_lap(direction: str) -> None:
    simulator = Simulator(
        SimConfig(directions=(direction,), start="line", noise="none", vary_vehicle=False), n_cars=1, seed=0
    )
    progress, worst_m = [0.0], 0.0
    while int(simulator.places["status"][0]) == 0:
        before = simulator.places[0].copy()
        assert before["lap_time_s"] == before["elapsed_s"]
        simulator.step(pursue(simulator, speed_mps=1.2))
        progress.append(float(simulator.places["progress"][0]))
        worst_m = max(worst_m, abs(float(simulator.places["lateral_m"][0])))
    assert int(simulator.places["status"][0]) == LAP_COMPLETE
    assert progress[-1] == 100.0
    assert np.all(np.diff(progress) > -0.01)
    assert worst_m < 0.2
    # 25.1 m at 1.2 m/s, and most of a second to get going.
    end = simulator.places[0]
    assert 21.0 < end["elapsed_s"] < 24.0
    # The line was crossed within the last step, where it was as far as there was left to go.
    to_line_m = simulator.route_of(0).length_m - before["travelled_m"]
    assert 0.0 < to_line_m < end["step_m"]
    crossed_s = before["elapsed_s"] + to_line_m / end["step_m"] / 30.0
    assert end["lap_time_s"] == pytest.approx(crossed_s, abs=1e-9)
    assert before["elapsed_s"] < end["lap_time_s"] < end["elapsed_s"]


def test_rewards_add_up_to_the_metres_driven() -> None:
    simulator = Simulator(SimConfig(start="line", noise="none"), n_cars=1, seed=0)
    total = 0.0
    for _ in range(90):
        simulator.step(pursue(simulator, speed_mps=1.0))
        total += float(simulator.rewards[0])
    assert total == pytest.approx(float(simulator.places["travelled_m"][0]), abs=1e-4)
    assert 1.0 < total < 3.0


def end_of(simulator: Simulator, command: tuple[float, float], limit: int = 400) -> tuple[int, float]:
    for _ in range(limit):
        simulator.step(np.array([command]))
        if int(simulator.places["status"][0]):
            break
    return int(simulator.places["status"][0]), float(simulator.rewards[0])


def test_leaving_the_track_with_all_four_wheels_ends_the_episode_and_costs() -> None:
    simulator = Simulator(SimConfig(start="line", noise="none", vary_vehicle=False), n_cars=1, seed=0)
    status, reward = end_of(simulator, (0.26, 1.0))
    assert status == OFF_TRACK
    assert reward == pytest.approx(-2.0, abs=0.1)
    # The centre of the car is further out than the border when its last wheel crosses it.
    assert abs(float(simulator.places["lateral_m"][0])) > 0.381


def test_standing_still_and_driving_backwards_end_the_episode_after_a_second() -> None:
    simulator = Simulator(SimConfig(start="line", noise="none"), n_cars=1, seed=0)
    status, _ = end_of(simulator, (0.0, 0.0))
    assert status == IMMOBILIZED
    assert float(simulator.places["elapsed_s"][0]) == pytest.approx(1.0, abs=0.05)
    simulator.reset()
    x, y, yaw = simulator.route_of(0).pose_at(3.0)
    simulator.set_pose(0, x, y, yaw + math.pi)
    status, _ = end_of(simulator, (0.0, 1.0))
    assert status == REVERSED


def test_time_runs_up() -> None:
    simulator = Simulator(SimConfig(start="line", noise="none", max_episode_s=0.5), n_cars=1, seed=0)
    status, reward = end_of(simulator, (0.0, 0.8))
    assert status == TIME_UP
    assert reward > -0.1


def test_a_command_takes_its_latency_to_move_the_wheels() -> None:
    simulator = Simulator(SimConfig(start="line", noise="none", vary_vehicle=False), n_cars=1, seed=0)
    simulator._parameters["latency_s"] = 0.1
    moved = []
    for _ in range(6):
        simulator.step(np.array([[0.2, 1.0]]))
        moved.append(abs(float(simulator.states["steering_rad"][0])) > 1e-6)
    # 0.1 s at 30 Hz: three whole steps pass first.
    assert moved == [False, False, False, True, True, True]


@pytest.mark.parametrize(("rate_hz", "periods"), [(30.0, 12), (120.0, 48)])
def test_a_long_latency_is_not_cut_short_at_any_rate(rate_hz: float, periods: int) -> None:
    config = SimConfig(
        start="line",
        noise="none",
        vary_vehicle=False,
        vehicle_spread=(("latency_s", 0.4),),
        control_rate_hz=rate_hz,
    )
    simulator = Simulator(config, n_cars=1, seed=0)
    simulator._parameters["latency_s"] = 0.4
    for _ in range(periods):
        simulator.step(np.array([[0.2, 1.0]]))
        assert abs(float(simulator.states["steering_rad"][0])) < 1e-6
    simulator.step(np.array([[0.2, 1.0]]))
    assert float(simulator.states["steering_rad"][0]) > 1e-3


def _latencies_s(simulator: Simulator) -> npt.NDArray[np.float64]:
    """Return the time from picture to servo of every car's next step."""
    steps = simulator.places["steps"]
    cars = zip(simulator._parameters, simulator._keys, steps, strict=True)
    return np.array([latency_s(parameters, key, step) for parameters, key, step in cars])


def test_without_latency_the_same_cars_obey_at_once() -> None:
    jittery = SimConfig(vehicle_spread=(("latency_jitter_s", 0.02),))
    late, prompt = (
        Simulator(replace(jittery, latency=latency), n_cars=8, seed=3) for latency in (True, False)
    )
    assert _latencies_s(late).min() > 0.0
    assert _latencies_s(prompt).tolist() == [0.0] * 8
    for name in ("friction", "steering_lag_s", "speed_gain"):
        np.testing.assert_array_equal(prompt._parameters[name], late._parameters[name])


def test_latency_jitters_and_pictures_get_lost_as_often_as_asked() -> None:
    config = SimConfig(
        noise="none", vehicle="ideal", vehicle_spread=(("frame_loss", 0.0),), start="line", vary_vehicle=False
    )
    simulator = Simulator(config, n_cars=64, seed=0)
    simulator._parameters["frame_loss"] = 0.25
    simulator._parameters["latency_s"] = 0.05
    simulator._parameters["latency_jitter_s"] = 0.02
    lost, latencies = [], []
    for _ in range(50):
        latencies.append(_latencies_s(simulator))
        simulator.step(np.zeros((64, 2)))
        lost.append(simulator.lost.copy())
    assert np.mean(lost) == pytest.approx(0.25, abs=0.03)
    assert np.std(np.mean(lost, axis=1)) > 0.01
    assert np.min(latencies) == pytest.approx(0.03, abs=0.001)
    assert np.max(latencies) == pytest.approx(0.07, abs=0.001)


def test_a_spread_alone_brings_jitter_and_lost_pictures_to_some_episodes() -> None:
    widths = (("latency_jitter_s", 0.01), ("frame_loss", 0.2))
    simulator = Simulator(SimConfig(noise="none", vehicle_spread=widths), n_cars=64, seed=0)
    lost, latencies = [], []
    for _ in range(50):
        latencies.append(_latencies_s(simulator))
        simulator.step(np.tile((0.0, 1.0), (64, 1)))
        lost.append(simulator.lost.copy())
    jitter, losses = np.ptp(latencies, axis=0), np.mean(lost, axis=0)
    # Half of the episodes have none of either.
    for figure in (jitter, losses):
        assert 16 < np.count_nonzero(figure > 0.0) < 48
    assert 0.01 < jitter.max() <= 0.02
    assert 0.1 < losses.max() < 0.4
    assert not np.any(Simulator(SimConfig(noise="none"), n_cars=64, seed=0)._parameters["frame_loss"])


def test_the_world_is_redrawn_on_its_schedule_and_not_before() -> None:
    simulator = Simulator(SimConfig(start="line", redraw_every_s=0.5), n_cars=1, seed=0)
    palettes = []
    for _ in range(40):
        simulator.step(np.array([[0.0, 0.5]]))
        palettes.append(simulator.eyes.scene(0).palette.copy())
    changed = [bool(np.any(a != b)) for a, b in pairwise(palettes)]
    assert [step for step, did in enumerate(changed) if did] == [13, 28]
    simulator.reset()
    np.testing.assert_array_equal(simulator.eyes.scene(0).palette, palettes[-1])


def test_cars_are_spread_over_tracks_and_directions() -> None:
    simulator = Simulator(SimConfig(tracks=("trapezoid", "forever-raceway")), n_cars=8, seed=0)
    roads = {(simulator.route_of(car).name, simulator.route_of(car).clockwise) for car in range(8)}
    assert len(roads) == 4
    before = simulator.route_of(0).name, simulator.route_of(0).clockwise
    simulator.reset([0])
    assert (simulator.route_of(0).name, simulator.route_of(0).clockwise) != before


def test_bad_input_is_refused_in_one_line() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'high'"):
        Simulator(SimConfig(noise="hihg"), n_cars=1, seed=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'aws'"):
        Simulator(SimConfig(camera="awz"), n_cars=1, seed=0)
    with pytest.raises(Sim2RaceError, match=r"spread of mass_kg .* allowed are 0\.3 to 10"):
        Simulator(SimConfig(vehicle_spread=(("mass_kg", 2.0),)), n_cars=1, seed=0)
    simulator = Simulator(SimConfig(), n_cars=2, seed=0)
    with pytest.raises(Sim2RaceError, match=r"shape \(2, 2\)"):
        simulator.step(np.zeros((1, 2)))
    with pytest.raises(Sim2RaceError, match="finite"):
        simulator.step(np.array([[0.0, 1.0], [np.nan, 1.0]]))
