"""A training from nothing to policy.onnx: what it leaves behind, how it ends, how it survives a kill."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from car.action_space import (
    ContinuousActionSpace,
    DiscreteActionSpace,
    default_action_space,
    load_model_metadata,
    to_model_metadata,
)
from car.errors import Sim2RaceError, UnknownNameError
from car.policy import Policy
from sim.sb3_adapter import SimVecEnv
from sim.simulator import SimConfig
from training import examiner, trainer
from training.assembly import load_config
from training.evaluation import Evaluation, Lap
from training.export import ExportConfig
from training.export import run as run_export
from training.learner import Learner, UpdateReport
from training.ppo_config import PpoConfig
from training.run_folder import RunFolder
from training.session import last_session
from training.snapshots import save_snapshot
from training.teacher import TeacherConfig
from training.train import TrainConfig, run, train

STEPS_PER_UPDATE = 32


def _config(runs: Path, **changes: Any) -> TrainConfig:
    tiny = TrainConfig(
        runs=runs,
        max_steps=4 * STEPS_PER_UPDATE,
        snapshot_steps=2 * STEPS_PER_UPDATE,
        evaluation_laps=1,
        evaluation_from_progress=101.0,
        held_out_laps=0,
        torch_threads=1,
        sim=SimConfig(
            tracks=("trapezoid",), directions=("clockwise",), noise="none", max_episode_s=1.0, threads=1
        ),
        # Small steps: with large ones so short a training can make up its mind, which ends it.
        ppo=PpoConfig(cars=4, rollout_steps=8, batch_size=32, epochs=1, learning_rate=2e-4),
        teacher=TeacherConfig(steps=0),
    )
    return replace(tiny, **changes)


def _on_update(monkeypatch: pytest.MonkeyPatch, number: int, action: Callable[[Learner], None]) -> None:
    """Do something to the learner at the end of its n-th update."""
    advance, count = Learner.advance, iter(range(1, 1_000))

    def advance_and_act(self: Learner, progress: float, *, teacher_share: float = 0.0) -> UpdateReport:
        report = advance(self, progress, teacher_share=teacher_share)
        if next(count) == number:
            action(self)
        return report

    monkeypatch.setattr(Learner, "advance", advance_and_act)


def _evaluations(monkeypatch: pytest.MonkeyPatch, outcomes: list[bool]) -> None:
    """Let the n-th greedy evaluation be of one lap that is completed or not."""
    left = iter(outcomes)

    def evaluate(*_: object, **__: object) -> Evaluation:
        status, progress = ("lap_complete", 100.0) if next(left) else ("off_track", 50.0)
        return Evaluation((Lap("trapezoid", "clockwise", status, progress, 9.0, 0.1, None, 1.0),))

    monkeypatch.setattr(examiner, "evaluate", evaluate)


def test_a_training_leaves_everything_behind_that_is_needed_later(tmp_path: Path) -> None:
    config = _config(tmp_path / "runs", name="first", seed=5)
    result = train(config, console=Console(quiet=True))
    assert result.reason == "Spent its 128 steps."
    assert not result.interrupted
    folder = RunFolder.open(result.folder)
    assert result.folder.name.startswith("first-")
    assert load_config(folder) == config
    assert [file.stem for file in folder.snapshots()] == ["step-000000064", "step-000000128"]
    assert [row["steps"] for row in result.history] == [32, 64, 96, 128]
    assert result.history[-1]["greedy"]["attempted"] == 1
    assert "greedy" not in result.history[0]
    assert list(folder.tensorboard_path.iterdir())
    policy = Policy.load(result.policy)
    assert (policy.metadata.name, policy.metadata.seed, policy.metadata.steps) == ("first", 5, 128)
    assert policy.metadata.tracks == ("trapezoid",)
    assert policy.metadata.git_revision
    assert policy.action_space == default_action_space()
    assert result.best is not None and result.best["total"]["attempted"] == 1


def test_a_continuous_policy_with_stacked_frames_trains_too(tmp_path: Path) -> None:
    space = ContinuousActionSpace(-0.3, 0.3, 0.5, 1.5)
    actions = tmp_path / "model_metadata.json"
    actions.write_text(json.dumps(to_model_metadata(space)))
    result = train(_config(tmp_path, actions=actions, frames=2), console=Console(quiet=True))
    policy = Policy.load(result.policy)
    assert policy.frames == 2
    assert isinstance(policy.action_space, ContinuousActionSpace)
    assert load_model_metadata(result.folder / "model_metadata.json") == policy.action_space


def test_a_killed_training_goes_on_from_its_last_snapshot(tmp_path: Path) -> None:
    config = _config(tmp_path, max_steps=1_280, until_lap_share=2.0)
    program = (
        "import sys, pickle\nfrom training.train import run\nrun(pickle.loads(bytes.fromhex(sys.argv[1])))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, pickle.dumps(config).hex()], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 200.0
    while not list(tmp_path.glob("*/snapshots/step-*.json")):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    (path,) = tmp_path.iterdir()
    folder = RunFolder.open(path)
    reached = json.loads(folder.snapshots()[-1].with_suffix(".json").read_text())["steps"]
    assert 0 < reached < 1_280
    result = train(TrainConfig(resume=path), console=Console(quiet=True))
    assert result.folder == path
    assert load_config(folder) == config
    assert result.steps == 1_280
    assert [row["steps"] for row in result.history] == list(range(32, 1_281, 32))
    rates = [row["learning_rate"] for row in result.history]
    np.testing.assert_allclose(np.diff(rates), np.diff(rates)[0], rtol=1e-6)
    assert sorted(row["seconds"] for row in result.history) == [row["seconds"] for row in result.history]


def test_what_was_noted_before_the_first_snapshot_is_not_noted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(learner: Learner) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        _on_update(patch, 2, die)
        with pytest.raises(RuntimeError, match="killed"):
            train(_config(tmp_path), console=Console(quiet=True))
    (path,) = tmp_path.iterdir()
    assert [row["steps"] for row in RunFolder.open(path).metrics()] == [32]
    result = train(TrainConfig(resume=path), console=Console(quiet=True))
    assert [row["steps"] for row in result.history] == [32, 64, 96, 128]


def test_a_kill_between_the_best_snapshot_and_the_note_of_it_does_not_lose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _evaluations(monkeypatch, [False, True, False, False])
    config = _config(tmp_path, evaluation_steps=32, evaluation_from_progress=0.0)
    with monkeypatch.context() as patch:
        write_best = RunFolder.write_best

        def die(self: RunFolder, snapshot: str, ranking: Any = ()) -> None:
            if snapshot == "step-000000064":
                raise RuntimeError("killed")
            write_best(self, snapshot, ranking)

        patch.setattr(RunFolder, "write_best", die)
        with pytest.raises(RuntimeError, match="killed"):
            train(config, console=Console(quiet=True))
    (path,) = tmp_path.iterdir()
    assert json.loads(RunFolder.open(path).best_path.read_text())["snapshot"] == "step-000000032"
    result = train(TrainConfig(resume=path), console=Console(quiet=True))
    assert Policy.load(result.policy).metadata.steps == 64


def test_a_resumed_training_goes_back_to_the_newest_snapshot_that_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = train(_config(tmp_path), console=Console(quiet=True)).folder
    folder = RunFolder.open(path)
    folder.snapshots()[-1].write_bytes(b"PK")
    result = train(TrainConfig(resume=path))
    assert result.steps == 128
    assert "step-000000128.zip is not a snapshot" in capsys.readouterr().out


def test_the_width_and_pool_of_the_network_are_the_runs_own_to_its_end(tmp_path: Path) -> None:
    config = _config(tmp_path, network_width=0.5, network_pool=4)
    path = train(config, console=Console(quiet=True)).folder
    folder = RunFolder.open(path)
    folder.snapshots()[-1].unlink()
    result = train(TrainConfig(resume=path), console=Console(quiet=True))
    assert (load_config(folder), result.steps) == (config, 128)
    assert Policy.load(result.policy).metadata.network == "small, width 0.5, pool 4"
    weights = torch.load(folder.snapshots()[-1], weights_only=True)["policy"]
    assert weights["pi_features_extractor.convolutions.0.weight"].shape == (8, 1, 5, 5)
    with pytest.raises(Sim2RaceError, match=r"network 'small, width 0.5, pool 4'; this run wants 'small'"):
        train(_config(tmp_path, start_from=path))


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = train(_config(tmp_path), console=Console(quiet=True))
    again = train(TrainConfig(resume=first.folder), console=Console(quiet=True))
    assert (again.steps, again.reason) == (first.steps, first.reason)


def test_resuming_takes_no_other_option(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match=r"--resume takes all settings from .*config.json"):
        train(TrainConfig(resume=tmp_path, seed=2))


def test_ctrl_c_finishes_the_update_and_leaves_a_snapshot_and_a_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _on_update(monkeypatch, 3, lambda learner: os.kill(os.getpid(), signal.SIGINT))
    assert run(_config(tmp_path)) == 130
    (path,) = tmp_path.iterdir()
    assert f"sim2race train --resume {path}" in capsys.readouterr().out
    assert RunFolder.open(path).snapshots()[-1].stem == "step-000000096"
    assert Policy.load(path / "policy.onnx").metadata.steps == 96
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_policy_that_tries_nothing_any_more_before_it_can_drive_stops_the_training(tmp_path: Path) -> None:
    def decide(learner: Learner) -> None:
        with torch.no_grad():
            learner.action_head.bias[0] = 1_000.0

    sim = SimConfig(tracks=("trapezoid",), noise="none", max_episode_s=0.2, threads=1)
    with pytest.MonkeyPatch.context() as patch:
        _on_update(patch, 1, decide)
        with pytest.raises(Sim2RaceError, match=r"diverged after 64 steps: the policy explores no more"):
            train(_config(tmp_path, sim=sim), console=Console(quiet=True))


def test_numbers_that_are_not_finite_stop_the_training_with_the_last_good_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poison(learner: Learner) -> None:
        with torch.no_grad():
            learner.action_head.weight[0, 0] = float("nan")

    _on_update(monkeypatch, 3, poison)
    with pytest.raises(
        Sim2RaceError, match=r"diverged after 96 steps.*last good snapshot: .*step-000000064.zip"
    ):
        train(_config(tmp_path), console=Console(quiet=True))
    (path,) = tmp_path.iterdir()
    assert len(RunFolder.open(path).snapshots()) == 1


def test_a_reward_that_is_no_number_stops_the_training_before_it_ruins_the_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, count = SimVecEnv.step_wait, iter(range(1, 1_000))

    def step_and_spoil(self: SimVecEnv) -> Any:
        observations, rewards, finished, infos = step(self)
        if next(count) == 27:  # in the fourth rollout of eight steps
            rewards = np.full_like(rewards, np.nan)
        return observations, rewards, finished, infos

    monkeypatch.setattr(SimVecEnv, "step_wait", step_and_spoil)
    # Four minibatches: with the first the network would be ruined, and the second could not be judged.
    ppo = PpoConfig(cars=4, rollout_steps=8, batch_size=8, epochs=1, learning_rate=2e-4)
    complaint = r"diverged after 128 steps: the gradient is not finite; last good snapshot: .*000000064.zip"
    with pytest.raises(Sim2RaceError, match=complaint):
        train(_config(tmp_path, ppo=ppo, max_steps=320), console=Console(quiet=True))
    (path,) = tmp_path.iterdir()
    folder = RunFolder.open(path)
    session = last_session(folder)
    assert (session.state, "000000064.zip" in session.reason) == ("diverged", True)
    assert [file.stem for file in folder.snapshots()] == ["step-000000064"]
    monkeypatch.setattr(SimVecEnv, "step_wait", step)
    assert train(TrainConfig(resume=path), console=Console(quiet=True)).steps == 320


def test_it_ends_when_greedy_evaluation_meets_the_goal_often_enough_in_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _evaluations(monkeypatch, [True, False, True, True, True])
    config = _config(
        tmp_path,
        max_steps=320,
        evaluation_steps=32,
        evaluation_from_progress=0.0,
        until_lap_share=1.0,
    )
    result = train(config, console=Console(quiet=True))
    assert result.reason == "Reached the goal: 100% of greedy laps in 2 evaluations in a row."
    assert result.steps == 128


def test_the_best_snapshot_is_exported_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _evaluations(monkeypatch, [False, True, False, False])
    config = _config(tmp_path, evaluation_steps=32, evaluation_from_progress=0.0, snapshot_steps=1_000)
    result = train(config, console=Console(quiet=True))
    assert Policy.load(result.policy).metadata.steps == 64
    assert result.best is not None and result.best["total"]["completed"] == 1
    assert run_export(ExportConfig(result.folder, "last", tmp_path / "last.onnx")) == 0
    assert Policy.load(tmp_path / "last.onnx").metadata.steps == 128


def test_a_policy_is_exported_with_other_speeds_for_the_same_angles(tmp_path: Path) -> None:
    result = train(_config(tmp_path), console=Console(quiet=True))
    learnt = Policy.load(result.policy).action_space
    assert isinstance(learnt, DiscreteActionSpace)
    slow = replace(learnt, speed_mps=tuple(0.9 * speed for speed in learnt.speed_mps))
    file = tmp_path / "slow.json"
    file.write_text(json.dumps(to_model_metadata(slow)))
    assert run_export(ExportConfig(result.folder, "last", tmp_path / "slow.onnx", file)) == 0
    exported = Policy.load(tmp_path / "slow.onnx")
    assert isinstance(exported.action_space, DiscreteActionSpace)
    np.testing.assert_allclose(exported.action_space.table(), slow.table(), atol=1e-6)
    picture = np.full((1, 120, 160), 90, np.uint8)
    np.testing.assert_array_equal(exported.act(picture), Policy.load(result.policy).act(picture))

    file.write_text(json.dumps(to_model_metadata(replace(slow, steering_rad=slow.steering_rad[::-1]))))
    with pytest.raises(Sim2RaceError, match="expected those that the run has learnt"):
        run_export(ExportConfig(result.folder, "last", tmp_path / "other.onnx", file))
    assert not (tmp_path / "other.onnx").exists()


def test_a_full_disk_costs_figures_and_snapshots_but_not_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def save_when_there_is_room(path: Path, learner: Learner, state: Any) -> None:
        if state.steps < 128:
            raise Sim2RaceError(f"Cannot write {path}: No space left on device.")
        save_snapshot(path, learner, state)

    def refuse(self: RunFolder, row: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trainer, "save_snapshot", save_when_there_is_room)
    monkeypatch.setattr(RunFolder, "append_metrics", refuse)
    result = train(_config(tmp_path))
    assert result.steps == 128
    assert result.policy.is_file()
    assert capsys.readouterr().out.count("No space left on device. Training goes on.") == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"network": "smal"}, "No network is called 'smal'. Did you mean 'small'"),
        (
            {"sim": SimConfig(tracks=("trapezoit",))},
            "No track is called 'trapezoit'. Did you mean 'trapezoid'",
        ),
        ({"sim": SimConfig(vehicle="real-cat")}, "Did you mean 'real-car'"),
        ({"actions": Path("gone.json")}, "gone.json does not exist"),
        ({"network_width": 5.0}, "network_width is 5.0; expected 0.1 to 4"),
        ({"network_pool": 3}, "network_pool is 3; expected 1, 2, 4, 5 for the network 'small'"),
    ],
)
def test_a_bad_name_fails_before_a_folder_is_made(
    tmp_path: Path, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(Sim2RaceError, match=complaint) as caught:
        train(_config(tmp_path / "runs", **changes), console=Console(quiet=True))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("changes", "complaint"), [({"max_steps": 0}, "max_steps is 0"), ({"name": "a/b"}, "name is 'a/b'")]
)
def test_a_setting_out_of_range_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Sim2RaceError, match=complaint):
        TrainConfig(**changes)


def test_exporting_a_run_that_does_not_exist_names_the_nearest(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "racer", {})
    with pytest.raises(UnknownNameError, match=f"Did you mean '{folder.path.name}'"):
        run_export(ExportConfig(tmp_path / folder.path.name[:-1]))


def test_snapshots_are_ranked_where_they_never_trained_and_the_best_of_them_is_exported(
    tmp_path: Path,
) -> None:
    config = _config(
        tmp_path,
        evaluation_steps=32,
        evaluation_from_progress=0.0,
        held_out_laps=1,
        held_out_tracks=("trapezoid-narrow",),
        profile=True,
    )
    result = train(config)
    best = json.loads(RunFolder.open(result.folder).best_path.read_text())
    assert len(best["ranking"]) == 3
    assert best["snapshot"] == best["ranking"][0]["snapshot"]
    assert Policy.load(result.policy).metadata.steps == int(best["snapshot"].removeprefix("step-"))


def test_the_ranking_drives_both_directions_whatever_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds: list[SimConfig] = []

    def evaluate(_: object, sim: SimConfig, **__: object) -> Evaluation:
        worlds.append(sim)
        return Evaluation((Lap("trapezoid", "clockwise", "off_track", 50.0, 9.0, 0.1, None, 1.0),))

    monkeypatch.setattr(examiner, "evaluate", evaluate)
    train(_config(tmp_path, held_out_laps=1, held_out_tracks=("trapezoid-narrow",)))
    *training, ranking = worlds
    assert {world.directions for world in training} == {("clockwise",)}
    assert ranking.directions == ("counter-clockwise", "clockwise")
    assert (ranking.tracks, ranking.noise) == (("trapezoid", "trapezoid-narrow"), "unseen")


def test_the_profile_says_where_the_time_went(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(_config(tmp_path, profile=True))
    printed = capsys.readouterr().out
    for part in ("driving", "physics", "camera", "learning", "evaluating"):
        assert part in printed


def test_a_school_moves_the_cars_from_stage_to_stage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    school = tmp_path / "school.json"
    stages = [{"until": 0.5, "also_tracks": ["trapezoid-narrow"], "noise": "low"}, {"until": 1.0}]
    school.write_text(json.dumps({"stages": stages}))
    result = train(_config(tmp_path, school=str(school)))
    assert "Next stage: trapezoid, noise none." in capsys.readouterr().out
    assert json.loads((result.folder / "school.json").read_text())["stages"][0]["noise"] == "low"
    assert Policy.load(result.policy).metadata.tracks == ("trapezoid", "trapezoid-narrow")


def test_a_run_can_begin_with_the_weights_of_another(tmp_path: Path) -> None:
    first = train(_config(tmp_path, name="first"), console=Console(quiet=True))
    began: list[torch.Tensor] = []

    def note(learner: Learner) -> None:
        began.append(learner.action_head.weight.detach().clone())

    config = _config(tmp_path, name="second", start_from=first.folder, ppo=_frozen())
    with pytest.MonkeyPatch.context() as patch:
        _on_update(patch, 1, note)
        second = train(config, console=Console(quiet=True))
    assert second.steps == 128
    snapshot = torch.load(RunFolder.open(first.folder).find_snapshot("best"), weights_only=True)
    torch.testing.assert_close(began[0], snapshot["policy"]["action_net.weight"], atol=1e-5, rtol=0.0)
    with pytest.raises(Sim2RaceError, match="has history 0; this run wants 2"):
        train(_config(tmp_path, start_from=first.folder, history=2))


def _frozen() -> PpoConfig:
    """Return a learner that hardly moves."""
    return PpoConfig(
        cars=4, rollout_steps=8, batch_size=32, epochs=1, learning_rate=1e-9, learning_rate_end=1e-9
    )
