"""Traces and metrics of the reference simulator as runs among car logs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from analysis.bench_log import write_bench_log
from analysis.compare import CompareConfig
from analysis.compare import run as compare
from analysis.report import ReportConfig
from analysis.report import run as report
from analysis.run_files import find_runs, read_run, read_run_card
from car.errors import BadFileError, Sim2RaceError
from sim.trace import COLUMNS
from sim.track import load_track
from tests.analysis.traces import write_metrics, write_trace


def test_a_trace_is_measured_on_the_track_that_it_was_driven_on(tmp_path: Path) -> None:
    found = read_run(write_trace(tmp_path / "race.csv"))

    track = load_track("reinvent-2018")
    assert found.card.track == "reinvent-2018"
    assert found.card.piece_kind == "episode" and len(found.card.laps_s) == 3
    lap_s = track.length_m / 1.5
    assert found.card.laps_s == pytest.approx([lap_s] * 3, abs=0.07)
    assert found.card.figures["speed_mps"] == pytest.approx(1.5, rel=0.02)
    assert found.card.figures["weave_cm"] == pytest.approx(1.4, abs=0.3)
    assert found.card.figures["straight_pct"] == pytest.approx(100.0)
    assert found.card.figures["off_tracks"] == 0.0
    assert math.isnan(found.card.figures["latency_ms"])
    assert found.best is not None and found.best.elapsed_s[-1] == pytest.approx(lap_s, abs=0.07)


def test_a_trace_the_other_way_round_is_known_by_its_path(tmp_path: Path) -> None:
    card = read_run_card(write_trace(tmp_path / "race.csv", laps=1, direction="clockwise"))

    assert card.figures["heading_deg"] < 8.0
    assert card.track == "reinvent-2018"


def test_an_episode_that_ends_off_the_track_is_no_lap_and_counts(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "race.csv", laps=2)
    lines = path.read_text().splitlines()
    short = [
        line.replace("in_progress", "off_track") if i == 60 else line for i, line in enumerate(lines[:61])
    ]
    path.write_text("\n".join(short) + "\n")

    card = read_run_card(path)

    assert card.laps_s == []
    assert card.figures["off_tracks"] > 1.0


def test_metrics_give_laps_and_off_tracks_and_nothing_else(tmp_path: Path) -> None:
    trials = [
        {"completion_percentage": 100, "elapsed_time_in_milliseconds": 12_500, "off_track_count": 1},
        {"completion_percentage": 50, "elapsed_time_in_milliseconds": 5_000, "episode_status": "Off track"},
    ]
    path = tmp_path / "EvaluationMetrics.json"
    path.write_text(json.dumps({"metrics": trials}))

    card = read_run_card(path)

    assert card.laps_s == [12.5] and card.figures["lap_s"] == 12.5
    assert card.figures["off_tracks"] == pytest.approx(2 / 1.5)
    assert math.isnan(card.figures["weave_cm"])


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"metrics": []}', '{"metrics": [1]}', '{"metrics": [{"completion_percentage": "x"}]}'],
)
def test_what_is_no_metrics_file_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "metrics.json").write_text(text)

    with pytest.raises(BadFileError) as refusal:
        read_run_card(tmp_path / "metrics.json")

    assert "\n" not in str(refusal.value)


def test_a_folder_gives_logs_traces_and_metrics_and_passes_over_other_tables(tmp_path: Path) -> None:
    log = write_bench_log(tmp_path, frames=3)
    write_trace(tmp_path / "0-iteration.csv", laps=1)
    write_metrics(tmp_path / "evaluation-2026.json", 12.5)
    (tmp_path / "TrainingMetrics.json").write_text("{}")
    (tmp_path / "loss-metrics.json").write_text('{"metrics": [{"loss": 0.5}]}')
    (tmp_path / "report.json").write_text('{"metrics": ["completion_percentage"]}')
    (tmp_path / "shopping.csv").write_text("milk,2\n")

    found = find_runs((tmp_path,))

    assert {path.name for path in found} == {"0-iteration.csv", "evaluation-2026.json", log.name}
    (tmp_path / "empty").mkdir()
    with pytest.raises(Sim2RaceError, match="no run in"):
        find_runs((tmp_path / "empty",))


def test_report_and_compare_take_a_trace_beside_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calm = write_trace(tmp_path / "calm.csv", weave_m=0.0)
    restless = write_trace(tmp_path / "restless.csv", weave_m=0.08)

    assert report(ReportConfig((calm, restless), html=tmp_path / "r.html", weights="weave_cm=1")) == 0
    assert compare(CompareConfig(calm, restless)) == 0

    printed = " ".join(capsys.readouterr().out.split())
    assert "calm is better than restless" in printed
    assert "seconds that A lost to B by place" in printed
    assert "episodes of a simulator" in (tmp_path / "r.html").read_text()


def test_an_episode_of_years_and_a_place_beyond_the_sea_are_refused(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "race.csv", laps=1)
    header, first, *rest = path.read_text().splitlines()
    time_at, x_at = COLUMNS.index("tstamp"), COLUMNS.index("X")
    for column, value in ((time_at, "-1e10"), (x_at, "1e300")):
        cells = first.split(",")
        cells[column] = value
        path.write_text("\n".join([header, ",".join(cells), *rest]) + "\n")
        with pytest.raises(BadFileError, match=r"more than a day|beyond any"):
            read_run_card(path)
