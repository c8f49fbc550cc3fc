"""The files of a log: compressed as the community does, or made to hurt."""

from __future__ import annotations

import sqlite3
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from backports.zstd import compress as zstd_compress
from lz4.frame import compress as lz4_compress  # type: ignore[import-untyped]
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from car.errors import BadFileError
from car.infer_results import InferResults
from car.log_parts import is_log, is_log_file, open_parts
from car.log_reader import list_logs, read_log
from car.mcap_file import MAGIC, Entry, Handle, McapFile
from car.raw_log import PictureRows
from car.topics import GROUND_TRUTH, RL_RESULTS
from car.unpack import ZSTD_MAGIC, unpack, unpack_file, unpack_message
from tests.car.community_log import write_community_log
from tests.car.logs import STARTED_NS, synthetic_frames, write_synthetic_log


@pytest.mark.parametrize(
    ("plugin", "mode"),
    [
        (StoragePlugin.SQLITE3, CompressionMode.FILE),
        (StoragePlugin.SQLITE3, CompressionMode.MESSAGE),
        (StoragePlugin.MCAP, CompressionMode.STORAGE),
    ],
)
def test_logs_compressed_in_every_way_that_the_community_uses_are_read(
    plugin: StoragePlugin, mode: CompressionMode, tmp_path: Path
) -> None:
    path = write_community_log(tmp_path, plugin=plugin, compression=mode)

    log = read_log(path)

    frames = list(synthetic_frames(20))
    assert log.damage is None
    assert len(log.frames) == 20
    assert [log.jpeg(i) for i in (0, 19, 7)] == [frames[i].jpeg for i in (0, 19, 7)]
    (listed,) = list_logs(tmp_path)
    assert listed.frames == 20


