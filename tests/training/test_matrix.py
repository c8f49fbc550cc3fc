"""`sim2race matrix`: cells of policies, tracks, noise and seeds, driven once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from car.errors import BadFileError, Sim2RaceError, UnknownNameError
from tests.car.policies import save_policy
from training.matrix import MatrixConfig, matrix_jobs, matrix_table, run


def test_every_cell_is_driven_once_and_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    config = MatrixConfig(
        policies=(policy,), tracks=("trapezoid-narrow",), noise=("none",), seeds=(1, 2), laps=1, jobs=2,
        folder=tmp_path / "m",
    )  # fmt: skip
    assert run(config) == 0
    rows = json.loads((tmp_path / "m" / "matrix.json").read_text())["rows"]
    assert [(row["seed"], row["direction"], row["attempted"]) for row in rows] == [
        (1, "counter-clockwise", 1), (1, "clockwise", 1), (2, "counter-clockwise", 1), (2, "clockwise", 1),
    ]  # fmt: skip
    assert "0%" in capsys.readouterr().out
    assert all(job.is_done() for job in matrix_jobs(config))


def test_laps_are_summed_over_seeds() -> None:
    row = {"policy": "p", "track": "t", "direction": "clockwise", "noise": "low", "attempted": 4}
    rows = [row | {"completed": 4, "mean_lap_s": 20.0}, row | {"completed": 1, "mean_lap_s": 22.0}]
    table = matrix_table(rows)
    assert [list(column.cells) for column in table.columns][-1] == ["62% 21.0 s"]


def test_what_cannot_be_driven_is_named(tmp_path: Path) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    with pytest.raises(UnknownNameError, match="Did you mean 'high'"):
        matrix_jobs(MatrixConfig(policies=(policy,), noise=("hihg",)))
    with pytest.raises(UnknownNameError, match="Did you mean 'trapezoid'"):
        matrix_jobs(MatrixConfig(policies=(policy,), tracks=("trapezoit",)))
    with pytest.raises(BadFileError, match=r"gone.onnx does not exist"):
        matrix_jobs(MatrixConfig(policies=(tmp_path / "gone.onnx",)))
    with pytest.raises(Sim2RaceError, match="Nothing to drive"):
        matrix_jobs(MatrixConfig(policies=(policy,), laps=0))
