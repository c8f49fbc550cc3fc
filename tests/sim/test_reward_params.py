import csv
import math
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.pilot import pursue
from sim.reward_params import BEFORE_THE_LAP, MODEL_POINT_M, Waypoints, reference_progress
from sim.simulator import SimConfig, Simulator
from sim.track import load_track

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
RADIUS_M, POINTS = 2.0, 40
KEYS = {
    *("all_wheels_on_track", "x", "y", "heading", "distance_from_center", "projection_distance", "progress"),
    *("steps", "speed", "steering_angle", "track_width", "track_length", "waypoints", "closest_waypoints"),
    *("is_left_of_center", "is_reversed", "is_crashed", "is_offtrack", "sim_time", "closest_objects"),
    *("objects_location", "objects_left_of_center", "object_in_camera", "objects_speed", "objects_heading"),
    *("objects_distance_from_center", "objects_distance"),
}


@pytest.fixture
def ring(tmp_path: Path) -> str:
    """Write a round route file of radius 2 m, 0.3 m to the inner and 0.4 m to the outer border."""
    angle = np.linspace(0.0, 2 * np.pi, POINTS + 1)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    np.save(tmp_path / "ring.npy", np.hstack([RADIUS_M * unit, 1.7 * unit, 2.4 * unit]))
    return str(tmp_path / "ring.npy")


def one_car(track: str, direction: str = "counter-clockwise") -> Simulator:
    config = SimConfig(tracks=(track,), directions=(direction,), start="line", vehicle="ideal", noise="none")
    return Simulator(config, n_cars=1, seed=0)


def params_at(simulator: Simulator, x_m: float, y_m: float, yaw_rad: float) -> dict[str, Any]:
    params = simulator.reward_params()
    simulator.places["steps"] = 1
    simulator.set_pose(0, x_m, y_m, yaw_rad)
    params.update(0.0)
    return params.of(0)


def test_every_key_is_there_and_the_first_row_is_the_start(ring: str) -> None:
    params = one_car(ring).reward_params().of(0)
    assert set(params) == KEYS
    assert {type(value) for value in params.values()} == {bool, int, float, list}
    assert (params["x"], params["y"]) == pytest.approx((RADIUS_M, MODEL_POINT_M))
    assert params["heading"] == pytest.approx(90.0)
    assert params["progress"] == pytest.approx(100 * MODEL_POINT_M / (4 * math.pi), rel=0.01)
    assert params["steps"] == 1
    assert params["track_width"] == pytest.approx(0.7)
    assert params["track_length"] == pytest.approx(4 * math.pi, rel=1e-4)
    assert params["closest_objects"] == [0, 0] and params["objects_location"] == []


def test_the_distances_are_those_of_the_point_ahead(ring: str) -> None:
    simulator = one_car(ring)
    # Standing at (2.1, 0) and looking outwards, the point ahead is at (2.24, 0).
    params = params_at(simulator, RADIUS_M + 0.1, 0.0, 0.0)
    assert params["distance_from_center"] == pytest.approx(0.1 + MODEL_POINT_M, abs=1e-4)
    assert params["heading"] == 0.0
    assert not params["is_left_of_center"]
    # Nearer to the inner border than to the outer one, though still outside the centre line.
    assert params_at(simulator, RADIUS_M + 0.04, 0.0, math.pi / 2)["is_left_of_center"]
    assert params_at(simulator, RADIUS_M - 0.04, 0.0, -math.pi / 2)["heading"] == pytest.approx(-90.0)


def test_a_wheel_on_the_line_is_on_the_track_and_one_beyond_is_not(ring: str) -> None:
    simulator = one_car(ring)
    # The outer wheels are 0.08 m out and the front ones 0.082 m along: at 2.4 m they are on the edge.
    edge_m = math.sqrt(2.4**2 - 0.082**2) - 0.08
    for offset_m, expected in ((-0.005, (True, False)), (0.005, (False, False)), (0.2, (False, True))):
        params = params_at(simulator, edge_m + offset_m, 0.0, math.pi / 2)
        assert (params["all_wheels_on_track"], params["is_offtrack"]) == expected


def test_speed_and_steering_are_the_commands(ring: str) -> None:
    simulator = one_car(ring)
    simulator.reward_params()
    for step in range(3):
        simulator.step(np.array([[math.radians(-12.5), 0.9]]))
        params = simulator.reward_params().of(0)
        assert params["steering_angle"] == pytest.approx(-12.5)
        assert params["speed"] == 0.9
        assert params["steps"] == step + 2
        assert params["sim_time"] == pytest.approx((step + 1) / 30)


