"""The learner learns, keeps its entropy up, and says what happened."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from car.errors import Sim2RaceError
from tests.training.toy import ToyVecEnv
from training import learner as learner_module
from training.learner import EntropyControl, Learner
from training.losses import PpoLosses, ppo_losses
from training.ppo_config import PpoConfig


@pytest.mark.parametrize("continuous", [False, True], ids=["discrete", "continuous"])
def test_it_learns_to_do_what_the_picture_says(continuous: bool) -> None:
    config = PpoConfig(cars=8, rollout_steps=16, batch_size=32, epochs=2, learning_rate=2e-3)
    learner = Learner(ToyVecEnv(8, continuous=continuous), network="small", config=config, seed=1)
    learner.begin()
    first = learner.advance(0.0)
    for _ in range(11):
        last = learner.advance(0.0)
    assert last.reward > first.reward + 1.0
    assert last.steps == 12 * 8 * 16
    assert last.rollout_steps == 128


def test_it_leaves_nothing_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    config = PpoConfig(cars=4, rollout_steps=2, batch_size=8)
    learner = Learner(ToyVecEnv(4), network="small", config=config, seed=1)
    learner.begin()
    learner.advance(0.0)
    assert not list(tmp_path.iterdir())


def test_greedy_actions_are_within_bounds() -> None:
    env = ToyVecEnv(4, continuous=True)
    config = PpoConfig(cars=4, rollout_steps=2, batch_size=8)
    learner = Learner(env, network="small", config=config, seed=1)
    learner.action_head.bias.data.fill_(3.0)
    np.testing.assert_array_equal(learner.act_greedily(env.reset()), np.ones((4, 2)))


def test_the_entropy_weight_rises_below_the_floor_up_to_its_limit_and_comes_back() -> None:
    config = PpoConfig(entropy_weight=0.01, entropy_floor=0.5, entropy_weight_limit=0.03)
    control = EntropyControl(config)
    weights = [control.update(0.4, 0.0) for _ in range(20)]
    assert weights[0] > 0.01
    assert weights == sorted(weights)
    assert weights[-1] == 0.03
    for _ in range(100):
        control.update(0.6, 0.0)
    assert control.weight == pytest.approx(0.01)


@pytest.mark.parametrize(("end", "expected"), [(None, [0.2, 0.2, 0.2]), (0.1, [0.2, 0.15, 0.1])])
def test_the_clip_range_falls_in_a_straight_line_if_it_is_to(
    end: float | None, expected: list[float]
) -> None:
    config = PpoConfig(cars=4, rollout_steps=2, batch_size=8, clip_range=0.2, clip_range_end=end)
    learner = Learner(ToyVecEnv(4), network="small", config=config, seed=1)
    learner.begin()
    ranges = [learner.advance(progress).clip_range for progress in (0.0, 0.5, 1.0)]
    assert ranges == pytest.approx(expected)


def test_a_clip_range_that_allows_nothing_is_refused() -> None:
    with pytest.raises(Sim2RaceError, match=r"ppo.clip_range_end is 0.0; expected more than 0"):
        PpoConfig(clip_range_end=0.0)


def test_an_update_learns_within_the_clip_range_of_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[float] = []

    def note(*arguments: Any, clip_range: float) -> PpoLosses:
        used.append(clip_range)
        return ppo_losses(*arguments, clip_range=clip_range)

    monkeypatch.setattr(learner_module, "ppo_losses", note)
    config = PpoConfig(cars=4, rollout_steps=2, batch_size=8, epochs=1, clip_range_end=0.1)
    learner = Learner(ToyVecEnv(4), network="small", config=config, seed=1)
    learner.begin()
    learner.advance(0.75)
    assert used == [pytest.approx(0.125)]


def test_entropy_is_let_go_at_the_end() -> None:
    control = EntropyControl(PpoConfig(entropy_weight=0.01, entropy_floor=0.5, entropy_release=0.5))
    assert control.floor(0.5) == 0.5
    assert control.floor(0.75) == pytest.approx(0.25)
    assert control.floor(1.0) == 0.0
    for _ in range(100):
        control.update(0.3, 1.0)
    assert control.weight < 1e-3


def test_a_batch_that_does_not_divide_the_rollout_is_refused() -> None:
    with pytest.raises(
        Sim2RaceError, match=r"batch_size 500 does not divide a rollout of 32 cars x 128 steps"
    ):
        PpoConfig(batch_size=500)
