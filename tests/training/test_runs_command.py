"""`sim2race runs`: runs side by side, from their folders alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from car.errors import BadFileError
from tests.training.tiny import tiny_training
from training.config_file import config_to_data
from training.run_folder import RunFolder
from training.run_overview import differing_settings, overview
from training.runs_command import RunsConfig, duration, run
from training.session import training_session
from training.train import train


def test_a_finished_training_shows_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = train(tiny_training(tmp_path, name="first"), console=Console(quiet=True))
    other = RunFolder.create(tmp_path, "other", config_to_data(tiny_training(tmp_path, network="deepracer")))
    assert run(RunsConfig(folder=tmp_path, json=True)) == 0
    (first, second) = json.loads(capsys.readouterr().out)
    assert (first["path"], first["state"], first["steps"]) == (str(result.folder), "finished", 64)
    assert first["reason"] == "Spent its 64 steps."
    assert first["greedy_lap_share"] == 0.0
    assert first["exploring_lap_share"] == result.history[-1]["lap_share"]
    assert first["entropy"] == pytest.approx(result.history[-1]["entropy"])
    assert first["settings"]["ppo.cars"] == 4
    assert (second["state"], second["steps"], second["greedy_lap_share"]) == ("waiting", 0, None)
    assert run(RunsConfig(folder=tmp_path)) == 0
    printed = capsys.readouterr().out
    assert "finished" in printed and "waiting" in printed and "0%" in printed
    assert "network=deepracer" in printed
    assert run(RunsConfig(folder=other.path)) == 0
    assert "differ" not in capsys.readouterr().out


def test_only_settings_that_differ_are_named(tmp_path: Path) -> None:
    configs = [tiny_training(tmp_path, seed=seed, torch_threads=seed) for seed in (1, 2)]
    runs = [overview(RunFolder.create(tmp_path, "run", config_to_data(config))) for config in configs]
    assert differing_settings(runs) == ["seed"]
    assert differing_settings(runs[:1]) == []


def test_a_diverged_run_is_printed_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder.create(tmp_path, "run", config_to_data(tiny_training(tmp_path)))
    with pytest.raises(BadFileError), training_session(folder):
        raise BadFileError("Training diverged after 8 steps: not finite.")
    assert run(RunsConfig(folder=tmp_path)) == 0
    assert f"{folder.path.name}: Training diverged after 8 steps" in capsys.readouterr().out


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="No training runs in"):
        run(RunsConfig(folder=tmp_path))


def test_times_are_written_as_on_a_clock() -> None:
    assert [duration(seconds) for seconds in (7.4, 67.0, 3_661.0)] == ["0:07", "1:07", "1:01:01"]
