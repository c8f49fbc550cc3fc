"""The networks a policy can be trained with, by name: camera frames in, features for linear heads out.

Every network has the same shape: an optional average pool, convolutions with ReLU, one dense layer with
ReLU. The heads of actor and critic are linear on the dense features, so that a logit is `W2 relu(W1 flat +
b1) + b2`. That is what lets the exporter write the exact backward pass of the head, and with it the heat
map, into `policy.onnx`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from car.errors import Sim2RaceError, unknown_name
from car.preprocess import HEIGHT, WIDTH
from sim.driving import HISTORY_KEY, OBSERVATION_KEY, TRUTH_KEY


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
    # DeepRacer's DEEP_CONVOLUTIONAL_NETWORK. Its fifth layer is dense over the channels of every place by
    # itself, which is a convolution of one pixel.
    "deep": NetworkSpec(
        pool=1,
        convolutions=(
            Convolution(32, 5, 2),
            Convolution(32, 3, 1),
            Convolution(64, 3, 2),
            Convolution(64, 3, 1),
            Convolution(64, 1, 1),
        ),
        dense=512,
        shared_trunk=False,
    ),
}


POOLS = (1, 2, 4, 5)
"""Sides of the pool that divide a frame and leave enough of it for the convolutions of some network."""
NARROWEST, WIDEST = 0.1, 4.0
"""Factors on the width: of 16 filters two are left; beyond, `deep` outgrows the 2 GB of an ONNX file."""


def network_spec(name: str, *, width: float = 1.0, pool: int | None = None) -> NetworkSpec:
    """Return the network called `name`, perhaps wider or narrower, behind its own pool or another.

    Args:
        name: in `NETWORKS`.
        width: factor on the filters of every convolution and on the dense layer.
        pool: side of the average pool over the frame in pixels; the network's own unless given.

    Raises:
        UnknownNameError: there is no such network; the message suggests the nearest.
        Sim2RaceError: width or pool are out of range, or the pool leaves too little for the convolutions.
    """
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    if not NARROWEST <= width <= WIDEST:
        raise Sim2RaceError(f"network_width is {width}; expected {NARROWEST:g} to {WIDEST:g}.")
    spec = NETWORKS[name]
    wide = replace(
        spec,
        pool=spec.pool if pool is None else pool,
        convolutions=tuple(replace(one, filters=_scaled(one.filters, width)) for one in spec.convolutions),
        dense=_scaled(spec.dense, width),
    )
    if wide.pool not in POOLS or _smallest_side(wide) < 1:
        fitting = [side for side in POOLS if _smallest_side(replace(spec, pool=side)) >= 1]
        raise Sim2RaceError(
            f"network_pool is {pool}; expected {', '.join(map(str, fitting))} for the network {name!r}."
        )
    return wide


def network_label(name: str, *, width: float = 1.0, pool: int | None = None) -> str:
    """Return what a policy calls its network: the name, and what differs, as in "small, width 0.5"."""
    spec, own = network_spec(name, width=width, pool=pool), NETWORKS[name]
    wider = "" if width == 1.0 else f", width {width:g}"
    return f"{name}{wider}" + ("" if spec.pool == own.pool else f", pool {spec.pool}")


def _scaled(count: int, width: float) -> int:
    return max(1, round(width * count))


def _smallest_side(spec: NetworkSpec) -> int:
    """Return the smaller side of the last activations, 0 or less if the convolutions do not fit."""
    side = min(HEIGHT, WIDTH) // spec.pool
    for convolution in spec.convolutions:
        side = (side - convolution.kernel) // convolution.stride + 1
    return side


class CameraFeatures(BaseFeaturesExtractor):
    """Features of a stack of camera frames and, where the observation has them, of the last commands."""

    def __init__(
        self,
        observation_space: gymnasium.Space[Any],
        *,
        network: str,
        width: float = 1.0,
        pool: int | None = None,
        sky_mask_rows: int = 0,
    ) -> None:
        """Build the layers of the network called `network`.

        Args:
            observation_space: Box uint8 (K, H, W), or a Dict of it under "observation", perhaps with a
                Box float32 (M, 2) under "history"; other keys are not for the actor.
            network: a name in `NETWORKS`.
            width: factor on its filters and its dense layer.
            pool: side of the average pool; the network's own unless given.
            sky_mask_rows: rows of the picture, from the top, that are black to the network; rounded down to
                whole squares of its pool.

        Raises:
            UnknownNameError: there is no network of that name.
            Sim2RaceError: it cannot have that width or pool.
        """
        spec = network_spec(network, width=width, pool=pool)
        super().__init__(observation_space, features_dim=spec.dense)
        self.masked_rows = sky_mask_rows // spec.pool
        """Rows behind the pool that are black."""
        frames, history_size = frames_space(observation_space), _history_size(observation_space)
        self.pool = spec.pool
        layers: list[nn.Module] = []
        channels = frames.shape[0]
        for convolution in spec.convolutions:
            layers += [
                nn.Conv2d(channels, convolution.filters, convolution.kernel, convolution.stride),
                nn.ReLU(),
            ]
            channels = convolution.filters
        self.convolutions = nn.Sequential(*layers)
        with torch.no_grad():
            last_map = self.activations(torch.zeros(1, *frames.shape))
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
        brightness = _average_pool(frames, self.pool) / 255.0
        if self.masked_rows:
            brightness = nn.functional.pad(
                brightness[..., self.masked_rows :, :], (0, 0, self.masked_rows, 0)
            )
        activations: Tensor = self.convolutions(brightness)
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
                return self.features(activations, observations.get(HISTORY_KEY)).float()
            return self.features(self.activations(observations)).float()


class TruthFeatures(BaseFeaturesExtractor):
    """Features of the simulator's ground truth, for a critic that knows more than the actor sees."""

    def __init__(self, observation_space: gymnasium.Space[Any], *, features_dim: int) -> None:
        """Build two layers on the Box float32 (T,) under "truth" of a Dict space."""
        super().__init__(observation_space, features_dim)
        assert isinstance(observation_space, spaces.Dict)
        size = int(np.prod(observation_space[TRUTH_KEY].shape or ()))
        self.layers = nn.Sequential(
            nn.Linear(size, features_dim), nn.Tanh(), nn.Linear(features_dim, features_dim), nn.Tanh()
        )

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Return the features (N, D) of a batch of observations."""
        features: Tensor = self.layers(observations[TRUTH_KEY])
        return features


class CameraPolicy(ActorCriticPolicy):
    """stable-baselines3's policy, which hands its networks the frames as they are.

    It would turn them to float before the network pools them: a third of the time of an update. Where the
    observation holds the ground truth, the critic is a network of its own on that.
    """

    def make_features_extractor(self) -> BaseFeaturesExtractor:
        """Return the actor's extractor when first called, then the critic's where it has its own."""
        space = self.observation_space
        if not hasattr(self, "pi_features_extractor") or not has_truth(space):
            return super().make_features_extractor()
        return TruthFeatures(space, features_dim=self.features_dim)

    def extract_features(  # type: ignore[override] # as in the class above it
        self, obs: Any, features_extractor: BaseFeaturesExtractor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the features of a batch: one tensor, or one for the actor and one for the critic."""
        if features_extractor is not None:
            return cast(Tensor, features_extractor(obs))
        if self.share_features_extractor:
            return cast(Tensor, self.features_extractor(obs))
        return self.pi_features_extractor(obs), self.vf_features_extractor(obs)

    def predict_values(self, obs: Any) -> Tensor:
        """Return the critic's estimates (N, 1) for a batch of observations."""
        latent = self.mlp_extractor.forward_critic(self.vf_features_extractor(obs))
        return cast(Tensor, self.value_net(latent))


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


def has_truth(observation_space: gymnasium.Space[Any]) -> bool:
    """Return whether observations hold the ground truth."""
    return isinstance(observation_space, spaces.Dict) and TRUTH_KEY in observation_space.spaces


def frames_space(observation_space: gymnasium.Space[Any]) -> spaces.Box:
    """Return the space of the frames, whether or not anything goes beside them."""
    frames = (
        observation_space[OBSERVATION_KEY]
        if isinstance(observation_space, spaces.Dict)
        else observation_space
    )
    assert isinstance(frames, spaces.Box)
    return frames


def _history_size(observation_space: gymnasium.Space[Any]) -> int:
    """Return how many numbers of history go beside the frames."""
    if not isinstance(observation_space, spaces.Dict) or HISTORY_KEY not in observation_space.spaces:
        return 0
    return int(np.prod(observation_space[HISTORY_KEY].shape or ()))
