from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sim.scenery import KINDS
from sim.tracks_command import TracksConfig
from sim.tracks_command import run as run_tracks
from sim.view import ViewConfig, run


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


def test_hidden_kinds_are_missing_from_the_pictures(tmp_path: Path) -> None:
    run(ViewConfig(video=False, output=tmp_path / "full"))
    run(ViewConfig(video=False, hide=KINDS, output=tmp_path / "bare"))
    full, bare = (cv2.imread(str(tmp_path / name / "map.png")) for name in ("full", "bare"))
    assert full is not None and bare is not None
    assert np.any(full != bare)


def test_tracks_lists_them_all_and_draws_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tracks(TracksConfig(picture=tmp_path / "map.png", track="reinvent-2018")) == 0
    assert "17.69 m" in capsys.readouterr().out
    assert (tmp_path / "map.png").stat().st_size > 5_000
    run_tracks(TracksConfig())
    assert "forever-raceway" in capsys.readouterr().out
