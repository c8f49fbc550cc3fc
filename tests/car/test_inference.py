"""From JPEG to decision: one frame, one decision, and every frame accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from car.action_space import ContinuousActionSpace, default_action_space
from car.clock import HeldClock
from car.errors import Sim2RaceError
from car.inference import InferencePipeline, command_from_output, warm_up
from car.policy import Policy
from car.preprocess import frame_from_jpeg, observation
from tests.car.policies import make_metadata, save_policy


def jpeg(seed: int = 0) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", picture)[1].tobytes()


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


def pipeline(folder: Path, clock: HeldClock, **metadata: Any) -> InferencePipeline:
    policy = Policy.load(save_policy(folder / "policy.onnx", make_metadata(**metadata)))
    return InferencePipeline(policy, clock, max_frame_age_s=0.1)


def test_a_fresh_frame_becomes_a_decision(tmp_path: Path, clock: HeldClock) -> None:
    frames = pipeline(tmp_path, clock)
    decision = frames.offer(jpeg(), clock.wall_ns() - 20_000_000, "0")
    assert decision is not None
    assert decision.output.shape == (9,)
    assert decision.output.sum() == pytest.approx(1.0, abs=1e-5)
    assert decision.inferred_ns - decision.captured_ns == 20_000_000
    assert (frames.counts.frames_in, frames.counts.acted) == (1, 1)


def test_a_frame_over_the_age_limit_is_dropped_and_counted(tmp_path: Path, clock: HeldClock) -> None:
    frames = pipeline(tmp_path, clock)
    assert frames.offer(jpeg(), clock.wall_ns() - 101_000_000) is None
    assert frames.counts.dropped_old == 1
    assert "101 ms old" in frames.problem
    assert frames.offer(jpeg(), clock.wall_ns() - 99_000_000) is not None


def test_a_frame_from_before_the_last_one_is_dropped(tmp_path: Path, clock: HeldClock) -> None:
    frames = pipeline(tmp_path, clock)
    now_ns = clock.wall_ns()
    assert frames.offer(jpeg(), now_ns) is not None
    assert frames.offer(jpeg(), now_ns - 1) is None
    assert frames.counts.dropped_old == 1


def test_a_frame_from_the_future_is_bad(tmp_path: Path, clock: HeldClock) -> None:
    frames = pipeline(tmp_path, clock)
    assert frames.offer(jpeg(), clock.wall_ns() + 60_000_000) is None
    assert frames.counts.future == frames.counts.dropped_bad == 1
    assert "future" in frames.problem


@pytest.mark.parametrize("data", [b"", b"no picture", jpeg()[:200]])
def test_what_is_no_picture_is_bad_and_the_next_frame_is_driven(
    tmp_path: Path, clock: HeldClock, data: bytes
) -> None:
    frames = pipeline(tmp_path, clock)
    assert frames.offer(data, clock.wall_ns()) is None
    assert frames.counts.malformed == frames.counts.dropped_bad == 1
    assert frames.offer(jpeg(), clock.wall_ns()) is not None
    assert frames.problem == ""


def test_frames_overtaken_on_the_way_are_counted_by_their_number(tmp_path: Path, clock: HeldClock) -> None:
    frames = pipeline(tmp_path, clock)
    for number in (7, 8, 12):
        frames.offer(jpeg(), clock.wall_ns(), str(number))
    counts = frames.counts
    assert (counts.frames_in, counts.acted, counts.dropped_old) == (6, 3, 3)


def test_a_camera_that_starts_again_or_has_no_numbers_costs_no_frames(
    tmp_path: Path, clock: HeldClock
) -> None:
    frames = pipeline(tmp_path, clock)
    for name in ("100", "0", "camera_frame", "1"):
        frames.offer(jpeg(), clock.wall_ns(), name)
    assert frames.counts.frames_in == 4
    assert frames.counts.dropped_old == 0


def test_a_clock_that_was_put_back_costs_no_more_than_the_frames_of_that_moment(
    tmp_path: Path, clock: HeldClock
) -> None:
    frames = pipeline(tmp_path, clock)
    assert frames.offer(jpeg(0), clock.wall_ns()) is not None
    clock.advance(-500.0)
    assert frames.offer(jpeg(1), clock.wall_ns()) is not None


def test_the_same_picture_again_is_dropped_while_the_car_moves(tmp_path: Path, clock: HeldClock) -> None:
    frames = pipeline(tmp_path, clock)
    frames.frozen_picture.on_drive(1.0)
    for number in range(11):
        assert frames.offer(jpeg(number), clock.wall_ns()) is not None
        clock.advance(0.033)
    assert frames.offer(jpeg(10), clock.wall_ns()) is None
    assert frames.counts.frozen == frames.counts.dropped_bad == 1
    assert "same for 33 ms" in frames.problem
    assert frames.offer(jpeg(11), clock.wall_ns()) is not None


def test_a_standing_car_before_a_scene_without_noise_is_no_frozen_camera(
    tmp_path: Path, clock: HeldClock
) -> None:
    frames = pipeline(tmp_path, clock)
    for speed_mps in (0.0, 0.3, 1.0):  # disarmed; a command too small for the motor; setting off
        for _ in range(9):
            frames.frozen_picture.on_drive(speed_mps)
            assert frames.offer(jpeg(), clock.wall_ns()) is not None
            clock.advance(0.033)
    clock.advance(0.01)
    assert frames.offer(jpeg(), clock.wall_ns()) is None


def test_a_frozen_camera_stays_frozen_when_the_car_has_stopped_until_its_picture_changes(
    tmp_path: Path, clock: HeldClock
) -> None:
    frames = pipeline(tmp_path, clock)
    frames.frozen_picture.on_drive(1.0)
    frames.offer(jpeg(), clock.wall_ns())
    clock.advance(0.4)
    assert frames.offer(jpeg(), clock.wall_ns()) is None
    frames.frozen_picture.on_drive(0.0)
    clock.advance(5.0)
    assert frames.offer(jpeg(), clock.wall_ns()) is None
    assert frames.offer(jpeg(1), clock.wall_ns()) is not None
    assert frames.offer(jpeg(1), clock.wall_ns()) is not None


def test_a_drive_that_says_no_more_says_nothing_about_the_car(tmp_path: Path, clock: HeldClock) -> None:
    frames = pipeline(tmp_path, clock)
    frames.frozen_picture.on_drive(1.0)
    assert frames.offer(jpeg(), clock.wall_ns()) is not None
    for _ in range(10):
        clock.advance(1.0)
        assert frames.offer(jpeg(), clock.wall_ns()) is not None


def test_a_recording_may_stand_still(tmp_path: Path, clock: HeldClock) -> None:
    policy = Policy.load(save_policy(tmp_path / "policy.onnx"))
    frames = InferencePipeline(policy, clock, refuse_frozen=False)
    frames.frozen_picture.on_drive(1.0)
    for _ in range(30):
        assert frames.offer(jpeg(), clock.wall_ns()) is not None
        clock.advance(0.033)


def test_another_policy_decides_from_the_next_frame_on_without_a_past(
    tmp_path: Path, clock: HeldClock
) -> None:
    frames = pipeline(tmp_path, clock, frames=2)
    assert frames.offer(jpeg(0), clock.wall_ns()) is not None
    other = Policy.load(save_policy(tmp_path / "other.onnx", make_metadata(history=3, seed=4)))
    frames.use(other)
    decision = frames.offer(jpeg(1), clock.wall_ns())
    assert decision is not None
    assert frames.policy is other
    assert np.allclose(
        decision.output, other.act(observation(frame_from_jpeg(jpeg(1)))[None], np.zeros((3, 2), np.float32))
    )


def test_stacked_frames_come_oldest_first_and_the_first_stands_in_for_the_past(
    tmp_path: Path, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = pipeline(tmp_path, clock, frames=3)
    seen: list[list[int]] = []
    act = Policy.act

    def spy(self: Policy, observation: Any, history: Any = None) -> Any:
        seen.append([int(frame[0, 0]) for frame in observation])
        return act(self, observation, history)

    monkeypatch.setattr(Policy, "act", spy)
    for shade in (10, 20, 30):
        picture = np.full((120, 160, 3), shade, dtype=np.uint8)
        frames.offer(cv2.imencode(".jpg", picture)[1].tobytes(), clock.wall_ns())
    assert seen == [[10, 10, 10], [10, 10, 20], [10, 20, 30]]


def test_the_history_holds_the_last_commands_newest_last(
    tmp_path: Path, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = pipeline(tmp_path, clock, history=2)
    warm_up(frames.policy)
    seen: list[Any] = []
    act = Policy.act

    def spy(self: Policy, observation: Any, history: Any = None) -> Any:
        seen.append(history.copy())
        return act(self, observation, history)

    monkeypatch.setattr(Policy, "act", spy)
    decisions = [frames.offer(jpeg(seed), clock.wall_ns()) for seed in range(3)]
    commands = [command_from_output(default_action_space(), d.output) for d in decisions if d is not None]
    assert np.all(seen[0] == 0.0)
    assert np.allclose(seen[2], [[command.steering_rad, command.speed_mps] for command in commands[:2]])


def test_a_car_that_is_held_has_no_past_commands(
    tmp_path: Path, clock: HeldClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = pipeline(tmp_path, clock, history=2)
    seen: list[Any] = []
    act = Policy.act

    def spy(self: Policy, observation: Any, history: Any = None) -> Any:
        seen.append(history.copy())
        return act(self, observation, history)

    monkeypatch.setattr(Policy, "act", spy)
    for number, obeyed in enumerate((True, True, False, False, True, True)):
        frames.on_drive(obeyed=obeyed)
        frames.offer(jpeg(number), clock.wall_ns())
    assert [bool(np.any(history)) for history in seen] == [False, True, False, False, False, True]


def test_an_output_that_is_not_finite_is_no_command() -> None:
    continuous = ContinuousActionSpace(-0.3, 0.3, 0.5, 2.0)
    assert command_from_output(continuous, np.array([1.0, -1.0], np.float32)).speed_mps == 0.5
    for space, size in ((continuous, 2), (default_action_space(), 9)):
        with pytest.raises(Sim2RaceError, match="not finite"):
            command_from_output(space, np.full(size, np.nan, np.float32))


@pytest.mark.parametrize("value", [-0.1, 1.1, 7.0])
def test_an_output_beyond_the_contract_is_no_command(value: float) -> None:
    output = np.full(9, 0.1, np.float32)
    output[4] = value
    with pytest.raises(Sim2RaceError, match="out of range"):
        command_from_output(default_action_space(), output)
    with pytest.raises(Sim2RaceError, match="out of range"):
        command_from_output(
            ContinuousActionSpace(-0.3, 0.3, 0.5, 2.0), np.array([0.0, value * 20.0], np.float32)
        )
