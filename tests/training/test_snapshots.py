"""A snapshot holds everything, runs nothing, and a broken one is refused in one line."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from car.errors import BadFileError
from tests.training.toy import ToyVecEnv
from training.learner import Learner
from training.ppo_config import PpoConfig
from training.snapshots import TrainingState, load_snapshot, save_snapshot

STATE = TrainingState(steps=16, updates=2, seconds=1.5, entropy_weight=0.02, passes=1, best_merit=[0.5, 60.0])


def _learner(seed: int, network: str = "small") -> Learner:
    config = PpoConfig(cars=4, rollout_steps=4, batch_size=16, epochs=1)
    learner = Learner(ToyVecEnv(4), network=network, config=config, seed=seed)
    learner.begin()
    return learner


def test_a_learner_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    path = tmp_path / "step-000000016.zip"
    first = _learner(1)
    first.advance(0.0)
    save_snapshot(path, first, STATE)
    second = _learner(2)
    state = load_snapshot(path, second)
    assert state == STATE
    assert second.num_timesteps == 16
    assert second.ent_coef == 0.02
    drawn = torch.rand(3), np.random.rand(3)
    load_snapshot(path, second)
    torch.testing.assert_close(torch.rand(3), drawn[0])
    np.testing.assert_array_equal(np.random.rand(3), drawn[1])
    for mine, theirs in zip(first.policy.parameters(), second.policy.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
    moments = [learner.policy.optimizer.state_dict()["state"][0]["exp_avg"] for learner in (first, second)]
    assert moments[0].abs().sum() > 0
    torch.testing.assert_close(*moments)


def test_the_counters_can_be_read_beside_the_snapshot(tmp_path: Path) -> None:
    save_snapshot(tmp_path / "step-000000016.zip", _learner(1), STATE)
    assert json.loads((tmp_path / "step-000000016.json").read_text())["steps"] == 16


def test_a_truncated_snapshot_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "step-000000016.zip"
    learner = _learner(1)
    save_snapshot(path, learner, STATE)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFileError, match=r"step-000000016.zip is not a snapshot"):
        load_snapshot(path, learner)


def test_a_snapshot_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "step-000000016.zip"
    save_snapshot(path, _learner(1), STATE)
    with pytest.raises(BadFileError, match="not a snapshot of this run's network"):
        load_snapshot(path, _learner(1, "deepracer"))


class _Bomb:
    def __init__(self, witness: Path) -> None:
        self._witness = witness

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self._witness,)  # type: ignore[return-value]


def test_code_in_a_snapshot_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "step-000000016.zip"
    witness = tmp_path / "ran"
    torch.save({"format_version": 1, "policy": _Bomb(witness)}, path)
    with pytest.raises(BadFileError, match="not a snapshot of sim2race"):
        load_snapshot(path, _learner(1))
    assert not witness.exists()
    path.write_bytes(pickle.dumps(_Bomb(witness)))
    with pytest.raises(BadFileError, match="not a complete archive"):
        load_snapshot(path, _learner(1))
    assert not witness.exists()


def test_a_snapshot_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=r"No snapshot .*gone.zip"):
        load_snapshot(tmp_path / "gone.zip", _learner(1))


def test_for_export_the_generators_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "step-000000016.zip"
    learner = _learner(1)
    save_snapshot(path, learner, replace(STATE, entropy_weight=None))
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    load_snapshot(path, learner, for_training=False)
    torch.testing.assert_close(torch.rand(2), expected)
