"""What one minibatch says about a policy: PPO's losses, and how far it is from a teacher."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from stable_baselines3.common.buffers import DictRolloutBuffer, RolloutBuffer
from stable_baselines3.common.type_aliases import DictRolloutBufferSamples, RolloutBufferSamples
from torch import Tensor
from torch.distributions import Categorical, Distribution, kl_divergence

from training.networks import CameraPolicy

Samples = RolloutBufferSamples | DictRolloutBufferSamples
Buffer = RolloutBuffer | DictRolloutBuffer


@dataclass(frozen=True)
class PpoLosses:
    """The terms of PPO on one minibatch (Schulman et al. 2017, "Proximal policy optimization")."""

    policy: Tensor
    """Clipped surrogate loss, eq. 7 with the sign turned."""
    value: Tensor
    """Mean squared error of the critic."""
    entropy: Tensor
    """Mean entropy of the policy in nats."""
    divergence: float
    """Approximate KL of the policy that drove from this one."""
    clip_share: float
    """Share of samples whose ratio was clipped."""


def ppo_losses(distribution: Distribution, values: Tensor, data: Samples, *, clip_range: float) -> PpoLosses:
    """Return PPO's losses on a minibatch.

    Args:
        distribution: of the policy for the minibatch: Categorical, or Normal (N, 2).
        values: (N, 1), the critic's estimates.
        data: the minibatch.
        clip_range: how far a probability's ratio counts.
    """
    discrete = isinstance(distribution, Categorical)
    actions = data.actions.long().flatten() if discrete else data.actions
    log_probability = _summed(distribution.log_prob(actions))
    advantages = data.advantages
    advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    log_ratio = log_probability - data.old_log_prob
    ratio = log_ratio.exp()
    clipped = ratio.clamp(1.0 - clip_range, 1.0 + clip_range)
    with torch.no_grad():
        # Schulman's low-variance estimate of the divergence, http://joschu.net/blog/kl-approx.html
        divergence = float((ratio - 1.0 - log_ratio).mean())
        clip_share = float(((ratio - 1.0).abs() > clip_range).float().mean())
    return PpoLosses(
        policy=-torch.min(advantages * ratio, advantages * clipped).mean(),
        value=torch.nn.functional.mse_loss(values.flatten(), data.returns),
        entropy=_summed(distribution.entropy()).mean(),
        divergence=divergence,
        clip_share=clip_share,
    )


def teacher_loss(teacher: Distribution, student: Distribution) -> Tensor:
    """Return the mean KL divergence of the student from the teacher, in nats."""
    return _summed(kl_divergence(teacher, student)).mean()


def judge(policy: CameraPolicy, observations: Tensor | dict[str, Tensor]) -> tuple[Distribution, Tensor]:
    """Return the policy's distribution and the critic's estimates (N, 1) for a minibatch."""
    features = policy.extract_features(observations)
    if isinstance(features, tuple):
        actor, critic = features
    else:
        actor = critic = features
    distribution = policy._get_action_dist_from_latent(actor).distribution
    assert isinstance(distribution, Distribution)
    values: Tensor = policy.value_net(critic)
    return distribution, values


def _summed(figures: Tensor) -> Tensor:
    """Return the sum over the numbers of a continuous action, whose distributions are independent."""
    return figures.sum(dim=1) if figures.dim() > 1 else figures
