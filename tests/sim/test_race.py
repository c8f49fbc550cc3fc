import numpy as np
import pytest

from sim.pilot import pursue
from sim.race import PAUSE, RULES, Race, RaceRules
from sim.race_metrics import Trial, evaluation_metrics, training_metrics
from sim.simulator import SimConfig, Simulator

SIM = SimConfig(
    tracks=("trapezoid-narrow",),
    directions=("counter-clockwise",),
    start="line",
    noise="none",
    vehicle="ideal",
    vary_vehicle=False,
    control_rate_hz=15.0,
)


def race(rules: RaceRules, *, cars: int = 1, sim: SimConfig = SIM) -> Race:
    return Race(Simulator(sim, n_cars=cars, seed=0), rules)


def drive(driven: Race, *, astray_first: bool = False) -> list[str]:
    """Race a driver that knows the road, or knows it after leaving it once; return its statuses."""
    statuses: list[str] = []
    while not driven.finished.all():
        commands = pursue(driven.simulator, 1.5)
        if astray_first and "off_track" not in statuses:
            commands[:, 0] = 0.0
        driven.step(commands)
        statuses.append(driven.statuses[0])
    return statuses


def test_laps_follow_each_other_without_a_stop() -> None:
    driven = race(RaceRules(trials=3))
    statuses = drive(driven)
    trials = driven.trials[0]
    assert [trial.status for trial in trials] == ["lap_complete"] * 3
    assert [trial.progress for trial in trials] == [100.0] * 3
    assert statuses.count("lap_complete") == 3 and PAUSE not in statuses
    # A flying lap is faster than the first, which begins at rest.
    length_m = driven.simulator.route_of(0).length_m
    assert trials[1].seconds == pytest.approx(length_m / 1.5, rel=0.05)
    assert trials[1].seconds < trials[0].seconds
    assert [trial.start_s for trial in trials[1:]] == [trial.end_s for trial in trials[:-1]]
    assert all(not trial.failures for trial in trials)


@pytest.mark.parametrize(("name", "penalty_s"), [("reference", 2.0), ("deepracer-for-cloud", 5.0)])
def test_leaving_the_track_costs_its_penalty_and_the_lap_goes_on(name: str, penalty_s: float) -> None:
    driven = race(RaceRules(trials=1, off_track_penalty_s=RULES[name].off_track_penalty_s))
    progress, poses = [], []
    statuses: list[str] = []
    while not driven.finished[0]:
        commands = pursue(driven.simulator, 1.5)
        if "off_track" not in statuses:
            commands[:, 0] = 0.0
        driven.step(commands)
        statuses.append(driven.statuses[0])
        progress.append(float(driven.simulator.places["progress"][0]))
        poses.append((float(driven.simulator.states["x_m"][0]), float(driven.simulator.states["y_m"][0])))
    off = statuses.index("off_track")
    assert statuses[off + 1 : off + 1 + round(15 * penalty_s)] == [PAUSE] * round(15 * penalty_s)
    assert statuses.count(PAUSE) == round(15 * penalty_s)
    assert len(set(poses[off : off + 10])) == 1
    np.testing.assert_allclose(progress[off : off + 10], progress[off], atol=0.5)
    # Midway between the centre line and the border, beside where it went wrong.
    _, lateral = driven.simulator.route_of(0).to_frenet(np.array([poses[off + 1]]))
    assert abs(lateral[0]) == pytest.approx(0.5 * 0.375, abs=0.01)
    (trial,) = driven.trials[0]
    assert trial.status == "lap_complete"
    assert trial.failures == {"off_track": 1}
    assert trial.seconds == pytest.approx(len(statuses) / 15)


def test_after_too_many_resets_a_trial_fails_and_the_next_begins_on_the_line() -> None:
    driven = race(RaceRules(trials=2, max_resets=0))
    statuses = drive(driven, astray_first=True)
    failed, lap = driven.trials[0]
    assert failed.status == "off_track" and failed.progress < 60.0
    assert failed.failures == {"off_track": 1}
    assert lap.status == "lap_complete" and not lap.failures
    assert statuses.count("off_track") == 1 and PAUSE not in statuses


def test_standing_still_and_going_backwards_are_counted_too() -> None:
    driven = race(RaceRules(trials=1))
    for _ in range(16):
        driven.step(np.zeros((1, 2)))
    route = driven.simulator.route_of(0)
    x_m, y_m, yaw_rad = route.pose_at(2.0)
    driven.simulator.set_pose(0, x_m, y_m, yaw_rad + np.pi)
    for _ in range(20):
        driven.step(np.array([[0.0, 1.0]]))
    assert drive(driven)[-1] == "lap_complete"
    assert driven.trials[0][0].failures == {"immobilized": 1, "reversed": 1}


def test_a_trial_that_takes_too_long_ends_the_race() -> None:
    sim = SimConfig(**{**vars(SIM), "max_episode_s": 2.0})
    driven = race(RaceRules(trials=3), sim=sim)
    assert drive(driven)[-1] == "time_up"
    (trial,) = driven.trials[0]
    assert trial.status == "time_up" and 0.0 < trial.progress < 100.0


def test_cars_race_side_by_side_and_the_finished_are_held() -> None:
    driven = race(RaceRules(trials=1), cars=2)
    while not driven.finished.all():
        commands = pursue(driven.simulator, 1.5)
        commands[1, 1] = 1.0
        driven.step(commands)
    first, second = (driven.trials[car][0].seconds for car in range(2))
    assert second == pytest.approx(1.5 * first, rel=0.05)
    driven.step(np.full((2, 2), (0.0, 1.0)))
    assert [len(trials) for trials in driven.trials] == [1, 1]


def test_metrics_files_have_the_references_keys_and_kinds() -> None:
    trials = [
        Trial("lap_complete", 100.0, 7.032, 21.3, 214.6, {"off_track": 2, "immobilized": 1}),
        Trial("off_track", 48.97, 21.3, 25.0, 31.5, {"off_track": 1}),
    ]
    evaluated = evaluation_metrics(trials)
    assert evaluated["metrics"][0] == {
        "completion_percentage": 100,
        "metric_time": 21300,
        "start_time": 7032,
        "elapsed_time_in_milliseconds": 14268,
        "episode_status": "Lap complete",
        "crash_count": 0,
        "immobilized_count": 1,
        "off_track_count": 2,
        "reversed_count": 0,
        "reset_count": 3,
        "trial": 1,
    }
    trained = training_metrics(trials, best_model_metric="reward")
    assert set(trained) == {"metrics", "version", "best_model_metric"}
    assert trained["version"] == "2.0"
    assert trained["metrics"][1] == {
        "reward_score": 32,
        "metric_time": 25000,
        "start_time": 21300,
        "elapsed_time_in_milliseconds": 3700,
        "episode": 2,
        "trial": 2,
        "phase": "training",
        "completion_percentage": 48,
        "episode_status": "Off track",
    }
