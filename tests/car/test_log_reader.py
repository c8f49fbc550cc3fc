"""Reading car logs: ours and the community's, and whatever is left of a damaged one."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import CompressionMode, StoragePlugin, Writer

from car.action_space import DiscreteActionSpace, default_action_space
from car.calibration import default_calibration
from car.errors import BadFileError, Sim2RaceError
from car.log_reader import CarLog, list_logs, read_log
from car.mcap_file import MAGIC, McapFile
from car.messages import header, make, serialize, typestore
from car.policy import Policy
from car.preprocess import observation
from car.topics import CAMERA, RL_RESULTS
from tests.car.community_log import write_community_log
from tests.car.logs import (
    INFERENCE_DELAY_NS,
    STARTED_NS,
    STOP_REASON,
    WRITE_DELAY_NS,
    synthetic_frames,
    write_synthetic_log,
)
from tests.car.policies import save_policy


@pytest.fixture(scope="module")
def log_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic_log(tmp_path_factory.mktemp("logs"), frames=90, skip=(40, 41))


@pytest.fixture(scope="module")
def log(log_path: Path) -> CarLog:
    return read_log(log_path)


def test_every_frame_has_its_command_its_times_and_its_place(log: CarLog) -> None:
    frames = [frame for frame in synthetic_frames(90) if frame.number not in (40, 41)]
    table = log.frames
    assert len(table) == 88
    np.testing.assert_array_equal(table.stamp_ns, [frame.stamp_ns for frame in frames])
    np.testing.assert_array_equal(table.frame_number, [frame.number for frame in frames])
    np.testing.assert_allclose(table.probabilities, [frame.probabilities for frame in frames], atol=1e-6)
    np.testing.assert_array_equal(table.action, [frame.action for frame in frames])
    np.testing.assert_allclose(
        table.steering_rad, [frame.command.steering_rad for frame in frames], atol=1e-6
    )
    np.testing.assert_allclose(table.speed_mps, [frame.command.speed_mps for frame in frames], atol=1e-6)
    pulses = [default_calibration().pwm(frame.command) for frame in frames]
    np.testing.assert_array_equal(table.steering_pwm_ns, [pwm.steering_ns for pwm in pulses])
    np.testing.assert_array_equal(table.motor_pwm_ns, [pwm.motor_ns for pwm in pulses])
    np.testing.assert_array_equal(table.inferred_ns - table.stamp_ns, INFERENCE_DELAY_NS)
    np.testing.assert_array_equal(table.written_ns - table.stamp_ns, WRITE_DELAY_NS)
    assert set(table.state) == {"driving"}
    np.testing.assert_allclose(table.x_m, [frame.x_m for frame in frames], atol=1e-9)
    np.testing.assert_allclose(table.y_m, [frame.y_m for frame in frames], atol=1e-9)
    np.testing.assert_allclose(table.yaw_rad, [frame.yaw_rad for frame in frames], atol=1e-9)
    np.testing.assert_allclose(table.true_speed_mps, [frame.command.speed_mps for frame in frames], atol=1e-6)
    progress = [100 * frame.arc_length_m / frame.lap_length_m for frame in frames]
    np.testing.assert_allclose(table.progress, progress, atol=1e-4)
    np.testing.assert_array_equal(table.lateral_m, 0.0)


def test_the_pictures_are_the_bytes_that_were_logged(log: CarLog) -> None:
    frames = [frame for frame in synthetic_frames(90) if frame.number not in (40, 41)]
    for index in (0, 39, 40, 87):
        assert log.jpeg(index) == frames[index].jpeg
    assert log.image(3).shape == (120, 160, 3)
    with pytest.raises(IndexError):
        log.jpeg(88)


def test_run_events_and_health_are_there(log: CarLog, log_path: Path) -> None:
    assert log.name == log_path.name
    assert log.run["track"] == "oval"
    assert log.action_space == default_action_space()
    assert log.policy_path is None
    assert log.damage is None
    assert [(event.kind, event.text) for event in log.events] == [
        ("armed", "waiting for the first command"),
        ("driving", ""),
        ("stopped", STOP_REASON),
        ("end", "end of the synthetic drive"),
    ]
    np.testing.assert_allclose(log.health["cpu_temp"], [55.5, 55.5])
    assert log.health["stamp_ns"][0] == STARTED_NS + 33_333_333


def test_the_policy_beside_the_log_decides_as_it_did_on_the_car(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=10, policy=save_policy(tmp_path / "models" / "policy.onnx"))
    log = read_log(path)
    assert log.policy_path == path / "policy.onnx"
    policy = Policy.load(log.policy_path)
    again = [policy.act(observation(log.image(i))[None]) for i in range(10)]
    np.testing.assert_allclose(log.frames.probabilities, again, atol=1e-6)


def test_a_log_without_a_closing_is_read_whole_and_says_so(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=60, finish=False)
    log = read_log(path)
    assert len(log.frames) == 60
    assert log.damage is not None
    assert "without its index" in log.damage
    assert not (path / "metadata.yaml").exists()


def test_a_log_cut_anywhere_is_read_up_to_the_cut(log_path: Path, tmp_path: Path) -> None:
    whole = next(log_path.glob("*.mcap")).read_bytes()
    full = read_log(log_path)
    counts = []
    for share in np.linspace(0.02, 0.98, 25):
        cut = tmp_path / "cut.mcap"
        cut.write_bytes(whole[: int(len(whole) * share)])
        log = read_log(cut)
        assert log.damage is not None
        counts.append(len(log.frames))
        np.testing.assert_array_equal(log.frames.stamp_ns, full.frames.stamp_ns[: counts[-1]])
        if counts[-1]:
            assert log.jpeg(counts[-1] - 1) == full.jpeg(counts[-1] - 1)
    assert counts == sorted(counts)
    expected = np.linspace(0.02, 0.98, 25) * 88
    # A chunk without its end is read too, so that nearly as many frames as bytes are there.
    assert np.abs(np.array(counts) - expected).max() < 12


@pytest.mark.parametrize("seed", range(30))
def test_a_log_with_flipped_bytes_is_read_as_far_as_possible_or_refused(
    seed: int, log_path: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(next(log_path.glob("*.mcap")).read_bytes())
    for place in rng.integers(8, len(content), 40):
        content[place] = rng.integers(0, 256)
    path = tmp_path / "flipped.mcap"
    path.write_bytes(content)
    try:
        log = read_log(path)
    except BadFileError as error:
        assert "\n" not in str(error)
        return
    for index in range(len(log.frames)):
        log.jpeg(index)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("log.mcap", b"", "is empty"),
        ("log.mcap", b"PK\x03\x04", "is no MCAP file"),
        ("log.db3", b"", "is no SQLite file"),
        ("log.db3", b"SQLite format 3\0" + bytes(200), "is no usable rosbag2 file"),
        ("log.txt", b"hello", "is no log"),
    ],
)
def test_what_is_no_log_is_refused_in_one_line(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadFileError, match=reason) as caught:
        read_log(path)
    assert "\n" not in str(caught.value)


def test_a_missing_log_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="does not exist"):
        read_log(tmp_path / "absent")
    with pytest.raises(BadFileError, match=r"there is no \.mcap or \.db3 file"):
        read_log(tmp_path)


@pytest.mark.parametrize("plugin", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
@pytest.mark.parametrize("counts_frames", [True, False])
def test_the_communitys_logs_are_read(plugin: StoragePlugin, counts_frames: bool, tmp_path: Path) -> None:
    log = read_log(write_community_log(tmp_path, plugin=plugin, counts_frames=counts_frames))
    frames = list(synthetic_frames(20))
    assert len(log.frames) == 20
    assert log.damage is None
    assert log.frames.probabilities.shape == (20, 5)
    np.testing.assert_allclose(log.frames.probabilities.sum(axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(log.frames.action, log.frames.probabilities.argmax(axis=1))
    expected = 700 + 2 * np.arange(20) if counts_frames else np.full(20, -1)
    np.testing.assert_array_equal(log.frames.frame_number, expected)
    assert np.isnan(log.frames.steering_rad).all()
    assert np.isnan(log.frames.x_m).all()
    assert set(log.frames.state) == {""}
    assert [log.jpeg(i) for i in range(20)] == [frame.jpeg for frame in frames]
    assert log.action_space is None
    assert log.events == []


def test_compressed_chunks_are_read_in_any_order(tmp_path: Path) -> None:
    log = read_log(
        write_community_log(tmp_path, plugin=StoragePlugin.MCAP, compression=CompressionMode.STORAGE)
    )
    frames = list(synthetic_frames(20))
    for index in (0, 19, 7):
        assert log.jpeg(index) == frames[index].jpeg


def test_a_metadata_file_beside_a_communitys_log_gives_the_actions_their_meaning(tmp_path: Path) -> None:
    path = write_community_log(tmp_path)
    actions = [{"steering_angle": angle, "speed": 1.0} for angle in (-30, -15, 0, 15, 30)]
    (path / "model_metadata.json").write_text(json.dumps({"action_space": actions}))
    log = read_log(path)
    assert isinstance(log.action_space, DiscreteActionSpace)
    angles = np.deg2rad([-30, -15, 0, 15, 30])[log.frames.action]
    np.testing.assert_allclose(log.frames.steering_rad, angles, atol=1e-6)


def test_a_continuous_communitys_log_has_outputs_and_no_action(tmp_path: Path) -> None:
    log = read_log(write_community_log(tmp_path, outputs=2))
    assert log.frames.probabilities.shape == (20, 2)
    np.testing.assert_array_equal(log.frames.action, -1)


def test_a_log_that_grows_while_it_is_read_is_read_as_it_was(log_path: Path, tmp_path: Path) -> None:
    (source,) = log_path.glob("*.mcap")
    whole = source.read_bytes()
    records, at = [], len(MAGIC)
    while at + 9 <= len(whole) - len(MAGIC):
        records.append(at)
        at += 9 + struct.unpack_from("<Q", whole, at + 1)[0]
    growing = tmp_path / "growing.mcap"
    # Wherever the writer has come to: between two records, in the head of one, in its body.
    for size in (start + into for start in records[:12] for into in (0, 1, 8, 9, 40)):
        growing.write_bytes(whole[:size])
        before = list(McapFile(growing).entries())
        opened = McapFile(growing)
        growing.write_bytes(whole)
        assert list(opened.entries()) == before


def test_a_truncated_sqlite_log_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = next(write_community_log(tmp_path, frames=60).glob("*.db3"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    log = read_log(path)
    assert 10 < len(log.frames) < 60
    assert log.damage is not None
    assert log.jpeg(len(log.frames) - 1).startswith(b"\xff\xd8")


def test_the_stock_softwares_log_is_refused_for_its_other_definition(tmp_path: Path) -> None:
    path = tmp_path / "stock-20210101-120000"
    stock = "InferResults[] results\nsensor_msgs/Image[] images\n"
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as bag:
        connection = bag.add_connection(
            RL_RESULTS.name, RL_RESULTS.type_name, msgdef=stock, rihs01="RIHS01_0"
        )
        bag.write(connection, 1, b"\x00\x01\x00\x00" + bytes(100))
    with pytest.raises(BadFileError, match="another definition of deepracer_interfaces_pkg"):
        read_log(path)


def test_a_log_of_the_camera_alone_has_pictures_without_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "manual-20260101-120000"
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        connection = bag.add_connection(CAMERA.name, CAMERA.type_name, typestore=typestore())
        for frame in synthetic_frames(5):
            image = make(
                CAMERA.type_name,
                header=header(frame.stamp_ns, str(frame.number)),
                format="jpeg",
                data=np.frombuffer(frame.jpeg, dtype=np.uint8),
            )
            bag.write(connection, frame.stamp_ns, serialize(image, CAMERA.type_name))
    log = read_log(path)
    assert len(log.frames) == 5
    assert log.frames.probabilities.shape == (5, 0)
    np.testing.assert_array_equal(log.frames.action, -1)
    assert log.jpeg(4).startswith(b"\xff\xd8")


def test_a_frame_without_a_picture_says_so(tmp_path: Path) -> None:
    path = tmp_path / "blind-20260101-120000"
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        connection = bag.add_connection(RL_RESULTS.name, RL_RESULTS.type_name, typestore=typestore())
        message = make(RL_RESULTS.type_name, results=[], images=[])
        bag.write(connection, 77, serialize(message, RL_RESULTS.type_name))
    log = read_log(path)
    assert list(log.frames.stamp_ns) == [77]
    with pytest.raises(Sim2RaceError, match="without a picture"):
        log.jpeg(0)


def test_logs_are_listed_newest_first_whole_or_not(tmp_path: Path) -> None:
    whole = write_synthetic_log(tmp_path, frames=30, name="whole")
    open_still = write_synthetic_log(tmp_path, frames=30, name="open", finish=False)
    (tmp_path / "rubbish").mkdir()
    (tmp_path / "rubbish" / "x.mcap").write_bytes(b"rubbish")
    (tmp_path / "notes").mkdir()
    older = write_community_log(tmp_path)
    logs = {log.path: log for log in list_logs(tmp_path)}
    assert logs.keys() == {whole, open_still, tmp_path / "rubbish", older}
    assert (logs[whole].frames, logs[whole].damage) == (30, None)
    assert logs[whole].started_ns == STARTED_NS
    assert logs[whole].duration_s == pytest.approx(1.11, abs=0.01)
    assert logs[whole].size_bytes > 50_000
    assert logs[open_still].frames == 30
    assert logs[open_still].damage is not None
    assert "is no MCAP file" in str(logs[tmp_path / "rubbish"].damage)
    assert logs[older].frames == 20
    assert next(reversed(logs)) == tmp_path / "rubbish"
    with pytest.raises(BadFileError, match="cannot be read"):
        list_logs(tmp_path / "absent")


def test_a_split_log_is_read_in_the_order_of_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "split-20260101-120000"
    path.mkdir()
    for part, frames in enumerate((4, 3)):
        source = write_community_log(tmp_path / f"part{part}", plugin=StoragePlugin.MCAP, frames=frames)
        next(source.glob("*.mcap")).rename(path / f"split_{9 + part}.mcap")
    log = read_log(path)
    assert len(log.frames) == 7
    assert {log.jpeg(i) for i in range(7)} == {frame.jpeg for frame in synthetic_frames(4)}
