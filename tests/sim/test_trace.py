import csv
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from car.action_space import ContinuousActionSpace
from sim.driving import DrivingBatch
from sim.pilot import pursue
from sim.race import Race, RaceRules
from sim.replay_commands import replay_commands
from sim.simulator import SimConfig, Simulator
from sim.trace import COLUMNS, TraceRecorder, TraceRow, trace_csv
from sim.vehicle_parameters import VEHICLES

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "simtrace"
SIM = SimConfig(
    tracks=("trapezoid-narrow",),
    directions=("counter-clockwise",),
    start="line",
    noise="none",
    vary_vehicle=False,
    control_rate_hz=15.0,
)
ROW = TraceRow(
    episode=3, steps=2.0, x=3.19988783, y=0.68310260, yaw=0.18270690, steer=-20.0, throttle=1.0, action="2",
    reward=0.5, done=False, all_wheels_on_track=True, progress=0.79142681, closest_waypoint=1,
    track_len=17.709159380834848, tstamp=7.032, episode_status="in_progress", pause_duration=0.0,
    obstacle_crash_counter=0, wall_clock=1785438187.5678,
)  # fmt: skip


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def record(sim: SimConfig, folder: Path, *, episodes: int = 1) -> list[Path]:
    """Drive one car straight on until it has left the track a few times, and write its trace."""
    batch = DrivingBatch(sim, n_cars=1, seed=0)
    batch.recorder = TraceRecorder(batch.simulator)
    for _ in range(episodes):
        ended = False
        while not ended:
            _, _, terminated, truncated = batch.step(np.array([4]))
            ended = bool(terminated[0] or truncated[0])
        batch.restart(np.array([0]))
    return batch.recorder.write(folder)


def test_the_log_line_is_printed_as_the_reference_prints_it() -> None:
    assert ROW.log_line() == (
        "SIM_TRACE_LOG:3,2,3.1999,0.6831,0.1827,-20.00,1.00,2,0.5000,False,True,0.7914,1,17.71,7.032,"
        "in_progress,0.00,0,1785438187.5678"
    )


def test_header_and_values_are_written_as_the_reference_writes_them() -> None:
    header, line, _ = trace_csv([ROW]).split("\n")
    assert header == ",".join(COLUMNS)
    assert line == (
        "3,2.0,3.19988783,0.6831026,0.1827069,-20.0,1.0,2,0.5,False,True,0.79142681,1,17.709159380834848,7.032,"
        "in_progress,0.0,0,1785438187.5678"
    )


def test_columns_and_number_formats_are_those_of_recorded_traces(tmp_path: Path) -> None:
    traces = sorted(REFERENCE.glob("*.csv"))
    if not traces:
        pytest.skip("no recorded drives beside this checkout")
    (path,) = record(SIM, tmp_path)
    ours = read(path)
    kinds = (r"-?\d+", r"-?\d+\.\d+(e-\d+)?", r"True|False", r"[a-z_]+")
    for trace in traces:
        theirs = read(trace)
        # Later versions have added two columns at the end.
        assert tuple(ours[0])[:17] == tuple(theirs[0])
        for column in tuple(theirs[0]):
            # A finished lap's progress has no decimals there.
            for text in {row[column] for row in theirs} - {"100"}:
                kind = next(kind for kind in kinds if re.fullmatch(kind, text))
                assert re.fullmatch(kind, ours[5][column]), column
                break


def test_rows_hold_the_pose_and_the_command_that_acts_from_there(tmp_path: Path) -> None:
    batch = DrivingBatch(SIM, n_cars=1, seed=0)
    batch.recorder = TraceRecorder(batch.simulator)
    poses, rewards = [batch.simulator.reward_params().of(0)], [0.0]
    actions = [0, 8, 2, 4, 4, 4] + [0] * 40
    for action in actions:
        _, earned, terminated, _ = batch.step(np.array([action]))
        poses.append(batch.simulator.reward_params().of(0))
        rewards.append(float(earned[0]))
        if terminated[0]:
            break
    (path,) = batch.recorder.write(tmp_path)
    assert path == tmp_path / "trapezoid-narrow-counter-clockwise/evaluation-simtrace/0-iteration.csv"
    rows = read(path)
    assert len(rows) == len(poses)
    for number, (row, pose, reward) in enumerate(zip(rows, poses, rewards, strict=True)):
        assert float(row["X"]) == pose["x"] and float(row["Y"]) == pose["y"]
        assert float(row["yaw"]) == pytest.approx(pose["heading"])
        assert float(row["progress"]) == pose["progress"]
        assert float(row["steps"]) == number + 1 == pose["steps"]
        assert float(row["reward"]) == reward
        assert row["all_wheels_on_track"] == str(pose["all_wheels_on_track"])
        assert float(row["tstamp"]) == pytest.approx(number / 15, abs=1e-6)
    driven = [int(row["action"]) for row in rows]
    assert driven[:-1] == actions[: len(rows) - 1]
    angles = np.degrees(batch.commands(np.array(driven))[:, 0])
    assert [float(row["steer"]) for row in rows] == np.round(angles, 4).tolist()
    statuses = [row["episode_status"] for row in rows]
    assert statuses[0] == "prepare" and statuses[-1] == "off_track"
    assert set(statuses[1:-1]) == {"in_progress"}
    assert [row["done"] for row in rows] == ["False"] * (len(rows) - 1) + ["True"]


