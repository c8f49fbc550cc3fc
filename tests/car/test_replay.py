"""A log as a camera: its frames at their own times, the newest where one is late, and what was decided."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from car.clock import HeldClock
from car.errors import Sim2RaceError
from car.log_reader import CarLog, read_log
from car.replay import LogReplay, agreement
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> CarLog:
    folder = tmp_path_factory.mktemp("replay")
    return read_log(write_synthetic_log(folder, frames=30, policy=save_policy(folder / "policy.onnx")))


def test_frames_come_at_the_distances_of_their_capture(log: CarLog) -> None:
    clock = HeldClock()
    replay = LogReplay(log, clock)
    stamps_ns = log.frames.stamp_ns
    given = []
    for tick in range(1200):
        frame = replay.due()
        if frame is not None:
            given.append((tick / 1000, frame))
        clock.advance(0.001)
    assert [frame.number for _, frame in given] == list(range(len(replay))) == list(range(len(log.frames)))
    assert [frame.jpeg for _, frame in given] == [log.jpeg(i) for i in range(len(log.frames))]
    at_s = np.array([at for at, _ in given])
    assert np.abs(at_s - (stamps_ns - stamps_ns[0]) / 1e9).max() < 0.002
    assert replay.is_over


def test_of_frames_that_are_late_the_newest_is_given_and_the_others_are_missing(log: CarLog) -> None:
    clock = HeldClock()
    replay = LogReplay(log, clock)
    first = replay.due()
    assert first is not None
    assert replay.due() is None
    clock.advance(float(log.frames.stamp_ns[5] - log.frames.stamp_ns[0]) / 1e9 + 0.001)
    late = replay.due()
    assert late is not None
    assert (first.number, late.number) == (0, 5)
    assert late.jpeg == log.jpeg(5)
    clock.advance(100.0)
    last = replay.due()
    assert last is not None
    assert last.number == len(log.frames) - 1
    assert replay.is_over
    assert replay.due() is None


def test_a_log_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match="has no frames to replay"):
        LogReplay(read_log(write_synthetic_log(tmp_path, frames=0)), HeldClock())


def test_a_replay_is_compared_frame_by_frame(log: CarLog, tmp_path: Path) -> None:
    assert agreement(log, log).same == agreement(log, log).frames == len(log.frames)
    other = read_log(log.path)
    other.frames.action[3] = (other.frames.action[3] + 1) % 9
    found = agreement(log, other)
    assert (found.frames, found.same) == (len(log.frames), len(log.frames) - 1)
