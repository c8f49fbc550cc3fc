"""The networks a policy can be trained with, by name: camera frames in, features for linear heads out.

Every network has the same shape: an optional average pool, convolutions with ReLU, one dense layer with
ReLU. The heads of actor and critic are linear on the dense features, so that a logit is `W2 relu(W1 flat +
b1) + b2`. That is what lets the exporter write the exact backward pass of the head, and with it the heat
map, into `policy.onnx`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import gymnasium
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from car.errors import unknown_name

OBSERVATION_KEY = "observation"
"""Name of the frames in a Dict observation and of the input in `policy.onnx`."""

HISTORY_KEY = "history"
"""Name of the last commands in a Dict observation and of the input in `policy.onnx`."""


@dataclass(frozen=True)
class Convolution:
    """One convolution without padding, followed by ReLU."""

    filters: int
    kernel: int
    stride: int


@dataclass(frozen=True)
class NetworkSpec:
    """The shape of one network."""

    pool: int
    """Side of the average pool over the frame; 1 leaves the frame as it is."""
    convolutions: tuple[Convolution, ...]
    """From the frame inwards."""
    dense: int
    """Width of the dense layer behind the flattened convolutions."""
    shared_trunk: bool
    """Whether actor and critic share convolutions and dense layer, in half the time, or have their own."""


NETWORKS: dict[str, NetworkSpec] = {
    "small": NetworkSpec(
        pool=2,
        convolutions=(Convolution(16, 5, 3), Convolution(32, 3, 2), Convolution(32, 3, 1)),
        dense=256,
        shared_trunk=True,
    ),
    "deepracer": NetworkSpec(
        pool=1,
        convolutions=(Convolution(32, 8, 4), Convolution(64, 4, 2), Convolution(64, 3, 1)),
        dense=512,
        shared_trunk=False,
    ),
}


def network_spec(name: str) -> NetworkSpec:
    """Return the network called `name`.

    Raises:
        UnknownNameError: there is no such network; the message suggests the nearest.
    """
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    return NETWORKS[name]


class CameraFeatures(BaseFeaturesExtractor):
    """Features of a stack of camera frames and, where the observation has them, of the last commands."""

    def __init__(self, observation_space: gymnasium.Space[Any], *, network: str) -> None:
        """Build the layers of the network called `network`.

        Args:
            observation_space: Box uint8 (K, H, W), or a Dict of it under "observation" with a
                Box float32 (M, 2) under "history".
            network: a name in `NETWORKS`.

        Raises:
            UnknownNameError: there is no network of that name.
        """
        spec = network_spec(network)
        super().__init__(observation_space, features_dim=spec.dense)
        frames_space, history_size = _frames_and_history(observation_space)
        self.pool = spec.pool
        layers: list[nn.Module] = []
        channels = frames_space.shape[0]
        for convolution in spec.convolutions:
            layers += [
                nn.Conv2d(channels, convolution.filters, convolution.kernel, convolution.stride),
                nn.ReLU(),
            ]
            channels = convolution.filters
        self.convolutions = nn.Sequential(*layers)
        with torch.no_grad():
            last_map = self.activations(torch.zeros(1, *frames_space.shape))
        self.map_shape: tuple[int, int, int] = (last_map.shape[1], last_map.shape[2], last_map.shape[3])
        """Channels, height and width of the last activations: the resolution of the heat map."""
        self.dense = nn.Linear(last_map.numel() + history_size, spec.dense)
        self.bfloat16_gradients = False
        """Whether gradients are computed through bfloat16; driving and export stay in float32."""

    def activations(self, frames: Tensor) -> Tensor:
        """Return the activations of the last convolution, float32 (N, C, h, w).

        Args:
            frames: (N, K, H, W) with values 0 to 255 of any number type; uint8 is fastest.
        """
        activations: Tensor = self.convolutions(_average_pool(frames, self.pool) / 255.0)
        return activations

    def features(self, activations: Tensor, history: Tensor | None = None) -> Tensor:
        """Return the dense features (N, D) of activations (N, C, h, w) and last commands (N, M, 2)."""
        flat = activations.flatten(start_dim=1)
        if history is not None:
            flat = torch.cat((flat, history.flatten(start_dim=1)), dim=1)
        return nn.functional.relu(self.dense(flat))

    def forward(self, observations: Tensor | dict[str, Tensor]) -> Tensor:
        """Return the features (N, D) of a batch of observations."""
        fast = self.bfloat16_gradients and torch.is_grad_enabled()
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            if isinstance(observations, dict):
                activations = self.activations(observations[OBSERVATION_KEY])
                return self.features(activations, observations[HISTORY_KEY]).float()
            return self.features(self.activations(observations)).float()


class CameraPolicy(ActorCriticPolicy):
    """stable-baselines3's policy, which hands its networks the frames as they are.

    It would turn them to float before the network pools them: a third of the time of an update.
    """

    def extract_features(  # type: ignore[override] # as in the class above it
        self, obs: Any, features_extractor: BaseFeaturesExtractor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the features of a batch: one tensor, or one for the actor and one for the critic."""
        if features_extractor is not None:
            return cast(Tensor, features_extractor(obs))
        if self.share_features_extractor:
            return cast(Tensor, self.features_extractor(obs))
        return self.pi_features_extractor(obs), self.vf_features_extractor(obs)


def _average_pool(frames: Tensor, side: int) -> Tensor:
    """Return float means over squares of `side` pixels.

    Sums of uint8 in int16 are exact, and with whole rows first several times faster than pooling floats.
    """
    if side == 1:
        return frames.float()
    sums = frames.to(torch.int16) if frames.dtype == torch.uint8 else frames.float()
    rows = sum((sums[..., row::side, :] for row in range(1, side)), start=sums[..., 0::side, :])
    squares = sum((rows[..., column::side] for column in range(1, side)), start=rows[..., 0::side])
    return squares.float() / side**2


def _frames_and_history(observation_space: gymnasium.Space[Any]) -> tuple[spaces.Box, int]:
    """Return the space of the frames, and how many numbers of history go beside them."""
    if isinstance(observation_space, spaces.Dict):
        frames, history = observation_space[OBSERVATION_KEY], observation_space[HISTORY_KEY]
        assert isinstance(frames, spaces.Box) and isinstance(history, spaces.Box)
        return frames, history.shape[0] * history.shape[1]
    assert isinstance(observation_space, spaces.Box)
    return observation_space, 0
