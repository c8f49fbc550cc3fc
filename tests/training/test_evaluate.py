"""`sim2race evaluate`: a policy file drives, a table and a JSON file come out."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from car.action_space import ContinuousActionSpace
from car.errors import BadFileError, Sim2RaceError, UnknownNameError
from tests.car.policies import make_metadata, save_policy
from training.evaluate import EvaluateConfig, run

CONTINUOUS = ContinuousActionSpace(math.radians(-20), math.radians(20), 0.5, 2.0)


def _config(policy: Path, json_path: Path | None = None, track: str = "trapezoid") -> EvaluateConfig:
    return EvaluateConfig(
        policy=policy, track=(track,), laps=1, max_lap_s=1.0, control_rate_hz=15.0, json=json_path
    )


@pytest.mark.parametrize("continuous", [False, True], ids=["discrete", "continuous"])
def test_the_figures_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], continuous: bool
) -> None:
    metadata = make_metadata(CONTINUOUS if continuous else None, frames=2)
    policy = save_policy(tmp_path / "policy.onnx", metadata)
    assert run(_config(policy, tmp_path / "out.json")) == 0
    printed = capsys.readouterr().out
    assert "ccw" in printed and "0/1" in printed and "0/2" in printed
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["total"]["attempted"] == 2
    assert [row["direction"] for row in written["rows"]] == ["counter-clockwise", "clockwise"]
    assert len(written["sha256"]) == 64


def test_the_greedy_gap_can_be_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    steering = {}
    for drive in ("most-probable", "expected", "sample"):
        config = replace(_config(policy, tmp_path / f"{drive}.json"), drive=drive)
        assert run(config) == 0
        written = json.loads((tmp_path / f"{drive}.json").read_text())
        assert written["drive"] == drive
        steering[drive] = written["total"]["steering_deg_per_m"]
    assert "laps by the expected command" in capsys.readouterr().out
    # Nearly undecided, it steers one way, hardly at all, or from lock to lock.
    assert steering["sample"] > 2.0 * steering["expected"]
    assert len(set(steering.values())) == 3


def test_a_race_can_be_driven_by_the_expected_command(tmp_path: Path) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    config = replace(_config(policy, tmp_path / "race.json"), drive="expected", rules="reference")
    assert run(config) == 0
    assert json.loads((tmp_path / "race.json").read_text())["drive"] == "expected"


def test_a_missing_policy_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=r"gone.onnx does not exist"):
        run(_config(tmp_path / "gone.onnx"))


def test_an_unknown_track_is_answered_with_the_nearest(tmp_path: Path) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    with pytest.raises(UnknownNameError, match="Did you mean 'forever-raceway'"):
        run(_config(policy, track="forever-racewy"))


def test_a_policy_that_wants_past_commands_gets_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = save_policy(tmp_path / "policy.onnx", make_metadata(history=3))
    assert run(_config(policy)) == 0
    assert "0/2" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    (tmp_path / "file").write_text("")
    with pytest.raises(Sim2RaceError, match="Cannot write"):
        run(_config(policy, tmp_path / "file" / "out.json"))
