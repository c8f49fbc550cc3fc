"""Loading a policy while another one drives: in the background, checked, and never for ever."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from car.action_space import ContinuousActionSpace, default_action_space
from car.clock import HeldClock
from car.policy import Policy
from car.policy_loader import LOAD_DEADLINE_S, Loaded, PolicyLoader
from tests.car.policies import make_metadata, save_policy


def wait_for(loader: PolicyLoader) -> Loaded:
    end_s = time.monotonic() + 10.0
    while (loaded := loader.take()) is None:
        assert time.monotonic() < end_s
        time.sleep(0.005)
    return loaded


def test_a_good_policy_comes_once_and_ready(tmp_path: Path) -> None:
    loader = PolicyLoader(default_action_space(), HeldClock())
    assert loader.take() is None
    assert loader.start(save_policy(tmp_path / "policy.onnx"))
    loaded = wait_for(loader)
    assert loaded.policy is not None
    assert (loaded.policy.metadata.name, loaded.problem) == ("tiny", "")
    assert loader.take() is None


@pytest.mark.parametrize("bytes_kept", [0, 100, 5000])
def test_a_damaged_file_is_refused_with_the_reason(tmp_path: Path, bytes_kept: int) -> None:
    path = save_policy(tmp_path / "policy.onnx")
    path.write_bytes(path.read_bytes()[:bytes_kept])
    loader = PolicyLoader(default_action_space(), HeldClock())
    loader.start(path)
    loaded = wait_for(loader)
    assert loaded.policy is None
    assert str(path) in loaded.problem


def test_a_policy_that_steers_by_another_table_is_refused(tmp_path: Path) -> None:
    loader = PolicyLoader(default_action_space(), HeldClock())
    loader.start(save_policy(tmp_path / "p.onnx", make_metadata(ContinuousActionSpace(-0.3, 0.3, 0.5, 2.0))))
    assert "another action space" in wait_for(loader).problem


def test_a_disk_that_does_not_answer_is_given_up_and_nothing_else_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    load = Policy.load

    def slow_load(path: Path, *, threads: int = 1) -> Policy:
        answers.wait(30.0)
        return load(path, threads=threads)

    monkeypatch.setattr(Policy, "load", slow_load)
    clock = HeldClock()
    loader = PolicyLoader(default_action_space(), clock)
    path = save_policy(tmp_path / "policy.onnx")
    assert loader.start(path)
    assert not loader.start(path)
    assert loader.take() is None
    clock.advance(LOAD_DEADLINE_S + 0.1)
    assert "not loaded within 10 s" in wait_for(loader).problem
    answers.set()
    time.sleep(0.3)
    assert loader.take() is None
