from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from analysis.heat_choice import HeatChoice
from analysis.range_files import write_picture, write_table
from analysis.replay import replay
from car.log_reader import CarLog, read_log
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> CarLog:
    policy = save_policy(tmp_path_factory.mktemp("policy") / "policy.onnx")
    return read_log(write_synthetic_log(tmp_path_factory.mktemp("logs"), frames=24, policy=policy))


def test_a_table_holds_every_signal_of_the_frames_that_were_asked_for(log: CarLog, tmp_path: Path) -> None:
    shown = replay(log)

    write_table(shown, np.arange(5, 9), tmp_path / "range.csv")

    with (tmp_path / "range.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frame"] for row in rows] == ["5", "6", "7", "8"]
    assert rows[1]["state"] == "driving"
    assert float(rows[2]["time_s"]) == shown.columns["time_s"][7]
    assert np.float32(rows[3]["probabilities_4"]) == shown.columns["probabilities"][8, 4]
    assert set(shown.columns) - {"probabilities"} <= set(rows[0])


def test_what_is_unknown_is_left_empty(log: CarLog, tmp_path: Path) -> None:
    shown = replay(log)
    shown.columns["x_m"][0] = np.nan

    write_table(shown, np.array([0]), tmp_path / "range.csv")

    with (tmp_path / "range.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["x_m"] == ""


def test_a_picture_shows_the_frame_and_with_a_heat_map_it_differs(log: CarLog, tmp_path: Path) -> None:
    write_picture(log, 3, tmp_path / "plain.png", choice=HeatChoice("off"))
    write_picture(log, 3, tmp_path / "heat.png", choice=HeatChoice("hirescam"))

    plain, heat = (cv2.imread(str(tmp_path / name)) for name in ("plain.png", "heat.png"))
    assert plain is not None and heat is not None
    stage = cv2.resize(plain[64:604, 20:740], (160, 120), interpolation=cv2.INTER_AREA)[..., ::-1]
    assert np.abs(stage.astype(int) - log.image(3)).mean() < 3.0
    assert plain.shape == heat.shape and not np.array_equal(plain, heat)


def test_a_picture_of_a_log_without_a_policy_has_no_heat_map(tmp_path: Path) -> None:
    log = read_log(write_synthetic_log(tmp_path, frames=3))

    write_picture(log, 0, tmp_path / "heat.png", choice=HeatChoice("gradcam"))
    write_picture(log, 0, tmp_path / "plain.png", choice=HeatChoice("off"))

    assert (tmp_path / "heat.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_a_frame_without_a_picture_leaves_no_file(log: CarLog, tmp_path: Path) -> None:
    with pytest.raises(IndexError):
        write_picture(log, 99, tmp_path / "none.png", choice=HeatChoice())

    assert not list(tmp_path.iterdir())
