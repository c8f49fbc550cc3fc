from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.occlusion import occlusion_map
from car.policy import Policy
from tests.car.policies import save_policy


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return Policy.load(save_policy(tmp_path_factory.mktemp("policy") / "policy.onnx"))


def logit(policy: Policy, frame: NDArray[np.uint8], action: int) -> float:
    return float(policy.explain(frame[None], np.array([action])).logits[0, action])


def test_a_picture_without_detail_has_nothing_to_cover(policy: Policy) -> None:
    flat = np.full((1, 120, 160), 90, np.uint8)

    assert np.abs(occlusion_map(policy, flat, np.eye(9, dtype=np.float32)[4])).max() < 1e-5


def test_the_map_is_the_fall_of_the_logit_where_a_patch_covers_the_picture(policy: Policy) -> None:
    frame = np.full((1, 120, 160), 90, np.uint8)
    frame[:, 48:64, 80:96] = 255
    covered = frame.copy()
    covered[0, 48:64, 80:96] = cv2.GaussianBlur(frame[0], (0, 0), 16)[48:64, 80:96]

    found = occlusion_map(policy, frame, np.eye(9, dtype=np.float32)[4], step_px=16)

    assert found.shape == (120, 160)
    fall = logit(policy, frame, 4) - logit(policy, covered, 4)
    assert found[48:64, 80:96] == pytest.approx(np.full((16, 16), fall), abs=1e-5)
    # The blur of the bright patch does not reach the far corner.
    assert np.abs(found[112:, :16]).max() < 1e-5


def test_a_difference_is_the_difference_of_the_maps(policy: Policy) -> None:
    frame = np.random.default_rng(2).integers(0, 256, (1, 120, 160), dtype=np.uint8)
    one, other = np.eye(9, dtype=np.float32)[[1, 6]]

    both = occlusion_map(policy, frame, one - other)

    apart = occlusion_map(policy, frame, one) - occlusion_map(policy, frame, other)
    assert both == pytest.approx(apart, abs=1e-5)
