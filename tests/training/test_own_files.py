"""A run has everything that it needs to go on in its own folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from car.policy import Policy
from sim.simulator import SimConfig
from tests.sim.test_camera import FISHEYE, ros_file
from tests.sim.test_track import circle_rows
from tests.training.tiny import STEPS_PER_UPDATE, tiny_training
from training.assembly import export_snapshot, load_config, load_school, open_run
from training.own_files import with_copies
from training.run_folder import RunFolder
from training.train import train
from training.train_config import TrainConfig

REWARD = "def reward_function(params):\n    return 1.0\n"


def _lay_out_files(folder: Path) -> None:
    for name in ("own/ring.npy", "other/ring.npy", "held.npy"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        np.save(folder / name, circle_rows())
    ros_file(folder / "lens.yaml", "equidistant", FISHEYE)
    (folder / "reward.py").write_text(REWARD)
    stages = [{"until": 0.5, "also_tracks": ["other/ring.npy"]}, {"until": 1.0}]
    (folder / "school.json").write_text(json.dumps({"stages": stages}))


def _config() -> TrainConfig:
    """Return a training whose settings name files by relative paths."""
    sim = SimConfig(
        tracks=("own/ring.npy",),
        directions=("clockwise",),
        noise="none",
        camera="lens.yaml",
        max_episode_s=1.0,
        threads=1,
        reward_file="reward.py",
    )
    return tiny_training(
        Path("runs"),
        sim=sim,
        school="school.json",
        held_out_tracks=("held.npy",),
        held_out_laps=1,
        evaluation_from_progress=0.0,
        evaluation_steps=STEPS_PER_UPDATE,
    )


def test_a_run_goes_on_elsewhere_after_the_files_it_names_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    home.mkdir()
    _lay_out_files(home)
    monkeypatch.chdir(home)
    first = train(_config(), console=Console(quiet=True))
    assert load_config(RunFolder.open(first.folder)) == _config()
    shutil.copytree(home / first.folder, away)
    shutil.rmtree(home)
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.open(Path("away"))
    for file in (folder.policy_path, folder.best_path, *folder.snapshots()[1:]):
        file.unlink()
    again = train(TrainConfig(resume=Path("away")), console=Console(quiet=True))
    assert again.steps == first.steps == 2 * STEPS_PER_UPDATE
    metadata = Policy.load(folder.policy_path).metadata
    assert metadata.tracks == ("ring", "ring")
    assert metadata.camera == "lens.yaml"
    assert export_snapshot(folder, "last", tmp_path / "last.onnx").holds


def test_what_is_changed_after_a_run_began_does_not_change_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _lay_out_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    folder, config = open_run(_config())
    Path("reward.py").write_text("broken")
    assert config.sim.reward_file is not None
    assert Path(config.sim.reward_file).read_text() == REWARD
    _, resumed = open_run(TrainConfig(resume=folder.path))
    assert resumed == config
    assert {Path(track).name for track in load_school(folder).all_tracks(config.sim)} == {"ring.npy"}
    assert len(load_school(folder).all_tracks(config.sim)) == 2


def test_a_run_from_before_there_were_copies_reads_the_files_themselves(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "old", {})
    assert with_copies(_config(), folder) == _config()


def test_a_run_that_begins_with_the_weights_of_another_keeps_them(tmp_path: Path) -> None:
    other = train(tiny_training(tmp_path / "other"), console=Console(quiet=True))
    folder, _ = open_run(tiny_training(tmp_path / "runs", start_from=other.folder))
    shutil.rmtree(other.folder)
    result = train(TrainConfig(resume=folder.path), console=Console(quiet=True))
    assert result.steps == 2 * STEPS_PER_UPDATE
