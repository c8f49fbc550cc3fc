from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.heatmap import (
    EXECUTED,
    METHODS,
    coloured,
    frame_maps,
    heatmaps,
    log_scale,
    overlay,
    strength,
)
from analysis.heatmap_grid import CellGrid
from analysis.heatmap_inputs import command_history, stacked_observations
from car.errors import UnknownNameError
from car.log_reader import CarLog, read_log
from car.policy import Policy
from car.preprocess import observation
from tests.car.logs import write_synthetic_log
from tests.car.policies import make_metadata, save_policy


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return Policy.load(save_policy(tmp_path_factory.mktemp("policy") / "policy.onnx"))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, policy: Policy) -> CarLog:
    return read_log(write_synthetic_log(tmp_path_factory.mktemp("logs"), frames=24, policy=policy.path))


def test_a_hirescam_map_and_its_bias_add_up_to_the_logit_of_the_executed_action(
    policy: Policy, log: CarLog
) -> None:
    frames = np.array([3, 17])

    maps = frame_maps(policy, log, frames)

    actions = log.frames.action[frames]
    answer = policy.explain(stacked_observations(log, frames, 1), actions)
    logits = answer.logits[np.arange(2), actions]
    assert maps.sum(axis=(1, 2)) + answer.bias == pytest.approx(logits, abs=1e-5)


def test_another_action_has_another_map(policy: Policy, log: CarLog) -> None:
    frames = np.array([5])
    executed = int(log.frames.action[5])
    other = (executed + 4) % policy.action_space.size

    chosen = frame_maps(policy, log, frames, target=EXECUTED)

    assert np.array_equal(chosen, frame_maps(policy, log, frames, target=executed))
    assert not np.allclose(chosen, frame_maps(policy, log, frames, target=other))


def test_gradcam_is_never_negative_and_hirescam_has_both_signs(policy: Policy, log: CarLog) -> None:
    frames = np.arange(8)

    assert frame_maps(policy, log, frames, method="gradcam").min() >= 0.0
    signed = frame_maps(policy, log, frames, method="hirescam")
    assert signed.min() < 0.0 < signed.max()


def test_an_unknown_method_names_the_nearest(policy: Policy) -> None:
    with pytest.raises(UnknownNameError, match="'hirescam'"):
        heatmaps(policy, np.zeros((1, 1, 120, 160), np.uint8), np.zeros(1, np.int64), "hires-cam")
    assert set(METHODS) == {"hirescam", "all-layers", "gradcam", "community", "occlusion"}


def test_stacked_frames_are_the_ones_before_and_the_first_stands_in_for_the_past(log: CarLog) -> None:
    stacks = stacked_observations(log, np.array([0, 5]), 3)

    single = [observation(log.image(i)) for i in range(6)]
    assert np.array_equal(stacks[0], np.stack([single[0]] * 3))
    assert np.array_equal(stacks[1], np.stack(single[3:6]))


def test_the_history_is_the_commands_before_the_frame_newest_last(log: CarLog) -> None:
    history = command_history(log, np.array([0, 2]), 3)

    commands = np.stack([log.frames.steering_rad, log.frames.speed_mps], axis=1).astype(np.float32)
    assert np.array_equal(history[0], np.zeros((3, 2), np.float32))
    assert np.array_equal(history[1], np.concatenate([np.zeros((1, 2), np.float32), commands[:2]]))


def test_a_policy_with_memory_is_explained_with_its_frames_and_commands(tmp_path: Path, log: CarLog) -> None:
    metadata = make_metadata(frames=2, history=3)
    remembering = Policy.load(save_policy(tmp_path / "policy.onnx", metadata))

    maps = frame_maps(remembering, log, np.array([4]))

    direct = remembering.explain(
        stacked_observations(log, np.array([4]), 2),
        log.frames.action[[4]],
        command_history(log, np.array([4]), 3),
    )
    assert np.array_equal(maps, direct.heatmap)


def test_the_scale_of_a_log_covers_most_values_of_all_its_frames(policy: Policy, log: CarLog) -> None:
    scale = log_scale(policy, log)

    magnitudes = np.abs(frame_maps(policy, log, np.arange(24)))
    assert np.mean(magnitudes <= scale) == pytest.approx(0.995, abs=0.004)


def test_blank_is_told_from_weak_and_weak_from_normal() -> None:
    some = np.zeros((3, 4), np.float32)
    some[1, 1] = 1.0

    assert strength(some * 0.0, 10.0).kind == "blank"
    assert strength(some * 1e-5, 10.0).kind == "blank"
    assert strength(some * 1.0, 10.0).kind == "weak"
    assert strength(some * -8.0, 10.0).kind == "normal"
    assert strength(np.full((3, 4), np.nan, np.float32), 10.0).kind == "blank"
    assert strength(some * 0.0, 0.0).kind == "blank"


def test_a_cell_is_drawn_where_it_lies_in_the_picture() -> None:
    heatmap = np.zeros((7, 10), np.float32)
    heatmap[2, 9] = 1.0
    grid = CellGrid(first_x_px=22.5, first_y_px=22.5, stride_x_px=12.0, stride_y_px=12.0)

    alpha = coloured(heatmap, 1.0, grid)[..., 3].astype(np.float64)

    rows, columns = np.indices(alpha.shape)
    centre = (float((rows * alpha).sum() / alpha.sum()), float((columns * alpha).sum() / alpha.sum()))
    assert centre == pytest.approx((46.5, 130.5), abs=0.6)


def test_a_log_of_blank_maps_is_clear_and_nothing_is_divided_by_zero() -> None:
    clear = coloured(np.zeros((7, 10), np.float32), 0.0)

    assert clear.shape == (120, 160, 4)
    assert not clear[..., 3].any()


def test_a_value_that_is_no_number_is_clear() -> None:
    broken = np.full((7, 10), np.nan, np.float32)

    assert not coloured(broken, 1.0)[..., 3].any()


def test_an_overlay_at_opacity_zero_is_the_frame_itself_and_keeps_the_road_visible_at_one() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    heatmap = np.zeros((7, 10), np.float32)
    heatmap[3, 2] = 1.0

    assert np.array_equal(overlay(image, heatmap, opacity=0.0, scale=1.0), image)
    covered = overlay(image, heatmap, opacity=1.0, scale=1.0)
    assert np.array_equal(covered[:, 100:], image[:, 100:])
    assert not np.array_equal(covered[:, :60], image[:, :60])


def test_an_overlay_fits_a_frame_of_any_size() -> None:
    image = np.zeros((480, 640, 3), np.uint8)

    assert overlay(image, np.ones((7, 10), np.float32), opacity=0.5, scale=1.0).shape == image.shape


def test_a_frame_without_a_picture_leaves_the_others_their_scale(policy: Policy, log: CarLog) -> None:
    class Torn:
        """The log, with one picture that cannot be read."""

        frames = replace(log.frames)

        def image(self, index: int) -> object:
            if index == 0:
                raise UnknownNameError("torn")
            return log.image(index)

    assert log_scale(policy, Torn()) > 0.0  # type: ignore[arg-type]
