"""The run's folder finds what is in it and says what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from car.errors import Sim2RaceError
from training.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "racer", {"seed": 1})


def test_two_runs_in_the_same_second_get_two_folders(tmp_path: Path) -> None:
    first, second = (RunFolder.create(tmp_path, "racer", {}) for _ in range(2))
    assert first.path != second.path


def test_a_run_that_does_not_exist_is_answered_with_the_nearest(folder: RunFolder) -> None:
    name = folder.path.name
    with pytest.raises(Sim2RaceError, match=f"Did you mean '{name}'"):
        RunFolder.open(folder.path.with_name(name[:-1]))


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match=r"is not a training run: expected config.json in it"):
        RunFolder.open(tmp_path)


def test_a_run_cannot_be_made_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(Sim2RaceError, match="Cannot write"):
        RunFolder.create(tmp_path / "runs", "racer", {})


def test_snapshots_are_found_by_name_and_best_falls_back_to_last(folder: RunFolder) -> None:
    with pytest.raises(Sim2RaceError, match="no snapshot yet"):
        folder.find_snapshot("last")
    (folder.path / "snapshots").mkdir()
    early, late = folder.snapshot_path(8), folder.snapshot_path(123_456)
    for file in (early, late, folder.path / "snapshots" / ".step-000000009.aside.zip"):
        file.touch()
    assert folder.snapshots() == [early, late]
    assert folder.find_snapshot("last") == folder.find_snapshot("best") == late
    folder.write_best(early.stem)
    assert folder.find_snapshot("best") == early
    assert folder.find_snapshot("step-000000008") == early
    with pytest.raises(Sim2RaceError, match=r"No snapshot in .* is called 'step-000000007'\. Did you mean"):
        folder.find_snapshot("step-000000007")


def test_metrics_after_the_snapshot_and_a_half_written_line_are_cut(folder: RunFolder) -> None:
    for steps in (4, 8, 12):
        folder.append_metrics({"steps": steps})
    with folder.metrics_path.open("a") as file:
        file.write('{"steps": 16, "rew')
    folder.cut_metrics(8)
    assert folder.metrics() == [{"steps": 4}, {"steps": 8}]
    folder.append_metrics({"steps": 12})
    assert [row["steps"] for row in folder.metrics()] == [4, 8, 12]
