"""`sim2race bench learner`: real trainings that differ in one setting, in one table with the base."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import sim2race
from car.errors import Sim2RaceError, UnknownNameError
from tests.training.tiny import tiny_training
from training import learner_bench
from training.ablation_rows import BASE, Variant
from training.jobs import Job
from training.learner_bench import VARIANTS, LearnerBench, run_learner_bench
from training.learner_table import LearnerRow, read_rows, write_report
from training.run_folder import RunFolder
from training.run_overview import overview


def _bench(folder: Path, **changes: Any) -> LearnerBench:
    return replace(LearnerBench(folder=folder, steps=64, base=tiny_training(folder)), **changes)


def _variant(name: str) -> Variant:
    return next(one for one in VARIANTS if one.name == name)


@pytest.mark.timeout(900)
def test_variants_are_trained_once_and_stand_beside_the_base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_learner_bench(Console(), _bench(tmp_path, laps=True, only=("width-0.5",))) == 0
    assert "width-0.5" in capsys.readouterr().out
    base, narrow = json.loads((tmp_path / "learner.json").read_text())["rows"]
    assert (base["variant"], narrow["variant"]) == ("base", "width-0.5")
    assert base["total_of_base"] == base["learner_of_base"] == base["simulator_of_base"] == 1.0
    assert 0 < narrow["total_per_s"] < min(narrow["learner_per_s"], narrow["simulator_per_s"])
    assert narrow["policy_mb"] < 0.5 * base["policy_mb"]
    assert len(narrow["completed"]) == 1 and narrow["attempted"] == [1]
    policies = sorted(tmp_path.glob("*-cores/*/policy.onnx"))
    trained_at = [path.stat().st_mtime_ns for path in policies]
    settings = overview(RunFolder(policies[-1].parent)).settings
    assert (settings["network_width"], settings["max_steps"], settings["ppo.epochs"]) == (0.5, 64, 1)
    assert run_learner_bench(Console(quiet=True), _bench(tmp_path, laps=True, only=("pool-2",))) == 0
    assert [path.stat().st_mtime_ns for path in policies] == trained_at
    report = (tmp_path / "learner.md").read_text()
    assert [line.split(" | ")[0] for line in report.splitlines() if line.startswith("| ")] == [
        "| variant", "| base", "| width-0.5", "| pool-2",
    ]  # fmt: skip
    assert "| pool-2 | as base |" in report
    assert re.search(r"\| width-0\.5 \| \d+\.\d\d \| .* \| \d+% \([01]/1\) \|", report)


def _write_run(folder: Path, rows: list[tuple[float, float, float]]) -> Job:
    """Lay out a run whose rollouts of 100 steps took (rollout, of that simulator, update) seconds."""
    run = RunFolder(folder)
    folder.mkdir()
    run.policy_path.write_bytes(b"x" * 2_000_000)
    for number, (rollout_s, simulator_s, update_s) in enumerate(rows, start=1):
        seconds = {"rollout_s": rollout_s, "simulator_s": simulator_s, "update_s": update_s}
        greedy = {"completed": number, "attempted": 5}
        run.append_metrics({"steps": 100 * number, "rollout_steps": 100, **seconds, "greedy": greedy})
    return Job(name=folder.name, arguments=(), folder=folder, is_done=lambda: True)


def test_rates_are_medians_over_rollouts_without_the_first_of_each_run(tmp_path: Path) -> None:
    slow_start = (90.0, 50.0, 90.0)
    first = _write_run(tmp_path / "a", [slow_start, (2.0, 1.0, 3.0), (4.0, 2.0, 6.0)])
    second = _write_run(tmp_path / "b", [slow_start, (2.0, 1.0, 3.0)])
    row = learner_bench._row(BASE, "", [first, second], laps=True)
    assert (row.total_per_s, row.learner_per_s, row.simulator_per_s) == (20.0, 25.0, 100.0)
    assert (row.completed, row.attempted, row.lap_share) == ((3, 2), (5, 5), 0.5)
    assert row.policy_mb == 2.0
    assert learner_bench._row(BASE, "", [first], laps=False).lap_share is None


def test_what_a_machine_cannot_show_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = _bench(tmp_path)
    monkeypatch.setattr(learner_bench, "has_bfloat16", lambda: False)
    assert "no bfloat16 in hardware" in learner_bench._why_not(bench, _variant("bfloat16"), 2)
    assert learner_bench._why_not(bench, _variant("threads-2-1"), 1) == (
        "not measured: needs 2 cores, and may use 1"
    )
    assert learner_bench._why_not(bench, _variant("threads-1-1"), 1) == "as base"
    assert learner_bench._why_not(bench, _variant("threads-1-1"), 2) == ""
    assert learner_bench._why_not(bench, _variant("pool-2"), 2) == "as base"
    assert learner_bench._why_not(bench, BASE, 2) == ""


def test_the_teacher_of_the_base_teaches_the_variants_of_its_seed(tmp_path: Path) -> None:
    base, variant = ([_write_run(tmp_path / f"{name}{seed}", []) for seed in (1, 2)] for name in "bv")
    teachers: dict[int, Path] = {}
    learner_bench._share_teachers(base, teachers)
    assert not RunFolder(base[0].folder).teacher_path.exists()
    for seed, job in enumerate(base):
        RunFolder(job.folder).teacher_path.write_text(f"teacher {seed}")
    learner_bench._share_teachers(variant, teachers)
    found = [RunFolder(job.folder).teacher_path.read_text() for job in variant]
    assert found == ["teacher 0", "teacher 1"]


def test_rows_of_another_size_or_machine_are_not_mixed(tmp_path: Path) -> None:
    rows = [
        LearnerRow("base", total_per_s=10.0),
        LearnerRow("pool-4", total_per_s=25.0, completed=(1,), attempted=(2,)),
    ]
    write_report(tmp_path, rows, settings={"steps": 64, "cores": 2}, about=["About."])
    assert read_rows(tmp_path, {"steps": 64, "cores": 2}) == rows
    assert read_rows(tmp_path, {"steps": 64, "cores": 1}) == []
    assert json.loads((tmp_path / "learner.json").read_text())["rows"][1]["total_of_base"] == 2.5
    (tmp_path / "learner.json").write_text("{")
    assert read_rows(tmp_path, {"steps": 64, "cores": 2}) == []


def test_what_cannot_be_measured_is_refused_before_there_is_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bench"
    with pytest.raises(Sim2RaceError, match=r"steps is 32; expected 64 or more"):
        _bench(folder, steps=32)
    with pytest.raises(Sim2RaceError, match="seeds is 0"):
        _bench(folder, seeds=0)
    with pytest.raises(UnknownNameError, match=r"Did you mean 'width-0\.5'"):
        _bench(folder, only=("width-05",))
    words = ["bench", "learner", "--folder", str(folder), "--only", "epoch-2"]
    assert sim2race.main(words) == 2
    assert "Did you mean 'epochs-2'" in capsys.readouterr().err
    assert not folder.exists()
