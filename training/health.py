"""Whether a training can still come to anything."""

from __future__ import annotations

import torch
from torch import nn

from car.errors import Sim2RaceError

COLLAPSED_ENTROPY = 1e-3
"""Entropy in nats below which a policy of discrete actions tries nothing any more."""
COLLAPSED_LAPS = 0.1
"""Lap share while exploring below which that is the end of it."""


class DivergedError(Sim2RaceError):
    """The numbers of a training are no numbers any more, or its policy made up its mind too early."""


def is_finite(network: nn.Module) -> bool:
    """Return whether every number of a network is finite."""
    return all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters())


def clip_gradients(network: nn.Module, longest: float) -> None:
    """Shorten the gradient to `longest`, before a step that one without end would ruin the network by.

    Raises:
        DivergedError: it is not finite.
    """
    length = nn.utils.clip_grad_norm_(network.parameters(), longest)
    if not bool(torch.isfinite(length)):
        raise DivergedError("the gradient is not finite")


def is_collapsed(*, entropy: float, lap_share: float, episodes: int) -> bool:
    """Say whether a policy of discrete actions made up its mind before it could drive."""
    return episodes > 0 and entropy < COLLAPSED_ENTROPY and lap_share < COLLAPSED_LAPS
