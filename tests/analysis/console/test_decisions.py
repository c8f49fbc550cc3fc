from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.bench_log import write_bench_log
from analysis.console.decisions import agreement, decisions, logged, signals
from analysis.heatmap_inputs import policy_inputs
from car.log_reader import CarLog, read_log
from car.policy import Policy
from tests.car.policies import make_metadata, save_policy


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> tuple[CarLog, Policy]:
    folder: Path = tmp_path_factory.mktemp("decisions")
    policy = save_policy(folder / "policy.onnx", make_metadata(history=2))
    return read_log(write_bench_log(folder, frames=80, policy=policy)), Policy.load(policy)


def test_a_policy_is_asked_about_each_frame_as_if_it_drove(driven: tuple[CarLog, Policy]) -> None:
    log, policy = driven
    rows = np.array([3, 70, -1, 3, 0])

    asked = decisions(policy, log, rows)

    observations, history = policy_inputs(policy, log, np.array([70]))
    assert history is not None
    best = int(policy.act(observations[0], history[0]).argmax())
    steering, speed = policy.action_space.table()[best]  # type: ignore[union-attr]
    assert (asked.steering_deg[1], asked.speed_mps[1]) == pytest.approx((np.rad2deg(steering), speed))
    assert np.isnan(asked.steering_deg[2]) and asked.steering_deg[0] == asked.steering_deg[3]


def test_what_was_driven_has_the_same_form_and_is_compared_where_both_are_known(
    driven: tuple[CarLog, Policy],
) -> None:
    log, policy = driven
    rows = np.array([0, 1, 2, -1])
    was = logged(log.frames, rows)

    assert was.steering_deg[1] == pytest.approx(np.rad2deg(log.frames.steering_rad[1]))
    assert np.isnan(was.speed_mps[3])
    assert agreement(was, was).startswith("The same command in 100 % of 3 moments")
    assert agreement(was, logged(log.frames, np.full(4, -1))).startswith("There is no moment")
    assert [each.title for each in signals(was, decisions(policy, log, rows))] == [
        "Steering asked",
        "Speed asked",
        "Confidence",
    ]
