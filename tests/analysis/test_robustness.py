from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from analysis.disturbance import KINDS, Disturbance, Lamp, disturbed
from analysis.robust_command import RobustConfig, run
from analysis.robustness import answer, spread_frames, sweep
from car.action_space import ContinuousActionSpace
from car.errors import Sim2RaceError, UnknownNameError
from car.log_reader import CarLog, read_log
from car.policy import Policy
from car.preprocess import observation
from tests.car.logs import write_synthetic_log
from tests.car.policies import make_metadata, save_policy


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return Policy.load(save_policy(tmp_path_factory.mktemp("policy") / "policy.onnx"))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, policy: Policy) -> CarLog:
    return read_log(write_synthetic_log(tmp_path_factory.mktemp("logs"), frames=24, policy=policy.path))


def grey(value: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((120, 160, 3), value, np.uint8)


def test_nothing_leaves_the_picture_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)

    assert np.array_equal(disturbed(picture, Disturbance()), picture)


def test_a_stop_doubles_and_a_negative_one_halves() -> None:
    assert (disturbed(grey(60), Disturbance(brightness=1.0)) == 120).all()
    assert (disturbed(grey(60), Disturbance(brightness=-1.0)) == 30).all()
    assert (disturbed(grey(200), Disturbance(brightness=1.0)) == 255).all()


def test_contrast_keeps_the_mean_and_shrinks_the_rest() -> None:
    picture = grey(100)
    picture[:60] = 140

    flat = disturbed(picture, Disturbance(contrast=0.5))

    assert (flat[:60] == 130).all() and (flat[60:] == 110).all()


def test_noise_has_the_strength_that_was_asked_for_and_is_the_same_for_the_same_seed() -> None:
    noisy = disturbed(grey(128), Disturbance(noise=20.0), seed=3)

    assert noisy.astype(float).std() == pytest.approx(20.0, rel=0.03)
    assert np.array_equal(noisy, disturbed(grey(128), Disturbance(noise=20.0), seed=3))
    assert not np.array_equal(noisy, disturbed(grey(128), Disturbance(noise=20.0), seed=4))


def test_a_lamp_is_white_where_it_stands_glows_around_and_leaves_the_rest() -> None:
    lit = disturbed(grey(80), Disturbance(lamp=Lamp(x_px=40, y_px=30, size_px=6)))

    assert (lit[30, 40] == 255).all() and (lit[30, 45] == 255).all()
    assert 80 < lit[30, 52, 0] < 255
    assert (lit[30, 60:] == 80).all() and (lit[60:] == 80).all()


def test_an_answer_is_what_the_policy_says_about_the_disturbed_picture(policy: Policy, log: CarLog) -> None:
    dark = Disturbance(brightness=-3.0)

    found = answer(policy, log, 7, dark)

    direct = policy.act(observation(disturbed(log.image(7), dark))[None])
    assert found.after.outputs == pytest.approx(direct, abs=1e-5)
    assert found.before.action == log.frames.action[7]
    assert found.changed == (found.after.action != found.before.action)
    table = policy.action_space.table()  # type: ignore[union-attr]
    assert found.after.steering_deg == pytest.approx(np.rad2deg(table[found.after.action, 0]), abs=1e-4)


def test_an_undisturbed_frame_never_changes_its_action(policy: Policy, log: CarLog) -> None:
    assert not any(answer(policy, log, i, Disturbance()).changed for i in range(6))


def test_a_sweep_counts_frames_and_says_where_each_tips(policy: Policy, log: CarLog) -> None:
    rows = spread_frames(log, 8)

    found = sweep(policy, log, rows, "darker")

    assert found.strengths == KINDS["darker"].strengths
    for place, strength in enumerate(found.strengths):
        answers = [
            answer(policy, log, int(row), Disturbance(brightness=-strength), seed=number)
            for number, row in enumerate(rows)
        ]
        assert found.changed_share[place] == pytest.approx(np.mean([one.changed for one in answers]))
        turned = [abs(one.after.steering_deg - one.before.steering_deg) for one in answers]
        assert found.steering_change_deg[place] == pytest.approx(np.mean(turned), abs=1e-4)
    tipped = [value for value in found.tipping if math.isfinite(value)]
    assert set(tipped) <= set(found.strengths)
    assert len(found.tipping) == len(rows)


def test_a_continuous_policy_with_memory_is_disturbed_too(tmp_path: Path, log: CarLog) -> None:
    space = ContinuousActionSpace(-0.35, 0.35, 0.5, 1.5)
    path = save_policy(tmp_path / "policy.onnx", make_metadata(space, frames=2, history=3))

    found = sweep(Policy.load(path), log, np.arange(4), "lamp", lamp=Lamp(20, 20))

    assert len(found.changed_share) == len(KINDS["lamp"].strengths)
    assert answer(Policy.load(path), log, 3, Disturbance(noise=30.0)).before.action == -1


def test_an_unknown_disturbance_names_the_nearest(policy: Policy, log: CarLog) -> None:
    with pytest.raises(UnknownNameError, match="'blur'"):
        sweep(policy, log, np.arange(2), "blurr")


def test_the_command_prints_a_table_and_writes_picture_and_figures(
    log: CarLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = RobustConfig(
        log.path, kinds=("blur", "lamp"), frames=4, picture=tmp_path / "r.png", json=tmp_path / "r.json"
    )

    assert run(config) == 0

    printed = capsys.readouterr().out
    assert "Blur" in printed and "Lamp" in printed and "Half tip at" in printed
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((tmp_path / "r.json").read_text())
    assert [one["kind"] for one in report["sweeps"]] == ["blur", "lamp"]
    assert len(report["frames"]) == 4


def test_a_log_without_a_policy_asks_for_one(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=3)

    with pytest.raises(Sim2RaceError, match="--policy"):
        run(RobustConfig(path))
