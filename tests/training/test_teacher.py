"""A teacher learns from the ground truth alone, is kept, and a camera policy learns from it."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from car.action_space import ContinuousActionSpace, default_action_space
from car.errors import BadFileError, Sim2RaceError
from sim.driving import TRUTH_KEY
from sim.rewards import RewardConfig
from sim.sb3_adapter import SimVecEnv
from sim.simulator import SimConfig
from training.archive import read_archive
from training.assembly import build_learner
from training.display import TrainingDisplay
from training.evaluation import evaluate
from training.ppo_config import PpoConfig
from training.run_folder import RunFolder
from training.teacher import Teacher, TeacherConfig, TeacherReport, load_teacher, train_teacher
from training.teacher_snapshot import TeacherSnapshots
from training.train import train
from training.train_config import TrainConfig

SIM = SimConfig(
    tracks=("trapezoid",),
    noise="none",
    vary_vehicle=False,
    max_episode_s=20.0,
    threads=1,
    reward=RewardConfig(edge_per_m=1.0),
)
SMALL = TeacherConfig(steps=2_048, cars=8, rollout_steps=32, batch_size=64, epochs=1, width=16)
ACTIONS = default_action_space()


def _train(config: TeacherConfig = SMALL, reports: list[TeacherReport] | None = None) -> Teacher:
    def report(figures: TeacherReport) -> bool:
        if reports is not None:
            reports.append(figures)
        return True

    teacher = train_teacher(config, SIM, ACTIONS, seed=1, report=report)
    assert teacher is not None
    return teacher


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    """Return a teacher that can drive."""
    torch.set_num_threads(1)
    return _train(replace(TeacherConfig(), steps=131_072, cars=32))


def test_it_learns_to_drive_without_a_picture(teacher: Teacher) -> None:
    laps = evaluate(
        teacher.act, SIM, action_space=ACTIONS, frames=0, history=0, truth=True, laps=2, seed=3
    ).total
    assert laps.completed == 4


def test_it_reports_as_it_goes_and_stops_when_told_to() -> None:
    reports: list[TeacherReport] = []
    _train(replace(SMALL, steps=20 * 256), reports)
    assert [report.steps for report in reports] == [2_560, 5_120]
    assert reports[-1].seconds > 0.0 and 0.0 <= reports[-1].progress <= 100.0
    stopped = train_teacher(replace(SMALL, steps=10**6), SIM, ACTIONS, seed=1, report=lambda _: False)
    assert stopped is None


def test_what_is_saved_decides_alike_when_it_is_read(tmp_path: Path) -> None:
    saved = _train()
    saved.save(tmp_path / "teacher.pt")
    read = load_teacher(tmp_path / "teacher.pt", SMALL, SIM, ACTIONS)
    truth = {TRUTH_KEY: SimVecEnv(SIM, 8, 5, frames=0, truth=True).reset()[TRUTH_KEY]}
    np.testing.assert_array_equal(saved.act(truth), read.act(truth))


def _snapshots(path: Path, said: list[str] | None = None, *, every_steps: int = 10**9) -> TeacherSnapshots:
    return TeacherSnapshots(path, every_steps, print if said is None else said.append)


def test_one_that_was_stopped_goes_on_from_there_with_its_optimiser(tmp_path: Path) -> None:
    path = tmp_path / "teacher-snapshot.zip"
    config = replace(SMALL, steps=20 * 256)
    stopped = train_teacher(config, SIM, ACTIONS, seed=1, report=lambda _: False, snapshots=_snapshots(path))
    assert stopped is None
    content = read_archive(path, kind="snapshot")
    assert json.loads(content["state"])["steps"] == 2_560
    # Where nothing is left to do, what comes back is what was saved.
    kept = train_teacher(
        replace(config, steps=2_560), SIM, ACTIONS, seed=2, report=lambda _: True, snapshots=_snapshots(path)
    )
    assert kept is not None
    assert torch.equal(torch.get_rng_state(), content["torch_random"])
    assert (
        np.random.get_state(legacy=False)["state"]["pos"]
        == (json.loads(content["state"])["numpy_random"]["pos"])
    )
    policy = kept._model.policy
    for name, weights in policy.state_dict().items():
        assert torch.equal(weights, content["policy"][name])
    moments = policy.optimizer.state_dict()["state"]
    assert moments and all(
        torch.equal(moments[key]["exp_avg"], content["optimizer"]["state"][key]["exp_avg"]) for key in moments
    )
    reports: list[TeacherReport] = []

    def note(figures: TeacherReport) -> bool:
        reports.append(figures)
        return True

    seconds = json.loads(content["state"])["seconds"]
    train_teacher(config, SIM, ACTIONS, seed=1, report=note, snapshots=_snapshots(path))
    assert [report.steps for report in reports] == [5_120]
    assert reports[0].seconds > seconds


def test_a_damaged_snapshot_is_named_and_the_teacher_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "teacher-snapshot.zip"
    said: list[str] = []
    for content in (b"PK\x03\x04 cut off", pickle.dumps(print)):
        path.write_bytes(content)
        trained = train_teacher(
            replace(SMALL, steps=256),
            SIM,
            ACTIONS,
            seed=1,
            report=lambda _: True,
            snapshots=_snapshots(path, said),
        )
        assert trained is not None
    assert len(said) == 2 and all("teacher-snapshot.zip is not a snapshot" in line for line in said)


def test_a_full_disk_costs_snapshots_but_not_the_teacher(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    snapshots = _snapshots(tmp_path / "file" / "teacher-snapshot.zip", said, every_steps=256)
    trained = train_teacher(
        replace(SMALL, steps=512), SIM, ACTIONS, seed=1, report=lambda _: True, snapshots=snapshots
    )
    assert trained is not None
    assert said and "Cannot write" in said[0]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "teacher.pt"
    path.write_bytes(content)
    with pytest.raises(BadFileError, match="teacher"):
        load_teacher(path, SMALL, SIM, ACTIONS)


def test_its_share_of_the_lesson_falls_from_all_to_nothing() -> None:
    config = TeacherConfig(alone_until=0.5, until=0.9)
    shares = [config.share(progress) for progress in (0.0, 0.5, 0.7, 0.9, 1.0)]
    assert shares == [1.0, 1.0, pytest.approx(0.5), 0.0, 0.0]
    assert TeacherConfig(steps=0).share(0.0) == 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"steps": -1}, r"steps is -1"), ({"alone_until": 0.9, "until": 0.5}, r"no larger than the second")],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Sim2RaceError, match=message):
        TeacherConfig(**changes)


def test_a_teacher_wants_the_ground_truth() -> None:
    with pytest.raises(Sim2RaceError, match="goes by the ground truth"):
        TrainConfig(critic="camera")


@pytest.mark.parametrize("continuous", [False, True], ids=["discrete", "continuous"])
def test_a_camera_policy_comes_closer_to_its_teacher(teacher: Teacher, continuous: bool) -> None:
    actions = ContinuousActionSpace(-0.3, 0.3, 0.8, 1.3) if continuous else ACTIONS
    shown = teacher
    if continuous:
        steadier = train_teacher(replace(SMALL, steps=16_384), SIM, actions, seed=1, report=lambda _: True)
        assert steadier is not None
        shown = steadier
    config = TrainConfig(
        sim=SIM,
        history=2,
        torch_threads=1,
        ppo=PpoConfig(cars=8, rollout_steps=32, batch_size=64, epochs=2),
    )
    learner = build_learner(config, actions, shown)
    learner.begin()
    reports = [learner.advance(0.0, teacher_share=1.0) for _ in range(6)]
    assert reports[-1].teacher_share == 1.0
    assert 0.0 < reports[-1].teacher_kl < 0.9 * reports[0].teacher_kl
    assert learner.advance(0.0).teacher_kl == 0.0


def _run(runs: Path, **changes: Any) -> TrainConfig:
    """Return a run of 128 steps with a small teacher."""
    config = TrainConfig(
        runs=runs,
        max_steps=128,
        snapshot_steps=64,
        evaluation_laps=1,
        evaluation_from_progress=101.0,
        held_out_laps=0,
        torch_threads=1,
        history=3,
        sim=replace(SIM, max_episode_s=1.0),
        ppo=PpoConfig(cars=4, rollout_steps=8, batch_size=32, epochs=1),
        teacher=SMALL,
    )
    return replace(config, **changes)


def test_a_kill_while_the_teacher_is_trained_costs_one_snapshot_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []

    def follow(self: TrainingDisplay, report: TeacherReport, *, total_steps: int) -> None:
        steps.append(report.steps)
        if steps == [2_560, 5_120]:
            raise ConnectionError("The power fails.")

    monkeypatch.setattr(TrainingDisplay, "show_teacher", follow)
    config = _run(tmp_path, snapshot_steps=1_024, teacher=replace(SMALL, steps=40 * 256))
    with pytest.raises(ConnectionError):
        train(config, console=Console(quiet=True))
    (path,) = tmp_path.iterdir()
    folder = RunFolder.open(path)
    assert not folder.teacher_path.exists()
    kept = json.loads(read_archive(folder.teacher_snapshot_path, kind="snapshot")["state"])["steps"]
    assert 5_120 - 1_024 <= kept < 5_120
    train(TrainConfig(resume=path), console=Console(quiet=True))
    # Ten updates after the snapshot, and every ten after that.
    assert steps[2:] == [kept + 2_560, kept + 5_120]
    assert folder.teacher_path.is_file()
    assert not folder.teacher_snapshot_path.exists()


def test_a_run_keeps_its_teacher_and_goes_on_with_it(tmp_path: Path) -> None:
    result = train(_run(tmp_path), console=Console(quiet=True))
    folder = RunFolder.open(result.folder)
    assert result.policy.is_file()
    assert [row["teacher_share"] for row in folder.metrics()] == [1.0, 1.0, 1.0, pytest.approx(0.5)]
    written_at = folder.teacher_path.stat().st_mtime_ns
    for snapshot in folder.snapshots()[1:]:
        snapshot.unlink()
    again = train(TrainConfig(resume=result.folder), console=Console(quiet=True))
    assert again.steps == 128
    assert folder.teacher_path.stat().st_mtime_ns == written_at


def test_a_teacher_whose_numbers_are_none_any_more_stops_and_keeps_its_last_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, count = SimVecEnv.step_wait, iter(range(1, 10_000))

    def step_and_spoil(self: SimVecEnv) -> Any:
        observations, rewards, finished, infos = step(self)
        if next(count) == 3 * SMALL.rollout_steps - 1:
            rewards = np.full_like(rewards, np.nan)
        return observations, rewards, finished, infos

    monkeypatch.setattr(SimVecEnv, "step_wait", step_and_spoil)
    rollout = SMALL.cars * SMALL.rollout_steps
    kept = TeacherSnapshots(tmp_path / "teacher.zip", rollout, lambda text: None)
    complaint = f"The teacher's training diverged after {3 * rollout} steps.*good snapshot: {kept.path}"
    with pytest.raises(Sim2RaceError, match=complaint):
        train_teacher(SMALL, SIM, ACTIONS, seed=1, report=lambda _: True, snapshots=kept)
    content = read_archive(kept.path, kind="snapshot")
    assert json.loads(content["state"])["steps"] == 2 * rollout
    assert all(bool(torch.isfinite(value).all()) for value in content["policy"].values())
