"""Maps of every layer, by the nodes that are added to a policy's graph, against torch's own gradients."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from onnx import helper
from torch import Tensor, nn

from analysis.heatmap import heatmaps
from analysis.heatmap_grid import CellGrid
from analysis.layer_maps import LayerMap, in_pixels, layer_maps
from car.action_space import ContinuousActionSpace, default_action_space
from car.errors import BadFileError
from car.policy import Policy
from tests.car.policies import make_metadata, save_policy
from training.export import export_policy
from training.networks import CameraFeatures, CameraPolicy

TOLERANCE = 1e-5
"""Largest difference from automatic differentiation, over the largest value of any map."""


def trained(network: str) -> CameraPolicy:
    torch.manual_seed(3)
    return CameraPolicy(
        spaces.Box(0, 255, (1, 120, 160), np.uint8),
        spaces.Discrete(default_action_space().size),
        lambda _: 0.0,
        features_extractor_class=CameraFeatures,
        features_extractor_kwargs={"network": network},
        net_arch=[],
    )


@pytest.fixture(scope="module", params=["small", "deepracer"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CameraPolicy, Policy]:
    network = trained(request.param)
    path = tmp_path_factory.mktemp("policy") / "policy.onnx"
    export_policy(network, path, metadata=make_metadata())
    return network, Policy.load(path)


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(5).integers(0, 256, (6, 12, 16), dtype=np.uint8)
    return np.stack([cv2.resize(one, (160, 120)) for one in coarse])[:, None]


def by_autograd(
    network: CameraPolicy, pictures: NDArray[np.uint8], seeds: Tensor
) -> list[tuple[Tensor, ...]]:
    """Return output and gradient of every convolution, before and behind its ReLU."""
    features = network.pi_features_extractor
    assert isinstance(features, CameraFeatures)
    layer = torch.from_numpy(pictures).float()
    if features.pool > 1:
        layer = nn.functional.avg_pool2d(layer, features.pool)
    layer = layer / 255.0
    found: list[Tensor] = []
    for module in features.convolutions:
        layer = module(layer)
        layer.retain_grad()
        found.append(layer)
    logits: Tensor = network.action_net(features.features(layer))
    (logits * seeds).sum().backward()  # type: ignore[no-untyped-call]
    tensors = [(one, one.grad) for one in found]
    return [
        (before.detach(), slope_before, behind.detach(), slope_behind)
        for (before, slope_before), (behind, slope_behind) in zip(tensors[::2], tensors[1::2], strict=True)
        if slope_before is not None and slope_behind is not None
    ]


def gap(found: NDArray[np.float32], expected: Tensor) -> float:
    return float(np.abs(found - expected.numpy()).max() / np.abs(expected.numpy()).max())


def test_maps_of_all_layers_are_those_of_automatic_differentiation(
    both: tuple[CameraPolicy, Policy], pictures: NDArray[np.uint8]
) -> None:
    network, policy = both
    seeds = np.random.default_rng(0).normal(size=(6, 9)).astype(np.float32)

    layers = by_autograd(network, pictures, torch.from_numpy(seeds))

    assert len(layers) == 3
    for found, (_, _, behind, slope) in zip(layer_maps(policy, pictures, seeds), layers, strict=True):
        assert gap(found.values, (slope * behind).sum(dim=1)) < TOLERANCE
    for recipe, at in (("gradcam", 2), ("community", 0)):
        maps = layer_maps(policy, pictures, seeds, recipe=recipe)  # type: ignore[arg-type]
        for found, parts in zip(maps, layers, strict=True):
            weighted = parts[at + 1].mean(dim=(2, 3), keepdim=True) * parts[at]
            assert gap(found.values, weighted.sum(dim=1).relu()) < TOLERANCE


def test_the_map_of_the_last_layer_is_the_one_that_the_policy_file_brings(
    both: tuple[CameraPolicy, Policy], pictures: NDArray[np.uint8]
) -> None:
    _, policy = both
    targets = np.arange(6, dtype=np.int64)

    last = layer_maps(policy, pictures, np.eye(9, dtype=np.float32)[targets])[-1]

    theirs = policy.explain(pictures, targets).heatmap
    assert np.abs(last.values - theirs).max() <= TOLERANCE * np.abs(theirs).max()


def test_the_communitys_recipe_is_what_its_tools_compute(
    both: tuple[CameraPolicy, Policy], pictures: NDArray[np.uint8]
) -> None:
    network, policy = both
    chances = torch.from_numpy(policy.explain(pictures, np.zeros(6, np.int64)).action)
    # The gradient of the first probability with respect to the logits.
    seeds = chances[:, :1] * (torch.eye(9)[:1] - chances)
    means = []
    for before, slope, _, _ in by_autograd(network, pictures, seeds):
        maps = (slope.mean(dim=(2, 3), keepdim=True) * before).sum(dim=1).relu().numpy()
        means.append([cv2.resize((m - m.min()) / (m.max() - m.min() or 1.0), (160, 120)) for m in maps])
    expected = np.mean(means, axis=0)
    low, high = expected.min(axis=(1, 2), keepdims=True), expected.max(axis=(1, 2), keepdims=True)
    expected = (expected - low) / np.where(high > low, high - low, 1.0)

    found = heatmaps(policy, pictures, np.full(6, 4), "community")

    assert np.abs(found - expected).max() < 1e-3
    assert found.min() == 0.0 and found.max() == 1.0


def test_the_mean_of_all_layers_over_the_picture_is_about_the_mean_of_their_sums(
    both: tuple[CameraPolicy, Policy], pictures: NDArray[np.uint8]
) -> None:
    _, policy = both
    targets = np.zeros(6, np.int64)
    layers = layer_maps(policy, pictures, np.eye(9, dtype=np.float32)[targets])

    mean = heatmaps(policy, pictures, targets, "all-layers")

    assert mean.shape == (6, 120, 160)
    sums = np.mean([layer.values.sum(axis=(1, 2)) for layer in layers], axis=0)
    scale = np.mean([np.abs(layer.values).sum(axis=(1, 2)) for layer in layers], axis=0)
    # What lies between the outermost centres and the edge of the picture is cut by half a cell.
    assert np.all(np.abs(mean.sum(axis=(1, 2)) - sums) < 0.1 * scale)


def test_a_difference_of_two_actions_is_explained_in_one_run(
    both: tuple[CameraPolicy, Policy], pictures: NDArray[np.uint8]
) -> None:
    _, policy = both
    one, other = np.full(6, 2), np.full(6, 7)

    difference = heatmaps(policy, pictures, one, "all-layers", against=other)

    expected = heatmaps(policy, pictures, one, "all-layers") - heatmaps(policy, pictures, other, "all-layers")
    assert np.abs(difference - expected).max() <= TOLERANCE * np.abs(expected).max()
    assert heatmaps(policy, pictures, one, "gradcam", against=other).min() >= 0.0


def test_a_cell_becomes_a_hill_over_its_own_place() -> None:
    cells = np.zeros((1, 11, 16), np.float32)
    cells[0, 4, 9] = 64.0

    picture = in_pixels(LayerMap(cells, CellGrid(17.5, 17.5, 8.0, 8.0)), density=True)[0]

    rows, columns = np.indices(picture.shape)
    assert picture.sum() == pytest.approx(64.0, rel=0.01)
    assert (rows * picture).sum() / picture.sum() == pytest.approx(17.5 + 4 * 8, abs=0.1)
    assert (columns * picture).sum() / picture.sum() == pytest.approx(17.5 + 9 * 8, abs=0.1)


@pytest.mark.parametrize("history", [0, 3])
def test_any_policy_that_keeps_the_contract_can_be_explained(tmp_path: Path, history: int) -> None:
    space = ContinuousActionSpace(-0.3, 0.3, 0.5, 1.5)
    policy = Policy.load(save_policy(tmp_path / "p.onnx", make_metadata(space, frames=2, history=history)))
    frames = np.random.default_rng(1).integers(0, 256, (3, 2, 120, 160), dtype=np.uint8)
    commands = np.ones((3, history, 2), np.float32) if history else None

    (layer,) = layer_maps(policy, frames, np.eye(2, dtype=np.float32)[[1, 0, 1]], commands)

    theirs = policy.explain(frames, np.array([1, 0, 1]), commands).heatmap
    assert layer.values == pytest.approx(theirs, abs=1e-5 * float(np.abs(theirs).max()))
    assert heatmaps(policy, frames, np.zeros(3, np.int64), "community", history=commands).max() <= 1.0


def test_a_network_whose_way_back_is_unknown_is_refused_by_name(tmp_path: Path) -> None:
    path = save_policy(tmp_path / "p.onnx")
    model = onnx.load(path)
    nodes = model.graph.node
    relu = next(i for i, node in enumerate(nodes) if node.op_type == "Relu" and node.output[0] == "hidden")
    nodes[relu].CopyFrom(helper.make_node("Softplus", ["dense"], ["hidden"]))
    onnx.save(model, path)
    policy = object.__new__(Policy)
    policy.path = path
    policy.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    with pytest.raises(BadFileError, match="Softplus"):
        layer_maps(policy, np.zeros((1, 1, 120, 160), np.uint8), np.ones((1, 9), np.float32))
