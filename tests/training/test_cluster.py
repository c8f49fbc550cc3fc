"""Jobs on a Ray cluster of this machine; only where `sim2race[cluster]` is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.tiny import tiny_training
from training.run_folder import RunFolder
from training.session import last_session
from training.sweep import SweepConfig, run

pytest.importorskip("ray", reason="needs the extra 'cluster'")


def test_a_sweep_on_a_cluster_leaves_the_folders_here(tmp_path: Path) -> None:
    config = SweepConfig(
        vary=("seed=1,2",), folder=tmp_path, jobs=2, address="local", train=tiny_training(Path("unused"))
    )
    assert run(config) == 0
    runs = json.loads((tmp_path / "sweep.json").read_text())["runs"]
    assert [(one["state"], one["steps"]) for one in runs] == [("finished", 64)] * 2
    for one in runs:
        folder = RunFolder(Path(one["path"]))
        assert folder.policy_path.is_file() and folder.snapshots() and folder.metrics()
        assert last_session(folder).pid > 0
    assert run(config) == 0
