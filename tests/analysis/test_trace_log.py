from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.course import course_of
from analysis.lap_figures import lap_figures
from analysis.replay import replay
from analysis.run_files import list_runs, open_run, read_run_card
from analysis.trace_log import laps_of
from car.errors import BadFileError, Sim2RaceError
from sim.trace import COLUMNS
from sim.track import load_track
from tests.analysis.traces import spoil, write_metrics, write_trace
from tests.car.logs import write_synthetic_log


def test_a_trace_opens_as_a_log_with_laps_path_track_and_no_pictures(tmp_path: Path) -> None:
    log = open_run(write_trace(tmp_path / "race.csv", laps=3, pause_s=2.0, wall_clock=1.7e9))

    track = load_track("reinvent-2018")
    shown = replay(log)
    assert log.run == {"track": "reinvent-2018", "direction": "counter-clockwise"}
    assert shown.track is not None and shown.started_at == "2023-11-14T22:13:20+00:00"
    assert [lap.time_s for lap in laps_of(log)] == pytest.approx([track.length_m / 1.5] * 3, abs=0.07)
    assert laps_of(log)[1].start_s == pytest.approx(track.length_m / 1.5 + 2.0, abs=0.1)
    assert np.abs(log.frames.lateral_m).max() == pytest.approx(0.02, abs=0.005)
    assert np.isnan(shown.columns["entropy_nats"]).all()
    assert (shown.has_pictures, log.policy_path, log.damage) == (False, None, None)
    assert shown.scorecard.dropped == 0
    with pytest.raises(Sim2RaceError, match="without a picture"):
        log.jpeg(0)


def test_laps_and_corners_are_those_of_the_scorecard(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "race.csv", laps=2)
    log = open_run(path)

    found = lap_figures(log.frames, course_of(log.run), laps_of(log))

    assert [lap.time_s for lap in found.laps] == pytest.approx(read_run_card(path).laps_s)
    assert len(found.corners) > 3 and all(corner.passes == 2 for corner in found.corners)


def test_a_failed_episode_is_an_event_and_no_lap_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "race.csv", laps=3, pause_s=1.0)
    lines = path.read_text().splitlines()
    first = [line for line in lines if line.startswith("0,")]
    first = [*first[:60], first[60].replace("in_progress", "off_track")]
    second = [line for line in lines if line.startswith("1,")][:30]
    second[-1] = second[-1].replace("in_progress", "crashed")
    third = [line for line in lines if line.startswith("2,")]
    path.write_text("\n".join([lines[0], *first, *second, *third]) + "\n")

    log = open_run(path)

    assert len(laps_of(log)) == 1
    marks = {event.kind: event for event in replay(log).events}
    assert marks["off_track"].time_s == pytest.approx(4.0) and marks["off_track"].severity == "alarm"
    assert marks["crashed"].text.startswith("Crashed: at ") and marks["crashed"].severity == "alarm"
    assert marks["episode"].text == "Episode: 2"
    assert marks["end"].text == "Log ends: lap complete"


def test_a_damaged_trace_opens_up_to_the_damage_and_its_scorecard_says_so(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "race.csv", laps=2)
    spoil(path, 250, "0,<b>,")

    log, card = open_run(path), read_run_card(path)

    assert len(log.frames) == 248 and len(laps_of(log)) == 1
    assert log.damage == "race.csv, line 250: column 'tstamp' is missing"
    assert card.parameters[-1].endswith(f" is damaged and measured up to the damage: {log.damage}")


def test_a_drive_on_no_known_track_is_shown_without_one(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "race.csv", laps=1)
    header, *lines = path.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    for row in cells:
        row[COLUMNS.index("X")] = str(float(row[COLUMNS.index("X")]) + 500.0)
    path.write_text("\n".join([header, *(",".join(row) for row in cells)]) + "\n")

    log = open_run(path)

    assert log.run == {} and replay(log).track is None
    assert np.isnan(log.frames.lateral_m).all() and len(laps_of(log)) == 1


def test_a_drive_of_a_few_metres_is_known_by_the_length_of_its_track(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "race.csv", laps=1)
    lines = path.read_text().splitlines()[:30]
    at, found = COLUMNS.index("track_len"), {}
    for length_m in (17.71, 99.0):
        cells = [line.split(",") for line in lines[1:]]
        rows = [",".join([*row[:at], str(length_m), *row[at + 1 :]]) for row in cells]
        path.write_text("\n".join([lines[0], *rows]) + "\n")
        found[length_m] = open_run(path).run.get("track")

    assert found == {17.71: "reinvent-2018", 99.0: None}


def test_metrics_open_as_laps_without_a_frame(tmp_path: Path) -> None:
    log = open_run(write_metrics(tmp_path / "metrics.json", 12.5, 13.0))

    shown = replay(log)
    assert len(log.frames) == 0 and not log.has_pictures
    assert [lap.time_s for lap in shown.scorecard.laps] == [12.5, 13.0]
    assert shown.scorecard.best_lap_s == 12.5
    assert shown.started_at == ""


def test_a_folder_lists_logs_traces_and_metrics_and_nothing_else(tmp_path: Path) -> None:
    log = write_synthetic_log(tmp_path / "runs", frames=3)
    folder = log.parent
    trace = write_trace(folder / "race.csv", laps=1)
    metrics = write_metrics(folder / "EvaluationMetrics.json", 12.5)
    (folder / ".race.csv").write_bytes(trace.read_bytes())
    (folder / "link.csv").symlink_to(trace)
    (folder / "shopping.csv").write_text("milk,2\n")
    (folder / "report.json").write_text("{}")

    assert {run.path for run in list_runs(folder)} == {log, trace, metrics}
    with pytest.raises(BadFileError):
        list_runs(tmp_path / "nothing")


def test_the_folders_of_an_evaluation_are_looked_through(tmp_path: Path) -> None:
    home = tmp_path / "reinvent-2018-clockwise"
    for folder in (home / "evaluation-simtrace/deeper", home / ".hidden", tmp_path / "log"):
        folder.mkdir(parents=True)
    trace = write_trace(home / "evaluation-simtrace/0-iteration.csv", laps=1)
    metrics = write_metrics(home / "metrics.json", 12.5)
    log = write_synthetic_log(tmp_path, frames=3)
    for elsewhere in (home / "evaluation-simtrace/deeper", home / ".hidden", log):
        (elsewhere / "0-iteration.csv").write_bytes(trace.read_bytes())
    (tmp_path / "link").symlink_to(home)

    assert {run.path for run in list_runs(tmp_path)} == {trace, metrics, log}


def test_a_log_whose_folder_is_called_like_a_table_is_a_log(tmp_path: Path) -> None:
    log = write_synthetic_log(tmp_path, frames=30)
    named = log.rename(tmp_path / "log.csv")

    assert len(open_run(named).frames) == 30
    assert read_run_card(named).figures["fps"] > 0
    assert [run.path for run in list_runs(tmp_path)] == [named]
