"""Settings of the learner, with defaults that learn Forever Raceway in minutes on two cores."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from car.errors import Sim2RaceError
from training.config_file import LATER


def has_bfloat16() -> bool:
    """Return whether this CPU multiplies bfloat16 in hardware."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


@dataclass(frozen=True, kw_only=True)
class PpoConfig:
    """Settings of PPO."""

    cars: int = 32
    """Cars that drive at the same time."""
    rollout_steps: int = 128
    """Steps of each car between two updates."""
    batch_size: int = 512
    """Samples of one gradient step."""
    epochs: int = 4
    """Passes over a rollout."""
    learning_rate: float = 2e-3
    """Step size at the beginning; it falls in a straight line."""
    learning_rate_end: float = 1e-4
    """Step size at the end of all steps."""
    discount: float = 0.95
    """Worth of the next step's reward in this step (gamma)."""
    gae_lambda: float = 0.95
    """Between one-step (0) and whole-episode (1) advantages."""
    clip_range: float = 0.2
    """How far an update may move an action's probability, as a ratio."""
    clip_range_end: float | None = field(default=None, metadata=LATER)
    """The same at the end of all steps, reached in a straight line; as at the beginning unless given."""
    value_weight: float = 0.5
    """Weight of the critic's loss."""
    max_gradient_norm: float = 0.5
    """Longer gradients are shortened to this."""
    bfloat16: bool = field(default_factory=has_bfloat16)
    """Compute the gradients of the network's trunk in bfloat16: twice as fast on a CPU that has it, slower
    on others, and learns as well; on where the CPU has it."""
    entropy_weight: float = 0.01
    """Weight of the policy's entropy in the loss, until it is released."""
    entropy_weight_limit: float = 0.05
    """The weight rises no further than this to hold the floor."""
    entropy_floor: float = 0.5
    """Entropy in nats that the weight is raised to keep, until it is released."""
    entropy_release: float = 0.5
    """Share of all steps after which entropy floor and weight fall in a straight line to 0 at the end."""

    def __post_init__(self) -> None:
        positive = ("cars", "rollout_steps", "batch_size", "epochs", "learning_rate", "max_gradient_norm")
        for name in (*positive, "clip_range", "clip_range_end"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise Sim2RaceError(f"ppo.{name} is {value}; expected more than 0.")
        for name in ("discount", "gae_lambda", "entropy_release"):
            if not 0 <= getattr(self, name) <= 1:
                raise Sim2RaceError(f"ppo.{name} is {getattr(self, name)}; expected 0 to 1.")
        rollout = self.cars * self.rollout_steps
        if rollout % self.batch_size:
            raise Sim2RaceError(
                f"ppo.batch_size {self.batch_size} does not divide a rollout of {self.cars} cars x "
                f"{self.rollout_steps} steps = {rollout} samples."
            )
