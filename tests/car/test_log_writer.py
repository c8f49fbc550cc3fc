"""Writing car logs: what others open, what a kill leaves behind, and a disk that never stops a car."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from car.errors import Sim2RaceError, UnknownNameError
from car.log_reader import read_log
from car.log_writer import LogWriter, safe_name
from car.messages import make, serialize
from car.topics import DRIVE_REPORT, RL_RESULTS, RUN_INFO
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy

NOON = datetime(2026, 8, 1, 12, 0, 0)


def _text(content: str) -> bytes:
    return serialize(make(RUN_INFO.type_name, data=content), RUN_INFO.type_name)


def test_a_log_is_named_by_the_model_and_the_time(tmp_path: Path) -> None:
    with LogWriter(tmp_path, name="fast one/2", started_at=NOON) as log:
        pass
    assert log.path == tmp_path / "fast_one_2-20260801-120000"
    with LogWriter(tmp_path, name="fast one/2", started_at=NOON) as second:
        pass
    assert second.path == tmp_path / "fast_one_2-20260801-120000-2"


@pytest.mark.parametrize(
    ("name", "folder"),
    [("", "log"), ("../..", "_.."), ("ü b", "_b"), ("a" * 200, "a" * 80), ("v1.2-x", "v1.2-x")],
)
def test_any_name_makes_a_folder_name(name: str, folder: str) -> None:
    assert safe_name(name) == folder


def test_a_finished_log_opens_with_rosbags_and_describes_itself(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=40)
    with Reader(path) as bag:
        assert bag.topics[RL_RESULTS.name].msgcount == 40
        assert bag.topics[DRIVE_REPORT.name].msgcount == 42
        strangers = get_typestore(Stores.ROS2_JAZZY)
        for connection in bag.connections:
            strangers.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
            assert strangers.hash_rihs01(connection.msgtype) == connection.digest
        last = [
            strangers.deserialize_cdr(data, connection.msgtype)
            for connection, _, data in bag.messages()
            if connection.topic == DRIVE_REPORT.name
        ][-1]
    assert (last.state, last.reason) == ("stopped", "no fresh command for 100 ms")  # type: ignore[attr-defined]


def test_the_metadata_is_version_9_and_says_why_the_log_ended(tmp_path: Path) -> None:
    log = LogWriter(tmp_path, name="run", started_at=NOON)
    log.write(RUN_INFO.name, 5, _text("{}"))
    log.close("the user stopped logging")
    text = (log.path / "metadata.yaml").read_text()
    assert "version: 9" in text
    assert "storage_identifier: mcap" in text
    assert "close_reason: the user stopped logging" in text


def test_the_policy_and_the_run_lie_beside_the_log(tmp_path: Path) -> None:
    policy = save_policy(tmp_path / "models" / "policy.onnx")
    with LogWriter(tmp_path, name="run", started_at=NOON, run={"track": "oval"}, policy=policy) as log:
        pass
    assert (log.path / "policy.onnx").read_bytes() == policy.read_bytes()
    run = json.loads((log.path / "run.json").read_text())
    assert run["track"] == "oval"
    assert run["end"] == {"reason": "", "asked_for": False, "dropped": 0, "written": 0}


def test_a_missing_policy_or_a_folder_that_cannot_be_made_is_refused_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    with pytest.raises(Sim2RaceError, match="Cannot read the policy"):
        LogWriter(tmp_path, name="run", started_at=NOON, policy=tmp_path / "absent.onnx")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(Sim2RaceError, match="Cannot write a log in"):
        LogWriter(tmp_path / "file", name="run", started_at=NOON)


def test_a_topic_that_is_not_in_the_table_is_refused(tmp_path: Path) -> None:
    with LogWriter(tmp_path, name="run", started_at=NOON) as log, pytest.raises(UnknownNameError):
        log.write("/sim2race/run_infos", 1, b"")


def test_a_stalled_disk_costs_entries_and_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LogWriter(tmp_path, name="run", started_at=NOON, queue_bytes=100_000)
    disk_answers = threading.Event()
    really_write = log._bag.write

    def slow_write(*arguments: object) -> None:
        disk_answers.wait(30)
        really_write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(log._bag, "write", slow_write)
    entry = _text("x" * 1000)
    started_s = time.monotonic()
    for stamp_ns in range(1000):
        log.write(RUN_INFO.name, stamp_ns, entry)
    assert time.monotonic() - started_s < 20.0, "the disk answers after 30 s"
    assert 700 < log.dropped < 1000
    disk_answers.set()
    log.close()
    assert log.written == 1000 - log.dropped
    with Reader(log.path) as bag:
        assert bag.message_count == log.written


def test_a_full_disk_ends_the_log_says_so_and_keeps_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = LogWriter(tmp_path, name="run", started_at=NOON)
    for stamp_ns in range(100):
        log.write(RUN_INFO.name, stamp_ns, _text("before"))
    _wait_until(lambda: log.written == 100)
    whole = (log.path / f"{log.path.name}.mcap").stat().st_size

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log._storage, "close_chunk", full)
    log.write(RUN_INFO.name, 200, _text("after"))
    _wait_until(lambda: log.failure is not None)
    log.write(RUN_INFO.name, 201, _text("much later"))
    log.close()
    assert log.failure == "No space left on device"
    assert (log.written, log.dropped) == (100, 2)
    assert (log.path / f"{log.path.name}.mcap").stat().st_size == whole


WRITER = textwrap.dedent(
    """
    import resource, sys, time
    from datetime import datetime
    from pathlib import Path
    from car.log_writer import LogWriter
    from tests.car.logs import synthetic_frames, write_frame

    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    log = LogWriter(Path(sys.argv[1]), name="killed", started_at=datetime(2026, 8, 1))
    for frame in synthetic_frames(100_000, pictures=30):
        write_frame(log, frame, frame.number + 1)
        print(frame.number, log.failure, flush=True)
        if log.failure:
            log.close()
            print(log.written, log.dropped, flush=True)
            break
        time.sleep(0.01)
    """
)


def _start_writer(folder: Path, *limits: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), *limits],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_a_killed_writer_leaves_a_log_up_to_the_last_second(tmp_path: Path) -> None:
    process = _start_writer(tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line.split()[0]) == 150:
            break
    os.kill(process.pid, signal.SIGKILL)
    last_number = int((line + process.stdout.read()).split("\n")[-2].split()[0])
    process.wait()
    log = read_log(next(tmp_path.glob("killed-*")))
    # A frame takes a hundredth of a second or more, so that a second is at most a hundred of them.
    assert last_number - 100 <= len(log.frames) <= last_number + 2
    assert list(log.frames.frame_number) == list(range(len(log.frames)))
    assert log.jpeg(len(log.frames) - 1).endswith(b"\xff\xd9")
    assert log.damage is not None


def test_a_disk_that_fills_up_leaves_a_log_up_to_there(tmp_path: Path) -> None:
    process = _start_writer(tmp_path, "400000")
    output, _ = process.communicate(timeout=60)
    lines = output.strip().split("\n")
    assert process.returncode == 0
    assert "File too large" in lines[-2]
    written, dropped = (int(count) for count in lines[-1].split())
    assert dropped > 0
    log = read_log(next(tmp_path.glob("killed-*")))
    assert log.damage is not None
    # Six messages a frame; the chunk that did not fit is read as far as it went.
    assert written / 6 <= len(log.frames) <= (written + dropped) / 6
    assert log.jpeg(len(log.frames) - 1).endswith(b"\xff\xd9")


def _wait_until(is_so: object) -> None:
    assert callable(is_so)
    deadline_s = time.monotonic() + 10.0
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
