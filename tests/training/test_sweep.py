"""`sim2race sweep`: real trainings side by side, each in the folder that its settings name."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from car.errors import Sim2RaceError, UnknownNameError
from tests.training.tiny import NO_EXTRAS, tiny_training
from training import assembly, run_jobs
from training.config_file import config_to_data
from training.run_folder import RunFolder
from training.run_jobs import config_hash
from training.session import last_session
from training.sweep import SweepConfig, run, sweep_jobs


def _config(folder: Path, **changes: object) -> SweepConfig:
    base = SweepConfig(vary=("ppo.epochs=1,2",), folder=folder, jobs=2, train=tiny_training(Path("unused")))
    return replace(base, **changes)  # type: ignore[arg-type]


def test_a_sweep_trains_every_combination_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_config(tmp_path)) == 0
    assert "finished" in capsys.readouterr().out
    written = json.loads((tmp_path / "sweep.json").read_text())["runs"]
    assert [(one["settings"]["ppo.epochs"], one["state"], one["steps"]) for one in written] == [
        (1, "finished", 64),
        (2, "finished", 64),
    ]
    trained_at = [(Path(one["path"]) / "policy.onnx").stat().st_mtime_ns for one in written]
    assert run(_config(tmp_path)) == 0
    assert [(Path(one["path"]) / "policy.onnx").stat().st_mtime_ns for one in written] == trained_at


def test_seeds_make_runs_of_their_own(tmp_path: Path) -> None:
    jobs = sweep_jobs(_config(tmp_path, vary=("network=small",), seeds=3))
    assert len({job.name for job in jobs}) == 3
    seeds = [json.loads((job.folder / "config.json").read_text())["seed"] for job in jobs]
    assert seeds == [1, 2, 3]


def test_a_kill_while_a_folder_is_laid_out_leaves_no_half_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(assembly, "copy_files", die)
        with pytest.raises(RuntimeError, match="killed"):
            sweep_jobs(_config(tmp_path))
    assert not list(tmp_path.rglob("config.json"))
    assert len(sweep_jobs(_config(tmp_path))) == 2
    assert len(list(tmp_path.glob("*/config.json"))) == 2


def test_ctrl_c_stops_the_trainings_in_order_with_a_snapshot_each(tmp_path: Path) -> None:
    settings = {
        **{"max-steps": 12_800, "snapshot-steps": 32, "evaluation-from-progress": 101, "evaluation-laps": 1},
        **{"sim.tracks": "trapezoid", "sim.noise": "none", "sim.max-episode-s": 1, "ppo.cars": 4},
        **{"ppo.rollout-steps": 8, "ppo.batch-size": 32, **NO_EXTRAS},
    }
    words = ["sweep", "--folder", str(tmp_path), "--jobs", "1", "--vary", "seed=1"]
    words += [word for name, value in settings.items() for word in (f"--train.{name}", str(value))]
    sweep = subprocess.Popen([sys.executable, "-m", "sim2race", *words], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 200.0
        while not list(tmp_path.glob("*/snapshots/step-*.json")):
            assert sweep.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        (path,) = (found.parent for found in tmp_path.glob("*/snapshots"))
        assert last_session(RunFolder(path)).state == "running"
        os.kill(sweep.pid, signal.SIGINT)
        assert sweep.wait(100.0) == 130
    finally:
        sweep.kill()
    session = last_session(RunFolder(path))
    assert session.state == "stopped"
    assert RunFolder(path).snapshots()
    with pytest.raises(ProcessLookupError):
        os.kill(session.pid, 0)


def test_the_name_of_a_run_is_what_it_is_not_where_it_runs(tmp_path: Path) -> None:
    base = tiny_training(tmp_path)
    same = [replace(base, runs=Path("x"), name="y", torch_threads=7), replace(base)]
    assert {config_hash(one) for one in same} == {config_hash(base)}
    assert config_hash(replace(base, max_steps=96)) != config_hash(base)
    rewards = tmp_path / "reward.py"
    rewards.write_text("def reward_function(params):\n    return 1.0\n")
    filed = replace(base, sim=replace(base.sim, reward_file=str(rewards)))
    before = config_hash(filed)
    rewards.write_text("def reward_function(params):\n    return 2.0\n")
    assert config_hash(filed) != before


def test_what_cannot_be_swept_is_named_before_there_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    with pytest.raises(UnknownNameError, match=r"Did you mean 'ppo.epochs'"):
        sweep_jobs(_config(folder, vary=("ppo.epoch=1",)))
    with pytest.raises(UnknownNameError, match=r"Did you mean 'trapezoid'"):
        sweep_jobs(_config(folder, vary=("sim.tracks=trapezoit",)))
    with pytest.raises(Sim2RaceError, match="names a setting twice"):
        sweep_jobs(_config(folder, vary=("seed=1", "seed=2")))
    with pytest.raises(Sim2RaceError, match="seeds is 0"):
        sweep_jobs(_config(folder, seeds=0))
    assert not folder.exists()


def test_a_cluster_without_ray_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "training.cluster", raising=False)
    with pytest.raises(Sim2RaceError, match=r"pip install 'sim2race\[cluster\]'"):
        run(_config(tmp_path, address="auto"))


def test_a_setting_that_came_later_changes_a_runs_name_only_when_it_is_used() -> None:
    config = tiny_training(Path("unused"))
    older = config_to_data(config)
    del older["ppo"]["clip_range_end"], older["network_width"], older["network_pool"], older["sim"]["latency"]
    text = json.dumps(run_jobs._content(older), sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest().startswith(config_hash(config))
    assert config_hash(replace(config, ppo=replace(config.ppo, clip_range_end=0.1))) != config_hash(config)
