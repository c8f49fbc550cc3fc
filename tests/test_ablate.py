"""`sim2race ablate`: trainings, exams and a report, from one command that goes on where it was stopped."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import sim2race_ablate
from car.errors import Sim2RaceError
from sim2race_ablate import AblateConfig, judge, run, write_report
from tests.training.tiny import tiny_training
from training.ablation_rows import NEW_TRACKS, TARGET, Variant, rows_named
from training.jobs import LocalEngine


def _exams(variant: str, shares: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "variant": variant, "train_seed": seed, "noise": "unseen", "track": TARGET,
            "direction": "clockwise", "attempted": 100, "completed": completed,
        }
        for seed, completed in enumerate(shares)
    ]  # fmt: skip


def test_a_claim_is_judged_by_its_own_measure_noise_and_tracks() -> None:
    (row,) = rows_named(("noise",))
    figures = _exams("noise-high", [95, 97, 99]) + _exams("noise-none", [20, 30, 25])
    found = judge(row, [*figures, *(one | {"noise": "high", "completed": 0} for one in figures)])
    assert found.verdict == "holds"
    assert found.better_values == (95.0, 97.0, 99.0)
    assert found.interval is not None and found.interval.difference == pytest.approx(72.0)
    assert judge(row, figures[:1]).verdict == "undecided"


@pytest.mark.timeout(900)
def test_a_row_is_trained_examined_and_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = rows_named(("directions",))
    unknown = replace(asked[0], name="magic", better=Variant("magic", {"ppo.magic": 1}))
    monkeypatch.setattr(sim2race_ablate, "rows_named", lambda _: [*asked, unknown])
    config = AblateConfig(
        rows=("directions",), seeds=1, steps=64, laps=1, max_lap_s=0.3, folder=tmp_path, jobs=2,
        threads=1,
        train=tiny_training(tmp_path, name="ablation"),
    )  # fmt: skip
    assert run(replace(config, plan=True)) == 0
    planned = capsys.readouterr().out
    assert re.search(r"Measuring the speed with a short training\.\n\S+ done after \d+:\d\d\n", planned)
    assert "Left out: magic, which needs the setting ppo.magic" in planned
    assert "2 trainings of 64 steps, 2 of them left; 2 exams" in planned and "a training takes" in planned
    assert not list(tmp_path.glob("runs/*/metrics.jsonl"))
    assert run(config) == 0
    printed = capsys.readouterr().out
    assert "directions: undecided" in printed
    report = (tmp_path / "ablation.md").read_text()
    assert "both directions teaches corners" in report and "one-direction" in report
    data = json.loads((tmp_path / "ablation.json").read_text())
    assert len(data["exams"]) == 2 * 2 * 3
    assert {one["track"] for one in data["exams"]} == {TARGET, *NEW_TRACKS}
    assert (tmp_path / "claims.png").is_file() and (tmp_path / "differences.png").is_file()
    capsys.readouterr()
    assert run(config) == 0
    assert "0 of them left" in capsys.readouterr().out
    # A row asked for later joins the report; one that shares the base's training needs half of the work.
    monkeypatch.undo()
    assert run(replace(config, rows=("latency-trained",))) == 0
    assert "2 trainings of 64 steps, 1 of them left" in capsys.readouterr().out
    joined = json.loads((tmp_path / "ablation.json").read_text())
    assert [one["name"] for one in joined["claims"]] == ["directions", "latency-trained"]
    assert joined["claims"][0] == data["claims"][0]
    assert len(joined["exams"]) == 3 * 2 * 3


def test_rows_made_with_other_settings_or_not_there_any_more_do_not_join_a_report(tmp_path: Path) -> None:
    config = AblateConfig(folder=tmp_path, steps=64, train=tiny_training(tmp_path, name="ablation"))
    engine = LocalEngine(jobs=1, threads=1, outputs=tmp_path / "output")
    setup = sim2race_ablate._Setup(config, Console(quiet=True), engine, 1, config.train)
    assert sim2race_ablate._earlier_results(setup, []) == {}
    (judgement,) = [judge(row, []) for row in rows_named(("directions",))]
    write_report(replace(config, laps=3), [judgement], [])
    assert sim2race_ablate._earlier_results(setup, []) == {}
    assert not list(tmp_path.glob("runs/*"))
    write_report(config, [judgement], [])
    assert sim2race_ablate._earlier_results(setup, rows_named(("directions",))) == {}
    assert sim2race_ablate._earlier_results(setup, []) == {}


def test_nothing_to_compare_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match="seeds is 0"):
        run(replace(AblateConfig(), seeds=0, folder=tmp_path))
