from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.heatmap import RUNNER_UP, frame_maps, heatmaps
from analysis.heatmap_checks import completeness, randomised_head, run_checks, shuffled_head
from analysis.heatmap_inputs import stacked_observations
from car.action_space import ContinuousActionSpace
from car.errors import Sim2RaceError
from car.log_reader import CarLog, read_log
from car.policy import Explanation, Policy
from tests.car.logs import write_synthetic_log
from tests.car.policies import make_metadata, save_policy


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return Policy.load(save_policy(tmp_path_factory.mktemp("policy") / "policy.onnx"))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, policy: Policy) -> CarLog:
    return read_log(write_synthetic_log(tmp_path_factory.mktemp("logs"), frames=24, policy=policy.path))


def test_a_sound_policy_on_its_own_log_passes(policy: Policy, log: CarLog) -> None:
    complete, agrees, head = run_checks(policy, log)

    assert complete.passed and agrees.passed
    assert "24 of 24" in agrees.text
    assert head.passed is not None and "correlate" in head.text


def test_another_policy_than_the_one_that_drove_does_not_agree(log: CarLog, tmp_path: Path) -> None:
    other = Policy.load(save_policy(tmp_path / "policy.onnx", make_metadata(seed=9)))

    (_, agrees, _) = run_checks(other, log)

    assert agrees.passed is False


def test_maps_that_do_not_add_up_fail() -> None:
    one = np.ones((1, 3), np.float32)
    explained = Explanation(one, one, np.ones((1, 2, 2), np.float32), one[:, 0], one[:, :1, None])

    assert completeness(explained, np.zeros(1, np.int64)).passed is False


def test_maps_that_do_not_change_with_the_head_fail() -> None:
    maps = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)

    assert randomised_head(maps, maps * 2).passed is False
    assert randomised_head(maps, np.roll(maps, 1, axis=2)).passed is True
    assert randomised_head(maps, None).passed is None
    assert randomised_head(maps * 0, maps).passed is None


def test_a_shuffled_head_changes_the_logits_and_nothing_before_them(policy: Policy, tmp_path: Path) -> None:
    content = policy.path.read_bytes()
    shuffled = shuffled_head(content, 1)

    assert shuffled is not None and len(shuffled) == len(content) and shuffled != content
    assert shuffled_head(b"", 1) is None
    (tmp_path / "policy.onnx").write_bytes(shuffled)
    Policy.load(tmp_path / "policy.onnx")


def test_why_not_the_runner_up_is_the_map_of_the_difference_of_the_logits(
    policy: Policy, log: CarLog
) -> None:
    rows = np.array([4, 11])
    observations = stacked_observations(log, rows, 1)
    executed = log.frames.action[rows]
    logits = policy.explain(observations, executed).logits
    second = np.argsort(logits, axis=1)[:, -2]

    found = frame_maps(policy, log, rows, target=RUNNER_UP)

    expected = heatmaps(policy, observations, executed) - heatmaps(policy, observations, second)
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_continuous_policy_has_no_runner_up(log: CarLog, tmp_path: Path) -> None:
    space = ContinuousActionSpace(-0.3, 0.3, 0.5, 2.0)
    continuous = Policy.load(save_policy(tmp_path / "policy.onnx", make_metadata(space)))

    with pytest.raises(Sim2RaceError, match="runner-up"):
        frame_maps(continuous, log, np.array([0]), target=RUNNER_UP)
