from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from analysis.heat_choice import HeatChoice
from analysis.log_index import open_log
from analysis.video import VideoConfig, frames_between, run, write_video
from car.action_space import ContinuousActionSpace
from car.errors import Sim2RaceError
from car.log_reader import CarLog
from tests.car.logs import write_synthetic_log
from tests.car.policies import make_metadata, save_policy

SKIPPED = tuple(range(20, 35))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> CarLog:
    folder = tmp_path_factory.mktemp("video")
    policy = save_policy(folder / "policy.onnx")
    return open_log(write_synthetic_log(folder, frames=60, policy=policy, skip=SKIPPED))


def decoded(path: Path) -> tuple[list[float], list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        assert container.streams.video[0].codec_context.name == "h264"
    times = [
        float(frame.pts * frame.time_base) for frame in frames if frame.pts is not None and frame.time_base
    ]
    return times, [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


def test_frames_are_shown_at_their_own_times_and_a_gap_stays_a_gap(
    log: CarLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "drive.mp4"

    assert run(VideoConfig(log=log.path, output=output)) == 0

    times, pictures = decoded(output)
    shown = (log.frames.stamp_ns - log.frames.stamp_ns[0]) / 1e9
    assert times[:-1] == pytest.approx(shown, abs=2e-5)
    assert times[20] - times[19] == pytest.approx(16 / 30, abs=1e-3)
    assert pictures[0].shape == (720, 1280, 3)
    assert "real time" in capsys.readouterr().out


def test_the_picture_shows_the_frame_and_the_heat_map_changes_it(log: CarLog, tmp_path: Path) -> None:
    some = np.arange(10, 13)
    write_video(log, some, tmp_path / "off.mp4", choice=HeatChoice("off"), done=lambda _: None)
    write_video(log, some, tmp_path / "on.mp4", choice=HeatChoice("hirescam"), done=lambda _: None)

    (_, plain), (_, heated) = decoded(tmp_path / "off.mp4"), decoded(tmp_path / "on.mp4")
    stage = plain[0][64:604, 20:740]
    assert np.abs(stage[90, 360].astype(int) - log.image(10)[20, 80]).max() < 25
    assert np.abs(stage.astype(int) - heated[0][64:604, 20:740]).max() > 40
    assert np.abs(plain[0][64:326, 764:].astype(int) - heated[0][64:326, 764:]).max() < 30


def test_a_range_is_in_seconds_and_an_empty_one_is_refused(log: CarLog) -> None:
    assert frames_between(log, 0.0, 0.1).tolist() == [0, 1, 2, 3]
    with pytest.raises(Sim2RaceError, match="no frame from 90"):
        frames_between(log, 90.0, None)


def test_a_video_that_is_interrupted_leaves_no_file(log: CarLog, tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(log, np.arange(10), tmp_path / "x.mp4", choice=HeatChoice("off"), done=interrupt)

    assert list(tmp_path.iterdir()) == []


def test_a_continuous_policys_log_and_one_with_damaged_pictures_become_videos(tmp_path: Path) -> None:
    bare = open_log(write_synthetic_log(tmp_path, frames=5, name="bare"))
    bare.action_space = ContinuousActionSpace(-0.3, 0.3, 0.5, 2.0)
    object.__setattr__(bare.frames, "probabilities", np.full((5, 2), 0.5, np.float32))
    (file,) = bare.path.glob("*.mcap")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"\xff\xd8\xff", b"\x00\x00\x00"))

    write_video(bare, np.arange(5), tmp_path / "bare.mp4", choice=HeatChoice("hirescam"), done=lambda _: None)

    assert len(decoded(tmp_path / "bare.mp4")[0]) == 6


def test_a_folder_that_does_not_take_the_file_is_named(log: CarLog) -> None:
    with pytest.raises(Sim2RaceError, match="Cannot write"):
        write_video(
            log, np.arange(3), Path("/proc/nothing/x.mp4"), choice=HeatChoice("off"), done=lambda _: None
        )


def test_action_opacity_sign_and_policy_are_seen_in_the_picture(log: CarLog, tmp_path: Path) -> None:
    other = save_policy(tmp_path / "other.onnx", make_metadata(seed=5))
    options: dict[str, dict[str, Any]] = {
        "default": {},
        "action": {"action": "2"},
        "faint": {"opacity": 0.2},
        "unsigned": {"signed": False},
        "other": {"policy": other},
    }
    stages, boards = {}, {}
    for name, given in options.items():
        output = tmp_path / f"{name}.mp4"
        assert run(VideoConfig(log=log.path, output=output, end_s=0.1, **given)) == 0
        picture = decoded(output)[1][0].astype(int)
        stages[name], boards[name] = picture[64:560, 20:740], picture[352:604, 764:1260]

    for name in options.keys() - {"default"}:
        assert np.abs(stages[name] - stages["default"]).max() > 40, name
    # Only another policy decides otherwise.
    assert np.abs(boards["other"] - boards["default"]).max() > 100
    assert np.abs(boards["action"] - boards["default"]).max() < 30


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"action": "best"}, "runner-up"),
        ({"action": "99"}, "actions 0 to 8"),
        ({"opacity": 1.5}, "from 0 to 1"),
        ({"policy": Path("/nowhere.onnx")}, "nowhere"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_leaves_no_file(
    log: CarLog, tmp_path: Path, given: dict[str, Any], says: str
) -> None:
    with pytest.raises(Sim2RaceError, match=says):
        run(VideoConfig(log=log.path, output=tmp_path / "x.mp4", **given))

    assert not list(tmp_path.iterdir())