@pytest.mark.parametrize("direction", ["counter-clockwise", "clockwise"])
def test_waypoints_are_the_files_rows_in_the_order_of_driving(ring: str, direction: str) -> None:
    rows = np.load(ring)[:, :2]
    params = one_car(ring, direction).reward_params().of(0)
    assert params["is_reversed"] == (direction == "clockwise")
    expected = rows[::-1] if params["is_reversed"] else rows
    np.testing.assert_allclose(params["waypoints"], expected, atol=1e-9)
    assert len(params["waypoints"]) == POINTS + 1
    assert params["closest_waypoints"] == [0, 1]
    params["waypoints"].clear()
    assert len(one_car(ring, direction).reward_params().of(0)["waypoints"]) == POINTS + 1


def test_a_file_that_runs_clockwise_is_reversed_when_driven_counter_clockwise(
    ring: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "back.npy", np.load(ring)[::-1])
    for direction, reverse in (("clockwise", False), ("counter-clockwise", True)):
        params = one_car(str(tmp_path / "back.npy"), direction).reward_params().of(0)
        assert params["is_reversed"] == reverse
        np.testing.assert_allclose(params["waypoints"][0], (RADIUS_M, 0.0), atol=1e-9)
        # The inner border is on the right of a clockwise lap.
        assert params["is_left_of_center"] == (direction == "counter-clockwise")


def test_closest_waypoints_lie_behind_and_ahead_all_round_the_lap(ring: str) -> None:
    waypoints = Waypoints(load_track(ring))
    length_m = 4 * math.pi
    for index in range(POINTS):
        inside = (index + 0.5) * length_m / POINTS
        assert waypoints.around(inside) == (index, index + 1)
    assert waypoints.around(length_m) == (POINTS - 1, POINTS)
    built_in = Waypoints(load_track("trapezoid")).points
    gaps = np.linalg.norm(np.diff(built_in, axis=0), axis=1)
    assert gaps == pytest.approx(0.2, abs=0.02)
    assert built_in[0] == built_in[-1]


@pytest.mark.parametrize(
    ("share", "before", "progress"),
    [(0.2, 19.0, 20.0), (-0.001, 0.0, -0.1), (-0.1, 85.0, 90.0), (0.004, 99.8, 100.4), (-0.005, 0.3, -0.5)],
)
def test_progress_passes_the_start_line_both_ways(share: float, before: float, progress: float) -> None:
    assert reference_progress(share, before) == pytest.approx(progress)


def test_progress_rises_to_100_on_the_step_that_completes_the_lap(ring: str) -> None:
    simulator = one_car(ring, "clockwise")
    params = simulator.reward_params()
    progress = []
    while int(simulator.places["status"][0]) == 0:
        simulator.step(pursue(simulator, 2.0))
        progress.append(params.of(0)["progress"])
    assert progress[-1] == 100.0
    assert max(progress[:-1]) <= BEFORE_THE_LAP
    assert np.all(np.diff(progress) >= 0.0)
    simulator.reset()
    assert params.of(0)["progress"] == pytest.approx(100 * MODEL_POINT_M / (4 * math.pi), rel=0.01)


def _at_recorded_pose(simulator: Simulator, row: dict[str, str]) -> dict[str, Any]:
    yaw_rad = math.radians(float(row["yaw"]))
    x_m = float(row["X"]) - MODEL_POINT_M * math.cos(yaw_rad)
    y_m = float(row["Y"]) - MODEL_POINT_M * math.sin(yaw_rad)
    simulator.places["status"] = row["episode_status"] == "lap_complete"
    return params_at(simulator, x_m, y_m, yaw_rad)


def test_recorded_poses_have_the_recorded_params() -> None:
    traces = sorted((REFERENCE / "simtrace").glob("aws-v4-training-*.csv"))
    if not traces:
        pytest.skip("no recorded drives beside this checkout")
    simulator = one_car(str(REFERENCE / "tracks" / "reinvent_base.npy"))
    waypoints = simulator.reward_params().waypoints[0]
    wheels_differ, errors = 0, []
    for trace in traces:
        with trace.open(newline="") as file:
            for _, group in groupby(csv.DictReader(file), key=lambda row: row["episode"]):
                first, *rows = group
                _at_recorded_pose(simulator, first)
                simulator.reward_params().begin(np.array([0]))
                for row in rows:
                    params = _at_recorded_pose(simulator, row)
                    nearest = waypoints.nearest(params["projection_distance"], params["x"], params["y"])
                    assert nearest == int(row["closest_waypoint"])
                    wheels_differ += str(params["all_wheels_on_track"]) != row["all_wheels_on_track"]
                    errors.append(params["progress"] - float(row["progress"]))
    assert len(errors) > 3000
    # The reference projects on the chords between the waypoints, we on the curve through them.
    assert np.abs(errors).max() < 0.4
    assert np.abs(errors).mean() < 0.05
    assert wheels_differ < 0.003 * len(errors)
