"""An exam drives as the car does, and measures what it saw."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from analysis import exam
from analysis.exam import drive_exam, exam_figures
from analysis.exam_command import ExamConfig, run
from car.action_space import ContinuousActionSpace, DiscreteActionSpace
from car.errors import Sim2RaceError, UnknownNameError
from car.policy import Policy
from sim.driving import DrivingBatch
from sim.pilot import pursue
from sim.simulator import SimConfig
from sim.track import load_track
from tests.car.policies import make_metadata, save_policy

SIM = SimConfig(
    tracks=("trapezoid-narrow",), noise="none", vary_vehicle=False, control_rate_hz=15.0, start="line"
)
CONTINUOUS = ContinuousActionSpace(math.radians(-20), math.radians(20), 0.5, 2.0)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return Policy.load(save_policy(tmp_path / "policy.onnx"))


def _drive_the_centre_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every decision be that of a driver who knows the road."""
    batches: list[DrivingBatch] = []

    def build(*arguments: Any, **options: Any) -> DrivingBatch:
        batches.append(DrivingBatch(*arguments, **options))
        return batches[-1]

    def decide(policy: Policy, observations: Any, car: int) -> npt.NDArray[np.float32]:
        space = policy.action_space
        assert isinstance(space, DiscreteActionSpace)
        wanted_rad = pursue(batches[-1].simulator, 1.0)[car, 0]
        nearest = np.abs(space.table()[:, 0] - wanted_rad).argmin()
        outputs: npt.NDArray[np.float32] = np.eye(space.size, dtype=np.float32)[nearest]
        return outputs

    monkeypatch.setattr(exam, "DrivingBatch", build)
    monkeypatch.setattr(exam, "_decide", decide)


def test_a_driver_who_knows_the_road_passes(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    _drive_the_centre_line(monkeypatch)
    attempts = drive_exam(policy, SIM, laps=2, seed=3)
    assert [one.complete for one in attempts] == [True] * 4
    assert [len(one.pictures) > 0 for one in attempts] == [True, True, False, False]
    rows = exam_figures(policy, attempts)
    assert [row["direction"] for row in rows] == ["counter-clockwise", "clockwise"]
    length_m = load_track("trapezoid-narrow").length_m
    for row in rows:
        assert (row["attempted"], row["completed"], row["off_tracks_per_lap"]) == (2, 2, 0.0)
        assert length_m / 1.3 < row["best_lap_s"] <= row["mean_lap_s"] < length_m / 0.7
        assert 0.0 <= row["weave_cm"] < 5.0 and 0.0 <= row["heading_deg"] < 10.0
        assert 0.0 < row["attention_off_track"] < 100.0
    json.dumps(rows, allow_nan=False)


def test_who_drives_straight_on_leaves_the_track_once(
    policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = np.eye(policy.metadata.action_space.size, dtype=np.float32)[0]
    monkeypatch.setattr(exam, "_decide", lambda *_: straight)
    attempts = drive_exam(policy, SIM, laps=1, seed=3)
    assert {one.status for one in attempts} == {"off_track"}
    for one in attempts:
        assert len(one.frames) == round(one.seconds * 15.0)
        assert np.isfinite(one.frames.x_m).all() and one.frames.x_m[0] != one.frames.x_m[-1]
        assert len(one.pictures) == len(one.frames)
    rows = exam_figures(policy, attempts)
    assert all(row["completed"] == 0 and row["off_tracks_per_lap"] > 1.0 for row in rows)
    assert all(row["mean_lap_s"] is None for row in rows)


@pytest.mark.parametrize("continuous", [False, True], ids=["discrete", "continuous"])
def test_the_command_prints_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], continuous: bool
) -> None:
    path = save_policy(tmp_path / "p.onnx", make_metadata(CONTINUOUS if continuous else None, frames=2))
    config = ExamConfig(
        policy=path,
        tracks=("trapezoid",),
        laps=1,
        max_lap_s=0.5,
        control_rate_hz=15.0,
        json=tmp_path / "e.json",
    )
    assert run(config) == 0
    assert "trapezoid" in capsys.readouterr().out
    written = json.loads((tmp_path / "e.json").read_text())
    assert [row["attempted"] for row in written["rows"]] == [1, 1]
    assert len(written["sha256"]) == 64


def test_the_expected_command_is_driven_if_asked_for(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    torn = np.zeros(policy.metadata.action_space.size, np.float32)
    torn[[0, -1]] = 0.6, 0.4
    monkeypatch.setattr(exam, "_decide", lambda *_: torn)
    attempt = drive_exam(policy, SIM, laps=1, seed=3, drive="expected")[0]
    np.testing.assert_allclose(attempt.frames.steering_rad, math.radians(-4.0), atol=1e-6)
    np.testing.assert_allclose(attempt.frames.speed_mps, 0.8, atol=1e-6)
    # The heat map is of an action: of the one that counted most.
    assert set(attempt.frames.action) == {0}
    assert exam_figures(policy, [attempt])[0]["attention_off_track"] is not None


def test_what_does_not_exist_is_named(policy: Policy) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'trapezoid'"):
        drive_exam(policy, SimConfig(tracks=("trapezoit",)), laps=1, seed=1)
    with pytest.raises(Sim2RaceError, match="Nothing to drive: 0 laps"):
        drive_exam(policy, SIM, laps=0, seed=1)
