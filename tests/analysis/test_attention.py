"""Where attention goes: the regions against pictures that the simulator renders, the shares by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from analysis.attention import Attention, attention, log_attention
from analysis.bench_log import write_bench_log
from analysis.course import course_of
from analysis.log_index import open_log
from analysis.picture_regions import FloorView, TrackMap
from analysis.run_card import BY_KEY, card_of, run_card
from car.errors import BadFileError
from car.log_reader import CarLog
from car.policy import Policy
from sim.camera import camera_named
from sim.simulator import SimConfig, Simulator
from sim.track import load_track
from tests.car.policies import make_metadata, save_policy


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> CarLog:
    policy = save_policy(tmp_path_factory.mktemp("policy") / "policy.onnx")
    return open_log(write_bench_log(tmp_path_factory.mktemp("logs"), frames=60, policy=policy))


def rendered(
    arc_m: float, lateral_m: float
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], tuple[float, float, float]]:
    config = SimConfig(
        tracks=("reinvent-2018",), directions=("counter-clockwise",), noise="none", vary_vehicle=False
    )
    simulator = Simulator(config, n_cars=1, seed=0)
    pose = load_track("reinvent-2018").pose_at(arc_m, lateral_m)
    simulator.set_pose(0, *pose)
    return simulator.look_rgb()[0], pose


@pytest.mark.parametrize(("arc_m", "lateral_m"), [(1.0, 0.0), (6.0, 0.1), (12.0, -0.1)])
def test_regions_lie_where_the_simulator_paints_them(arc_m: float, lateral_m: float) -> None:
    picture, pose = rendered(arc_m, lateral_m)

    regions = TrackMap(load_track("reinvent-2018")).regions(FloorView(camera_named("aws")), *pose)

    bright = (picture.astype(int).min(axis=2) > 190) & ~regions.above
    assert bright.sum() > 200
    # White paint lies within the lines, but for the start line across the track.
    assert (bright & regions.lines).sum() > 0.9 * bright.sum()
    asphalt = regions.track & ~regions.lines
    saturation = picture.astype(int).max(axis=2) - picture.astype(int).min(axis=2)
    # The road is grey and the floor beside it green.
    floor = ~regions.track & ~regions.above & ~regions.lines
    assert np.median(saturation[asphalt]) < np.median(saturation[floor])
    assert (saturation[asphalt] < 15).mean() > 0.9


def test_the_horizon_of_the_reference_camera_is_a_quarter_down() -> None:
    above = FloorView(camera_named("aws")).above

    rows = np.flatnonzero(above.all(axis=1))
    # 59.5 - 126.3 * tan(13.6 degrees) = 28.9
    assert rows[-1] == 28
    assert not above[30:].any()


def test_shares_are_of_the_whole_map_and_know_their_area(log: CarLog) -> None:
    policy = Policy.load(log.policy_path or Path())

    found = attention(policy, log, np.arange(0, 60, 12), course_of(log.run))

    assert found.rows.tolist() == [0, 12, 24, 36, 48]
    for share in (found.track, found.lines, found.above):
        assert ((share >= 0) & (share <= 1)).all()
    assert (found.track + found.above <= 1.0 + 1e-6).all()
    assert found.above_area == pytest.approx(np.full(5, 29 / 120))
    assert (found.lines_area < found.track_area).all()


def test_without_a_track_only_the_horizon_is_known(log: CarLog) -> None:
    found = log_attention(log, None, sample=4)

    assert found is not None
    assert np.isnan(found.track).all() and np.isfinite(found.above).all()
    assert math.isnan(found.figures()["attention_track"])


def test_figures_are_per_cent_and_times_the_area() -> None:
    two = np.array([0.5, 0.3])
    one = Attention(np.array([0, 9]), two, two / 5, two / 2, two, np.array([0.04, 0.04]), two)

    assert one.figures() == pytest.approx(
        {"attention_track": 40.0, "attention_lines": 2.0, "attention_above": 20.0}
    )
    first = one.figures(np.array([True, False]))
    assert first["attention_track"] == pytest.approx(50.0)


def test_the_scorecard_has_attention_of_the_run_and_of_each_piece(log: CarLog) -> None:
    card = run_card(log)

    assert 0.0 < card.figures["attention_track"] <= 100.0
    blind = card_of("x", replace(log.frames), None)
    assert math.isnan(blind.figures["attention_above"])
    assert set(card.figures) == set(BY_KEY)


def test_a_camera_of_a_calibration_file_is_the_files_or_the_attention_is_not_told(
    log: CarLog, tmp_path: Path
) -> None:
    lens = tmp_path / "lens.yaml"
    policy = Policy.load(save_policy(tmp_path / "policy.onnx", make_metadata(camera=str(lens))))
    with pytest.raises(BadFileError, match=r"lens.yaml does not exist"):
        attention(policy, log, np.arange(3), None)

    storage = cv2.FileStorage(str(lens), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 160)
    storage.write("image_height", 120)
    storage.write("camera_matrix", np.array([[60.0, 0.0, 79.5], [0.0, 60.0, 80.0], [0.0, 0.0, 1.0]]))
    storage.write("distortion_coefficients", np.zeros((1, 5)))
    storage.release()
    aws = Policy.load(save_policy(tmp_path / "aws.onnx"))
    # Its horizon lies lower in the picture, so there is more above it.
    rows = np.arange(3)
    assert (attention(policy, log, rows, None).above > attention(aws, log, rows, None).above + 0.05).all()


def test_a_log_without_a_policy_has_no_attention(tmp_path: Path) -> None:
    assert log_attention(open_log(write_bench_log(tmp_path, frames=3)), None) is None
