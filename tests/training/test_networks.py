"""Networks by name, and the shape that makes their heads explainable."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from car.errors import Sim2RaceError, UnknownNameError
from tests.training.toy import observation_space
from training.networks import NETWORKS, POOLS, CameraFeatures, network_label, network_spec


def test_an_unknown_network_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'deepracer'"):
        network_spec("deepraser")


def test_the_small_network_is_small() -> None:
    network = CameraFeatures(observation_space(), network="small")
    assert sum(parameter.numel() for parameter in network.parameters()) < 1_000_000


def test_the_deepracer_network_has_the_reference_shape() -> None:
    network = CameraFeatures(observation_space(), network="deepracer")
    assert network.map_shape == (64, 11, 16)
    assert network.dense.weight.shape == (512, 11_264)


def test_the_deep_network_has_the_five_layers_of_the_reference() -> None:
    network = CameraFeatures(observation_space(), network="deep")
    kernels = [tuple(layer.weight.shape) for layer in network.convolutions if isinstance(layer, nn.Conv2d)]
    assert kernels == [(32, 1, 5, 5), (32, 32, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (64, 64, 1, 1)]
    assert network.map_shape == (64, 25, 35)
    assert network.dense.weight.shape == (512, 56_000)


def test_a_network_can_be_wider_or_narrower_behind_its_own_pool_or_another() -> None:
    network = CameraFeatures(observation_space(), network="small", width=0.5, pool=4)
    kernels = [tuple(layer.weight.shape) for layer in network.convolutions if isinstance(layer, nn.Conv2d)]
    assert kernels == [(8, 1, 5, 5), (16, 8, 3, 3), (16, 16, 3, 3)]
    assert (network.pool, network.map_shape, network.features_dim) == (4, (16, 2, 3), 128)
    assert network_spec("small", width=1.0, pool=2) == network_spec("small") == NETWORKS["small"]


def test_a_policy_says_what_is_unusual_about_its_network() -> None:
    assert network_label("small") == network_label("small", pool=2) == "small"
    assert network_label("small", width=0.5, pool=4) == "small, width 0.5, pool 4"


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ({"width": 0.0}, r"network_width is 0.0; expected 0.1 to 4\."),
        ({"width": float("nan")}, "network_width is nan"),
        ({"width": 4.5}, "network_width is 4.5"),
        ({"pool": 0}, r"network_pool is 0; expected 1, 2 for the network 'deepracer'\."),
        ({"pool": 3}, "network_pool is 3"),
        ({"pool": 4}, "network_pool is 4"),
    ],
)
def test_a_width_or_pool_that_a_network_cannot_have_is_named_with_those_it_can(
    shape: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(Sim2RaceError, match=complaint):
        network_spec("deepracer", **shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_pool_on_offer_leaves_a_map(name: str) -> None:
    fitting = []
    for pool in POOLS:
        try:
            network_spec(name, pool=pool)
        except Sim2RaceError:
            continue
        fitting.append(pool)
        _, height, width = CameraFeatures(observation_space(), network=name, width=0.1, pool=pool).map_shape
        assert height >= 1 and width >= 1
    assert fitting == ([1, 2] if name == "deepracer" else [1, 2, 4, 5])


@pytest.mark.parametrize("name", NETWORKS)
def test_pixels_are_scaled_to_one_inside_the_network(name: str) -> None:
    network = CameraFeatures(observation_space(), network=name)
    white = torch.full((1, 1, 120, 160), 255, dtype=torch.uint8)
    first = network.convolutions[0]
    inside = first(torch.ones(1, 1, 120 // network.pool, 160 // network.pool))
    torch.testing.assert_close(network.activations(white), network.convolutions[1:](inside))


def test_bfloat16_is_for_gradients_only() -> None:
    network = CameraFeatures(observation_space(), network="small")
    frames = torch.randint(0, 256, (4, 1, 120, 160), dtype=torch.uint8)
    with torch.no_grad():
        exact = network(frames)
        network.bfloat16_gradients = True
        torch.testing.assert_close(network(frames), exact, rtol=0, atol=0)
    rough = network(frames)
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).abs().max() < 0.02 * exact.abs().max()


@pytest.mark.parametrize("name", NETWORKS)
def test_features_are_one_dense_layer_over_the_flat_activations_and_commands(name: str) -> None:
    network = CameraFeatures(observation_space(frames=2, history=3), network=name)
    frames = torch.randint(0, 256, (4, 2, 120, 160), dtype=torch.uint8)
    commands = torch.randn(4, 3, 2)
    flat = torch.cat((network.activations(frames).flatten(1), commands.flatten(1)), dim=1)
    expected = (flat @ network.dense.weight.T + network.dense.bias).clamp(min=0)
    found = network({"observation": frames.float(), "history": commands})
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
