"""An exported policy is the trained one, explains itself exactly, and never appears if it does not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from analysis.heatmap_grid import read_grid
from car.action_space import ActionSpace, ContinuousActionSpace, DiscreteActionSpace
from car.errors import Sim2RaceError
from car.policy import Policy
from car.policy_metadata import PolicyMetadata
from tests.training.toy import ToyVecEnv
from training import export
from training.export import ExportProof, export_policy
from training.learner import Learner
from training.networks import CameraFeatures
from training.onnx_graph import PolicyWeights, build_policy_model
from training.ppo_config import PpoConfig

DISCRETE = DiscreteActionSpace((-0.3, 0.0, 0.3), (0.8, 1.3, 0.8))
CONTINUOUS = ContinuousActionSpace(math.radians(-20), math.radians(20), 0.5, 2.0)


def _learner(
    *,
    network: str = "small",
    frames: int = 1,
    history: int = 0,
    continuous: bool = False,
    sky_mask_rows: int = 0,
    width: float = 1.0,
    pool: int | None = None,
) -> Learner:
    env = ToyVecEnv(4, frames=frames, history=history, continuous=continuous)
    learner = Learner(
        env,
        network=network,
        network_width=width,
        network_pool=pool,
        config=PpoConfig(cars=4, rollout_steps=2, batch_size=8),
        seed=3,
        sky_mask_rows=sky_mask_rows,
    )
    # As different from its initial state as training makes it: biases, and logits that are not all alike.
    with torch.no_grad():
        for parameter in learner.policy.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
        learner.action_head.weight.mul_(3.0)
    return learner


def _metadata(
    space: ActionSpace = DISCRETE, *, network: str = "small", frames: int = 1, history: int = 0
) -> PolicyMetadata:
    return PolicyMetadata(
        name="toy",
        action_space=space,
        network=network,
        frames=frames,
        history=history,
        seed=3,
        tracks=("toy",),
        steps=0,
        git_revision="none",
        trained_at="2026-01-01T00:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("network", "continuous", "frames", "history"),
    [
        ("small", False, 1, 0),
        ("small", False, 2, 3),
        ("small", True, 1, 3),
        ("small", True, 2, 0),
        ("deepracer", False, 1, 0),
        ("deepracer", True, 2, 3),
    ],
)
def test_the_file_does_what_the_trained_policy_does(
    tmp_path: Path, network: str, continuous: bool, frames: int, history: int
) -> None:
    learner = _learner(network=network, frames=frames, history=history, continuous=continuous)
    space = CONTINUOUS if continuous else DISCRETE
    path = tmp_path / "policy.onnx"
    proof = export_policy(
        learner.policy,
        path,
        metadata=_metadata(space, network=network, frames=frames, history=history),
    )
    assert proof.holds
    policy = Policy.load(path)
    assert (policy.frames, policy.history, policy.action_space.size) == (frames, history, space.size)
    observation = np.random.default_rng(5).integers(0, 256, (frames, 120, 160), dtype=np.uint8)
    if not history:
        greedy = learner.act_greedily(observation[None])[0]
        action = policy.act(observation)
        np.testing.assert_allclose(action if continuous else action.argmax(), greedy, atol=1e-5)


def test_the_deep_network_is_exported_with_its_heat_map_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its dense layer has 29 million numbers: a few frames are proof enough.
    monkeypatch.setattr(export, "PROOF_FRAMES", 2)
    learner = _learner(network="deep", history=2)
    path = tmp_path / "policy.onnx"
    metadata = _metadata(network="deep", history=2)
    assert export_policy(learner.policy, path, metadata=metadata).holds
    frame = np.random.default_rng(5).integers(0, 256, (1, 1, 120, 160), dtype=np.uint8)
    explained = Policy.load(path).explain(frame, np.array([1]), np.zeros((1, 2, 2), np.float32))
    assert explained.heatmap.shape == (1, 25, 35)
    assert explained.heatmap.sum() + explained.bias[0] == pytest.approx(explained.logits[0, 1], rel=1e-3)


@pytest.mark.parametrize(
    ("network", "width", "pool"),
    [
        ("small", 0.1, None), ("small", 0.5, 4), ("small", 2.0, 1), ("small", 1.0, 5),
        ("deepracer", 0.5, 2), ("deep", 0.1, 1), ("deep", 0.5, 5),
    ],
)  # fmt: skip
def test_every_width_and_pool_is_exported_with_its_heat_map_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: str, width: float, pool: int | None
) -> None:
    monkeypatch.setattr(export, "PROOF_FRAMES", 4)
    learner = _learner(network=network, width=width, pool=pool, history=2, sky_mask_rows=20)
    path = tmp_path / "policy.onnx"
    assert export_policy(learner.policy, path, metadata=_metadata(network=network, history=2)).holds
    frame = np.random.default_rng(5).integers(0, 256, (1, 1, 120, 160), dtype=np.uint8)
    explained = Policy.load(path).explain(frame, np.array([1]), np.zeros((1, 2, 2), np.float32))
    assert explained.heatmap.sum() + explained.bias[0] == pytest.approx(explained.logits[0, 1], rel=1e-3)
    features, grid = learner.policy.pi_features_extractor, read_grid(path)
    assert isinstance(features, CameraFeatures) and grid is not None
    assert explained.heatmap.shape[1:] == features.map_shape[1:]
    # What convolutions without padding leave out is less than a stride at the right and at the bottom.
    for first, stride, cells, pixels in (
        (grid.first_x_px, grid.stride_x_px, features.map_shape[2], 160),
        (grid.first_y_px, grid.stride_y_px, features.map_shape[1], 120),
    ):
        last = first + (cells - 1) * stride
        assert 0.0 < first < pixels / 2 and 0.0 <= (pixels - 1 - last) - first < stride


@pytest.mark.parametrize("network", ["small", "deepracer"])
def test_the_file_does_not_see_the_masked_sky(tmp_path: Path, network: str) -> None:
    learner = _learner(network=network, sky_mask_rows=40)
    path = tmp_path / "policy.onnx"
    assert export_policy(learner.policy, path, metadata=_metadata(network=network)).holds
    policy = Policy.load(path)
    frame = np.random.default_rng(5).integers(0, 256, (1, 120, 160), dtype=np.uint8)
    other_sky, other_ground = frame.copy(), frame.copy()
    other_sky[:, :40] = 255 - other_sky[:, :40]
    other_ground[:, 40:44] = 255 - other_ground[:, 40:44]
    np.testing.assert_array_equal(policy.act(other_sky), policy.act(frame))
    assert np.abs(policy.act(other_ground) - policy.act(frame)).max() > 1e-6


def test_the_heat_map_is_the_change_of_the_logit_when_a_place_is_dimmed(tmp_path: Path) -> None:
    learner = _learner()
    export_policy(learner.policy, tmp_path / "policy.onnx", metadata=_metadata())
    frame = np.random.default_rng(1).integers(0, 256, (1, 1, 120, 160), dtype=np.uint8)
    explained = Policy.load(tmp_path / "policy.onnx").explain(frame, np.array([2]))
    features = learner.policy.pi_features_extractor
    assert isinstance(features, CameraFeatures)
    features.double()
    head = learner.action_head.double()
    activations = features.convolutions(
        torch.nn.functional.avg_pool2d(torch.from_numpy(frame).double(), 2) / 255
    )
    dimmed = activations.detach().clone()
    step = 1e-6
    dimmed[0, :, 3, 4] *= 1.0 - step
    with torch.no_grad():
        change = head(features.features(activations))[0, 2] - head(features.features(dimmed))[0, 2]
    assert float(change) / step == pytest.approx(float(explained.heatmap[0, 3, 4]), rel=1e-3, abs=1e-6)


def test_old_runtimes_can_read_the_file(tmp_path: Path) -> None:
    export_policy(_learner().policy, tmp_path / "policy.onnx", metadata=_metadata())
    model = onnx.load(tmp_path / "policy.onnx")
    assert model.ir_version <= 10
    assert [entry.version for entry in model.opset_import] == [17]


def test_a_file_that_differs_from_the_policy_never_replaces_a_good_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.onnx"
    path.write_bytes(b"the good one")

    def build_wrongly(weights: PolicyWeights, metadata: dict[str, str]) -> onnx.ModelProto:
        return build_policy_model(replace(weights, head=weights.head + np.float32(1e-3)), metadata)

    monkeypatch.setattr(export, "build_policy_model", build_wrongly)
    with pytest.raises(Sim2RaceError, match=r"differ by more than 1e-05: action \d"):
        export_policy(_learner().policy, path, metadata=_metadata())
    assert path.read_bytes() == b"the good one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_policy_of_nan_is_not_exported(tmp_path: Path) -> None:
    learner = _learner()
    with torch.no_grad():
        learner.action_head.bias.fill_(float("nan"))
    with pytest.raises(Sim2RaceError, match="nan"):
        export_policy(learner.policy, tmp_path / "policy.onnx", metadata=_metadata())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("figure", ["action", "logits", "heatmap", "gradcam", "completeness"])
def test_each_figure_of_the_proof_can_fail_it(figure: str) -> None:
    good = ExportProof(action=1e-7, logits=1e-7, heatmap=1e-7, gradcam=1e-7, completeness=1e-7)
    assert good.holds
    assert not replace(good, **{figure: 2e-5}).holds
    assert not replace(good, **{figure: float("nan")}).holds