def test_a_whole_mcap_file_packed_by_hand_is_read_and_a_cut_one_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=150)
    file = next(path.glob("*.mcap"))
    packed = zstd_compress(file.read_bytes())
    file.with_name(file.name + ".zstd").write_bytes(packed)
    file.unlink()

    assert len(read_log(path).frames) == 150
    file.with_name(file.name + ".zstd").write_bytes(packed[: len(packed) * 2 // 3])
    cut = read_log(path)
    assert 0 < len(cut.frames) < 150
    assert cut.damage is not None and "compressed file" in cut.damage


def test_what_is_part_of_a_log_is_told_by_its_name(tmp_path: Path) -> None:
    assert is_log_file(Path("a_0.mcap")) and is_log_file(Path("a_0.db3.zstd"))
    assert not is_log_file(Path("a.zstd")) and not is_log_file(Path(".a.db3"))
    assert not is_log(tmp_path) and not is_log(tmp_path / "absent")


def test_nothing_unpacks_to_more_than_its_limit(tmp_path: Path) -> None:
    bomb = zstd_compress(bytes(50_000_000))
    with pytest.raises(BadFileError, match="more than 1000 bytes"):
        unpack(bomb, "zstd", 1000)
    with pytest.raises(BadFileError, match="more than"):
        unpack_message(bomb)
    with pytest.raises(BadFileError, match="more than 1000 bytes"):
        unpack(lz4_compress(bytes(1001)), "lz4", 1000)
    assert unpack(lz4_compress(bytes(1000)), "lz4", 1000) == bytes(1000)

    (tmp_path / "bomb.zstd").write_bytes(bomb)
    problem = unpack_file(tmp_path / "bomb.zstd", tmp_path / "out", 2_000_000)
    assert problem is not None and "more than 2000000" in problem
    assert (tmp_path / "out").stat().st_size <= 2_000_000


@pytest.mark.parametrize(
    "broken", [b"", ZSTD_MAGIC, ZSTD_MAGIC + b"\xff" * 40, zstd_compress(b"a" * 99)[:-3]]
)
def test_damaged_compression_is_refused_in_one_line(broken: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadFileError):
        unpack(broken, "zstd", 1000)
    (tmp_path / "a.mcap.zstd").write_bytes(broken)
    with pytest.raises(BadFileError) as refusal:
        open_parts(tmp_path / "a.mcap.zstd")
    assert "\n" not in str(refusal.value)


def mcap_chunk(content: bytes, *, compression: bytes, claimed: int) -> bytes:
    body = struct.pack("<QQQI", 0, 0, claimed, 0)
    body += struct.pack("<I", len(compression)) + compression + struct.pack("<Q", len(content)) + content
    return struct.pack("<BQ", 6, len(body)) + body


def test_chunks_that_unpack_to_gigabytes_are_left_out_and_named(tmp_path: Path) -> None:
    bomb = mcap_chunk(zstd_compress(bytes(60 * 2**20)), compression=b"zstd", claimed=60 * 2**20)
    path = tmp_path / "bomb.mcap"
    path.write_bytes(MAGIC + bomb * 40)

    file = McapFile(path)
    tracemalloc.start()
    assert list(file.entries()) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert file.damage is not None and "more than any logger writes" in file.damage
    assert peak < 200 * 2**20


def test_a_view_in_place_of_a_table_is_refused_before_it_computes_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "endless.db3"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE topics (id INTEGER, name TEXT, type TEXT)")
        database.execute(
            "CREATE VIEW messages AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) "
            "SELECT id, 1 AS topic_id, id AS timestamp, zeroblob(1000) AS data FROM n"
        )
    database.close()

    with pytest.raises(BadFileError, match="no plain table"):
        read_log(path)


def test_rows_of_other_types_than_expected_are_left_out(tmp_path: Path) -> None:
    path = write_community_log(tmp_path)
    file = next(path.glob("*.db3"))
    with sqlite3.connect(file) as database:
        database.execute("UPDATE messages SET timestamp = 'soon' WHERE id = 1")
        database.execute("UPDATE messages SET data = 'text' WHERE id = 3")
    database.close()

    assert len(read_log(path).frames) == 18


def test_poses_that_were_logged_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    straight = read_log(write_synthetic_log(tmp_path / "a", frames=12))
    path = write_synthetic_log(tmp_path / "b", frames=12)
    file = next(path.glob("*.mcap"))
    content = file.read_bytes()
    # Exchange the content of two poses: the message of the third frame comes after that of the fifth.
    poses = [entry for entry in McapFile(file).entries() if entry.topic == GROUND_TRUTH.name]
    one, other = poses[2], poses[4]
    changed = bytearray(content)
    changed[one.handle.offset : one.handle.offset + one.handle.size] = other.data
    changed[other.handle.offset : other.handle.offset + other.handle.size] = one.data
    file.write_bytes(changed)

    mixed = read_log(path)

    np.testing.assert_allclose(mixed.frames.x_m, straight.frames.x_m, atol=1e-9)
    np.testing.assert_allclose(mixed.frames.yaw_rad, straight.frames.yaw_rad, atol=1e-9)


def test_an_older_definition_of_our_own_report_is_read_by_what_the_file_says(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=10)
    file = next(path.glob("*.mcap"))
    content = file.read_bytes()
    # A field that nobody here needs had another name once.
    assert b"uint64 frames_in" in content
    file.write_bytes(content.replace(b"uint64 frames_in", b"uint64 frames_zz"))

    log = read_log(path)

    assert log.damage is None or "definition" not in log.damage
    assert (log.frames.inferred_ns > 0).all()


def test_memory_follows_the_numbers_of_a_log_and_not_its_bytes(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=1800, pictures=10)
    read_log(path)
    tracemalloc.start()
    read_log(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    size = sum(file.stat().st_size for file in path.iterdir())
    assert size > 5_000_000
    # 4 MB are waiting to be decoded at any time, whatever the length.
    assert peak < 6_000_000 + 1800 * 1000


def test_outputs_of_another_number_of_actions_than_most_have_are_unknown() -> None:
    rows = PictureRows()
    for count in (2, 3, 3, 3):
        results = b"".join(struct.pack("<if4f", i, i / 10, -1, -1, -1, -1) for i in range(count))
        found = InferResults(results, True, STARTED_NS, "7", 0, 0)
        rows.append(0, Handle(0, 0), 0, found)

    table = rows.probabilities()

    assert table.shape == (4, 3)
    assert np.isnan(table[0]).all()
    np.testing.assert_allclose(table[1], [0.0, 0.1, 0.2])
    assert PictureRows().probabilities().shape == (0, 0)


def in_mcap(path: Path, topic: str, number: int) -> tuple[Path, Entry]:
    """Return the file of a log and where the nth message of a topic is in it."""
    file = next(path.glob("*.mcap"))
    return file, [entry for entry in McapFile(file).entries() if entry.topic == topic][number]


def overwrite(file: Path, at: int, data: bytes) -> None:
    content = bytearray(file.read_bytes())
    content[at : at + len(data)] = data
    file.write_bytes(without_checksums(bytes(content)))


def without_checksums(mcap: bytes) -> bytes:
    content, at = bytearray(mcap), len(MAGIC)
    while at + 9 <= len(content):
        op, size = struct.unpack_from("<BQ", content, at)
        if op == 6:
            content[at + 9 + 24 : at + 9 + 28] = bytes(4)
        at += 9 + size
    return bytes(content)


def test_a_frame_whose_stamp_is_decades_away_is_left_out_and_counted(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=20)
    file, entry = in_mcap(path, RL_RESULTS.name, 7)
    stamp = struct.pack("<i", STARTED_NS // 1_000_000_000)
    at = entry.data.index(stamp)
    overwrite(file, entry.handle.offset + at, struct.pack("<i", 7))

    log = read_log(path)

    assert len(log.frames) == 19
    assert log.damage is not None and "1 damaged message" in log.damage
    assert np.ptp(log.frames.stamp_ns) < 2e9


def test_a_pose_from_another_world_is_no_place(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=20)
    file, entry = in_mcap(path, GROUND_TRUTH.name, 9)
    x_m = read_log(path).frames.x_m[9]
    at = entry.data.index(struct.pack("<d", x_m))
    overwrite(file, entry.handle.offset + at, struct.pack("<d", 1e300))

    frames = read_log(path).frames

    assert np.isnan(frames.x_m[9]) and np.isnan(frames.y_m[9])
    assert np.isfinite(np.delete(frames.x_m, 9)).all()


@pytest.mark.parametrize("word", [b"uint64 frames_in", b"float32 inference_ms"])
def test_a_definition_with_an_unknown_type_is_named_and_the_rest_is_read(word: bytes, tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=10)
    file = next(path.glob("*.mcap"))
    assert word in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(word, b"W" + word[1:]))

    log = read_log(path)

    assert log.damage is not None and "cannot be parsed" in log.damage
    assert len(log.frames) == 10


def test_what_sqlite_says_about_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    path = write_community_log(tmp_path)
    file = next(path.glob("*.db3"))
    content = file.read_bytes()
    assert content.count(b"topic_id INTEGER") == 1
    file.write_bytes(content.replace(b"topic_id INTEGER", b"`opic_id INTEGER"))

    with pytest.raises(BadFileError) as refusal:
        read_log(path)

    assert "\n" not in str(refusal.value)
