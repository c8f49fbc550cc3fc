"""A policy's race by the reference's rules: penalties, a table, metrics and traces."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from car.errors import Sim2RaceError
from sim.driving import DrivingBatch
from sim.pilot import pursue
from sim.race import RULES
from sim.race_metrics import Trial
from sim.simulator import SimConfig
from tests.car.policies import save_policy
from tests.training.scripted import CHEVRON
from training import races
from training.evaluate import EvaluateConfig, run
from training.races import RaceResult, drive_races, race_table

SIM = SimConfig(tracks=("trapezoid-narrow",), noise="none", vary_vehicle=False, control_rate_hz=15.0)


def _straight_on(observations: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    return np.full(len(observations), 4)


def _race(act: Any, trials: int, trace: Path | None = None, sim: SimConfig = SIM) -> list[RaceResult]:
    rules = replace(RULES["reference"], trials=trials, max_resets=2)
    return drive_races(act, sim, rules, action_space=CHEVRON, frames=1, seed=7, trace=trace)


def test_a_driver_on_the_centre_line_races_without_a_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[DrivingBatch] = []

    def build(*arguments: Any, **options: Any) -> DrivingBatch:
        batches.append(DrivingBatch(*arguments, **options))
        return batches[-1]

    def act(observations: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        assert observations.shape == (1, 1, 120, 160)
        wanted_rad = pursue(batches[-1].simulator, 1.0)[:, :1]
        nearest: npt.NDArray[np.int64] = np.abs(CHEVRON.table()[:, 0] - wanted_rad).argmin(axis=1)
        return nearest

    monkeypatch.setattr(races, "DrivingBatch", build)
    (race,) = _race(act, trials=2, sim=replace(SIM, directions=("clockwise",)))
    assert race.direction == "clockwise"
    assert len(race.lap_times_s) == 2
    assert not race.failures
    assert race.trials[-1].end_s == pytest.approx(sum(race.lap_times_s))


def test_driving_straight_on_costs_penalties_until_the_trial_has_failed(tmp_path: Path) -> None:
    sim = replace(SIM, directions=("clockwise",))
    (race,) = _race(_straight_on, trials=1, trace=tmp_path, sim=sim)
    assert race.lap_times_s == []
    assert race.failures == {"off_track": 3}
    data = race.to_data()
    assert data["metrics"][0]["off_track_count"] == data["metrics"][0]["reset_count"] == 3
    json.dumps(data, allow_nan=False)
    folder = tmp_path / "trapezoid-narrow-clockwise"
    assert json.loads((folder / "metrics.json").read_text())["metrics"] == data["metrics"]
    with (folder / "evaluation-simtrace" / "0-iteration.csv").open(newline="") as file:
        statuses = [row["episode_status"] for row in csv.DictReader(file)]
    # Two penalties of two seconds; the third mistake ends it.
    assert statuses.count("pause") == 2 * 2 * 15
    assert statuses.count("off_track") == 3


def _trial(seconds: float, status: str = "lap_complete") -> Trial:
    return Trial(status, 100.0, start_s=0.0, end_s=seconds)


@pytest.mark.parametrize(
    ("trials", "average_s"),
    [
        ([_trial(11.0), _trial(10.0), _trial(9.0), _trial(9.5)], 9.5),
        # A trial that failed stands between laps; what is left is too short.
        ([_trial(9.0), _trial(9.0), _trial(1.0, "time_up"), _trial(9.0)], None),
        ([_trial(9.0), _trial(9.0)], None),
    ],
)
def test_the_best_average_is_of_three_laps_on_end(trials: list[Trial], average_s: float | None) -> None:
    assert RaceResult("trapezoid", "clockwise", 4, tuple(trials)).best_average_s() == average_s


def test_several_cars_race_each_for_itself() -> None:
    rules = replace(RULES["reference"], trials=1, max_resets=1)
    sim = replace(SIM, vary_vehicle=True)
    found = drive_races(_straight_on, sim, rules, action_space=CHEVRON, frames=1, seed=7, cars=3)
    assert [race.direction for race in found] == ["counter-clockwise", "clockwise"] * 3
    assert len({race.trials[-1].end_s for race in found}) > 2, "cars are drawn one by one"
    table = race_table(found, title="")
    assert [list(column.cells) for column in table.columns][2:4] == [["3", "3"], ["0/3", "0/3"]]


def test_single_laps_take_no_number_of_cars(tmp_path: Path) -> None:
    config = EvaluateConfig(policy=tmp_path / "policy.onnx", cars=2)
    with pytest.raises(Sim2RaceError, match="expected --rules reference"):
        run(config)


def test_the_command_prints_races_and_writes_figures_and_traces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    config = EvaluateConfig(
        policy=policy,
        track=("trapezoid",),
        laps=1,
        max_lap_s=1.0,
        control_rate_hz=15.0,
        rules="deepracer-for-cloud",
        json=tmp_path / "out.json",
        trace=tmp_path / "trace",
    )
    assert run(config) == 0
    printed = capsys.readouterr().out
    assert "deepracer-for-cloud" in printed and "0/1" in printed
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["rules"] == "deepracer-for-cloud"
    assert [race["metrics"][0]["episode_status"] for race in written["races"]] == ["Time Up"] * 2
    assert len(list((tmp_path / "trace").glob("*/evaluation-simtrace/0-iteration.csv"))) == 2
    with pytest.raises(Sim2RaceError, match="starts on the line"):
        run(replace(config, starts="round-robin"))


def test_single_laps_are_traced_too(tmp_path: Path) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    config = EvaluateConfig(
        policy=policy, track=("trapezoid",), laps=2, max_lap_s=0.5, control_rate_hz=15.0, trace=tmp_path / "t"
    )
    assert run(config) == 0
    with (tmp_path / "t/trapezoid-clockwise/evaluation-simtrace/0-iteration.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["episode"] for row in rows] == ["0"] * (len(rows) // 2) + ["1"] * (len(rows) // 2)
    assert rows[-1]["episode_status"] == "time_up"


def test_no_laps_are_refused() -> None:
    with pytest.raises(Sim2RaceError, match="Nothing to race: 0 laps"):
        _race(_straight_on, trials=0)