def test_episodes_follow_each_other_on_one_clock_with_metrics_beside_them(tmp_path: Path) -> None:
    (path,) = record(SIM, tmp_path, episodes=3)
    rows = read(path)
    assert sorted({int(row["episode"]) for row in rows}) == [0, 1, 2]
    times = [float(row["tstamp"]) for row in rows]
    assert all(later >= earlier for earlier, later in pairwise(times))
    metrics = json.loads((path.parents[1] / "metrics.json").read_text())["metrics"]
    assert [trial["trial"] for trial in metrics] == [1, 2, 3]
    assert {trial["episode_status"] for trial in metrics} == {"Off track"}
    for number, trial in enumerate(metrics):
        own = [row for row in rows if int(row["episode"]) == number]
        assert trial["completion_percentage"] == int(float(own[-1]["progress"]))
        seconds = float(own[-1]["tstamp"]) - float(own[0]["tstamp"])
        assert trial["elapsed_time_in_milliseconds"] == pytest.approx(1000 * seconds, abs=1)
        assert (trial["off_track_count"], trial["reset_count"]) == (1, 1)


def test_every_direction_has_its_folder_and_a_random_tracks_name_can_be_one(tmp_path: Path) -> None:
    sim = replace(SIM, tracks=("random:seed=3,length=12",), directions=("counter-clockwise", "clockwise"))
    paths = record(sim, tmp_path, episodes=2)
    assert [path.parents[1].name for path in paths] == [
        "random-seed-3-length-12-counter-clockwise",
        "random-seed-3-length-12-clockwise",
    ]


def test_continuous_actions_are_written_as_their_commands(tmp_path: Path) -> None:
    space = ContinuousActionSpace(
        steering_low_rad=-0.3, steering_high_rad=0.3, speed_low_mps=1.0, speed_high_mps=2.0
    )
    batch = DrivingBatch(replace(SIM, max_episode_s=0.2), n_cars=1, seed=0, action_space=space)
    batch.recorder = TraceRecorder(batch.simulator)
    for _ in range(3):
        batch.step(np.array([[0.0, 0.5]]))
    (path,) = batch.recorder.write(tmp_path, phase="training", iteration=4)
    assert path.name == "4-iteration.csv" and path.parent.name == "training-simtrace"
    assert read(path)[0]["action"] == "[0.0000 1.7500]"
    assert json.loads((path.parents[1] / "metrics.json").read_text())["metrics"][0]["phase"] == "training"


def test_a_race_is_one_drive_of_many_laps_with_its_pauses(tmp_path: Path) -> None:
    simulator = Simulator(SIM, n_cars=1, seed=0)
    race = Race(simulator, RaceRules(trials=2, off_track_penalty_s=0.4))
    recorder = TraceRecorder(simulator, race)
    step = 0
    while not race.finished[0]:
        commands = pursue(simulator, 1.2)
        commands[:, 0] *= step > 40
        race.step(commands)
        recorder.record(np.array([0]), np.array([0]))
        step += 1
    (path,) = recorder.write(tmp_path)
    rows = read(path)
    assert [row["episode_status"] for row in rows].count("pause") == 6
    off = next(row for row in rows if row["episode_status"] == "off_track")
    assert float(off["pause_duration"]) == pytest.approx(0.4)
    ends = [row for row in rows if row["episode_status"] == "lap_complete"]
    assert [(row["episode"], row["progress"], row["done"]) for row in ends] == [
        ("0", "100.0", "False"),
        ("1", "100.0", "True"),
    ]
    first, second = json.loads((path.parents[1] / "metrics.json").read_text())["metrics"]
    assert (first["off_track_count"], second["off_track_count"]) == (1, 0)
    assert second["start_time"] == first["metric_time"]


def test_our_traces_can_be_replayed_as_recorded_ones_are(tmp_path: Path) -> None:
    simulator = Simulator(replace(SIM, vehicle="aws-v4"), n_cars=1, seed=0)
    recorder = TraceRecorder(simulator)
    while int(simulator.places["status"][0]) == 0:
        simulator.step(pursue(simulator, 1.2))
        recorder.record(np.array([0]), np.array([0]))
    (path,) = recorder.write(tmp_path)
    replay = replay_commands(path, VEHICLES["aws-v4"][0])
    assert replay.yaw_rate_r2 > 0.95
    assert replay.speed_error < 0.03
