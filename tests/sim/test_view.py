from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from car.preprocess import HEIGHT, WIDTH
from sim.pictures import CAPTION_HEIGHT
from sim.scenery import KINDS
from sim.simulator import SimConfig
from sim.tracks_command import TracksConfig
from sim.tracks_command import run as run_tracks
from sim.view import ViewConfig, camera_sheet, run
from sim.view_sheets import COLUMNS, MOUNTS, effect_pictures, effect_sheet, kind_sheet
from tests.car.policies import make_metadata, save_policy


def test_view_writes_a_sheet_a_map_and_a_playable_lap(tmp_path: Path) -> None:
    assert run(ViewConfig(track="trapezoid-narrow", noise="low", output=tmp_path)) == 0
    sheet, above = (cv2.imread(str(tmp_path / name)) for name in ("cameras.png", "map.png"))
    assert sheet is not None and above is not None
    assert sheet.shape == (4 * (120 + 18), 4 * 160, 3)
    for name in ("levels", "effects", "kinds", "seeds"):
        extra = cv2.imread(str(tmp_path / f"{name}.png"))
        assert extra is not None
        assert extra.std() > 20
    # A map has road, white lines and dark floor.
    assert 0.02 < np.mean(above.min(axis=2) > 230) < 0.2
    assert np.mean(np.all(above == (76, 72, 70), axis=2)) > 0.1
    with av.open(str(tmp_path / "lap.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
        assert float(video.streams.video[0].average_rate or 0) == 30.0
    assert 200 < len(frames) < 500
    assert np.mean(np.abs(frames[0].astype(int) - frames[100])) > 3
    assert not list(tmp_path.glob(".*"))


def test_hidden_kinds_are_missing_from_the_pictures() -> None:
    full, bare = (camera_sheet(ViewConfig(hide=hidden), count=4) for hidden in ((), KINDS))
    assert np.mean(np.any(full != bare, axis=2)) > 0.02


def test_a_policy_that_remembers_drives_the_lap_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = save_policy(tmp_path / "policy.onnx", make_metadata(frames=2, history=4))
    run(ViewConfig(track="trapezoid-narrow", noise="none", policy=policy, output=tmp_path))
    assert "lap.mp4: " in capsys.readouterr().out
    assert (tmp_path / "lap.mp4").stat().st_size > 1000


def test_every_kind_is_shown_where_it_can_be_seen() -> None:
    sheet = kind_sheet(SimConfig(noise="high"), seed=1)
    height, width = HEIGHT + CAPTION_HEIGHT, WIDTH
    for number in range(len(KINDS)):
        row, column = divmod(2 * number, 4)
        shown, hidden = (
            sheet[row * height + CAPTION_HEIGHT : (row + 1) * height, place * width : (place + 1) * width]
            for place in (column, column + 1)
        )
        assert np.any(shown != hidden), KINDS[number]


def test_every_effect_is_named_and_changes_the_picture() -> None:
    config = SimConfig(noise="high")
    pictures = effect_pictures(config, seed=1)
    before = pictures.pop("before").astype(int)
    assert {"glare patches", "frame averaging 0.5, turning", *MOUNTS} < set(pictures)
    for name, picture in pictures.items():
        assert np.abs(picture - before).max() > 10, name
    glare = (pictures["glare patches"] - before).max(axis=2)
    assert (glare >= 0).all()
    assert glare[:40].max() == 0
    displays = pictures["equal displays, flickering"][:, :, 1]
    assert len(set(displays[18, 30:130][displays[18, 30:130] != before[18, 30:130, 1]].tolist())) >= 3
    # What one picture shows is gone in the next.
    assert min(pictures[name][:40].min() for name in MOUNTS) > 50
    # Looking 2 degrees lower moves the picture up by 126 pixels times tan 2 degrees.
    lower = pictures["mount: 2 deg of pitch"].astype(int)
    assert np.abs(lower[40:110] - before[44:114]).mean() < np.abs(lower[40:110] - before[40:110]).mean() / 2
    rows = -(-(len(pictures) + 1) // COLUMNS)
    assert effect_sheet(config, seed=1).shape == (rows * (HEIGHT + CAPTION_HEIGHT), COLUMNS * WIDTH, 3)


def test_tracks_lists_them_all_and_draws_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tracks(TracksConfig(picture=tmp_path / "map.png", track="reinvent-2018")) == 0
    assert "17.69 m" in capsys.readouterr().out
    assert (tmp_path / "map.png").stat().st_size > 5_000
    run_tracks(TracksConfig())
    assert "forever-raceway" in capsys.readouterr().out
