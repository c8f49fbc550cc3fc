from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from analysis.bench_log import write_bench_log
from analysis.card_cache import card_from_json, card_json, card_path, read_card
from analysis.compare import CompareConfig, differences, judgement, lacking_line
from analysis.compare import run as run_compare
from analysis.ranking import parse_weights, rank
from analysis.report import ReportConfig, run
from analysis.report_page import DASH, report_html
from analysis.run_card import RunCard, run_card
from analysis.run_files import find_runs
from car.errors import Sim2RaceError
from car.log_reader import read_log
from tests.car.logs import write_synthetic_log

EVIL = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    write_bench_log(folder, frames=2200, name="calm", weave_m=0.01)
    write_bench_log(folder, frames=2200, name="restless", weave_m=0.08)
    return folder


def test_the_report_names_the_better_run_and_writes_page_and_figures(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, data = tmp_path / "report.html", tmp_path / "report.json"

    assert run(ReportConfig(logs=(logs,), weights="weave_cm=1", html=page, json=data)) == 0

    said = " ".join(capsys.readouterr().out.split())
    assert "calm-20260102-030405 is better than restless-20260102-030405" in said
    assert "0.5 m trimmed" in said
    found = json.loads(data.read_text())
    assert [one["name"][:4] for one in found["runs"]] == ["calm", "rest"]
    assert found["runs"][0]["better_than"] == ["restless-20260102-030405"]
    text = page.read_text()
    assert "is better than" in text and "http" not in text.replace("http-equiv", "") and "<script" not in text


def test_the_best_mean_is_over_as_many_laps_as_are_asked_for(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    page, calm = tmp_path / "report.html", next(logs.glob("calm-*"))
    mean = read_card(calm).best_mean_s(2)

    run(ReportConfig(logs=(calm,), mean_of=2, html=page))
    run(ReportConfig(logs=(calm,), mean_of=10))

    text = page.read_text()
    assert mean is not None and "Best mean of 2" in text and text.count(f">{mean:.2f} s<") >= 1
    said = capsys.readouterr().out
    assert "Best mean of 2" in said and "Best mean of 10" in said
    assert read_card(calm).best_mean_s(10) is None
    for wrong in (0, 11):
        with pytest.raises(Sim2RaceError, match="expected 1 to 10"):
            run(ReportConfig(logs=(calm,), mean_of=wrong))


def test_a_log_that_was_cut_off_is_measured_up_to_there_and_the_report_says_so(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (whole,) = next(logs.glob("calm-*")).glob("*.mcap")
    (tmp_path / "[cut].mcap").write_bytes(whole.read_bytes()[:1_000_000])

    for _ in range(2):  # The second time from what was kept of the first.
        run(ReportConfig(logs=(tmp_path / "[cut].mcap",), html=tmp_path / "report.html"))

        for said in (capsys.readouterr().out, (tmp_path / "report.html").read_text()):
            words = " ".join(said.split())
            assert "[cut] is damaged and measured up to the damage: the file ends at byte 1000000" in words


def test_a_run_of_a_few_frames_has_neither_place_nor_score_in_the_report(logs: Path, tmp_path: Path) -> None:
    brief = [write_synthetic_log(tmp_path, frames=frames, name=f"brief{frames}") for frames in (0, 3)]

    run(ReportConfig(logs=(logs, *brief), weights="weave_cm=1", json=tmp_path / "report.json"))

    found = json.loads((tmp_path / "report.json").read_text())
    assert "is better than restless" in found["verdict"]
    assert [one["place"] for one in found["runs"]] == [1, 2, None, None]
    assert [one["score"] for one in found["runs"]][2:] == [None, None]


def test_names_from_a_log_are_text_in_the_page(logs: Path) -> None:
    card = run_card(read_log(next(logs.glob("calm-*"))))
    evil = RunCard(**{**vars(card), "name": EVIL, "track": EVIL, "parameters": [EVIL]})

    text = report_html(rank([evil, card], parse_weights("")))

    assert "<script" not in text and "&lt;script&gt;" in text


def test_a_scorecard_is_kept_beside_its_log_until_the_log_changes(tmp_path: Path) -> None:
    log = write_synthetic_log(tmp_path, frames=30)
    first = read_card(log)
    kept = card_path(log)
    content = json.loads(kept.read_text())
    kept.write_text(json.dumps({**content, "name": "from the file"}))

    assert read_card(log).name == "from the file"
    (log / "run.json").write_text("{}")
    assert read_card(log).name == first.name


@pytest.mark.parametrize("damage", ["", "[]", "null", "{", '{"mark": 1}', "[" * 100_000])
def test_a_damaged_scorecard_is_computed_anew(tmp_path: Path, damage: str) -> None:
    log = write_synthetic_log(tmp_path, frames=10)
    card_path(log).write_text(damage)

    assert read_card(log).figures["fps"] == pytest.approx(30.0, rel=0.01)


def test_a_scorecard_survives_being_written_down(logs: Path) -> None:
    card = run_card(read_log(next(logs.glob("calm-*"))))

    assert card_json(card_from_json(json.loads(json.dumps(card_json(card))))) == card_json(card)


def test_a_folder_without_a_log_is_refused_in_one_line(tmp_path: Path) -> None:
    for paths, says in (
        ((tmp_path,), "no run in"),
        ((tmp_path / "x",), "no log, trace or folder"),
        ((), "at least"),
    ):
        with pytest.raises(Sim2RaceError, match=says):
            find_runs(paths)


def test_two_logs_are_compared_and_a_word_is_said_only_outside_the_interval(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calm, restless = (next(logs.glob(f"{name}-*")) for name in ("calm", "restless"))

    assert run_compare(CompareConfig(calm, restless)) == 0

    said = capsys.readouterr().out
    (weave,) = (line for line in said.splitlines() if "Weave" in line)
    (speed,) = (line for line in said.splitlines() if "Frame rate" in line)
    assert "A better" in weave and "better" not in speed
    assert "Best laps, seconds that A lost" in said


def test_too_few_laps_are_said_once_and_not_in_every_line(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    brief = write_bench_log(tmp_path, frames=700, name="brief")

    run_compare(CompareConfig(next(logs.glob("calm-*")), brief))

    said = capsys.readouterr().out
    assert said.count("few") == said.count("fewer than 3 laps, so its spread is unknown") == 1
    assert "No differences: B has 1 lap, and it takes 3 of each run." in said
    (weave,) = (line for line in said.splitlines() if "Weave" in line)
    assert [cell.strip() for cell in weave.split("│")[4:6]] == [DASH, DASH]


def test_a_measure_that_too_few_laps_have_is_explained_below_the_table(logs: Path) -> None:
    calm = run_card(read_log(next(logs.glob("calm-*"))))
    bare = replace(calm, pieces=[{**piece, "weave_cm": math.nan} for piece in calm.pieces])

    assert "A dash: a run has fewer than 3 laps with that measure" in lacking_line(
        calm, bare, differences(calm, bare)
    )
    same = {"lap_s": (0.1, 0.0, 0.2)}
    assert lacking_line(calm, bare, same) == ""


def test_lower_is_better_or_higher_is_as_the_measure_says() -> None:
    assert judgement("lap_s", (-1.0, -2.0, -0.5)) == "A better"
    assert judgement("speed_mps", (-1.0, -2.0, -0.5)) == "B better"
    assert judgement("speed_mps", (-1.0, -2.0, 0.5)) == judgement("lap_s", None) == ""
