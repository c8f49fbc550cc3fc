"""PPO as this project uses it: stable-baselines3's, stepped one rollout at a time, with its entropy held up.

The loop belongs to `training.trainer`, which must look, evaluate and save between any two updates; here is
what one update needs. Entropy is steered rather than hoped for: a policy that has made up its mind no longer
meets the tight spots it must know, and one that never does steers by throwing dice, which the car's argmax
cannot.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import explained_variance, obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn

from sim.driving import Observations
from sim.sb3_adapter import SimVecEnv
from training.health import clip_gradients
from training.losses import Samples, judge, ppo_losses, teacher_loss
from training.networks import CameraFeatures, CameraPolicy, has_truth, network_spec
from training.ppo_config import PpoConfig
from training.teacher import Teacher

EPISODE_WINDOW = 100
"""Episodes that the exploring figures are averaged over."""

_ENTROPY_RISE = 1.3
_ENTROPY_FALL = 0.95
_SMALLEST_WEIGHT = 1e-4
"""Where a weight of zero starts to rise from."""


@dataclass(frozen=True)
class UpdateReport:
    """What one rollout and the update after it showed; means over the last `EPISODE_WINDOW` episodes."""

    steps: int
    """Simulated steps since the beginning of the run."""
    rollout_steps: int
    """Simulated steps in this rollout."""
    rollout_s: float
    """Wall clock of driving."""
    simulator_s: float
    """What of that the simulator took: physics and camera."""
    update_s: float
    """Wall clock of learning."""
    episodes: int
    """Episodes in the window, 0 until the first one ends."""
    reward: float
    """Mean sum of rewards of an episode."""
    episode_steps: float
    """Mean length of an episode."""
    progress: float
    """Mean progress at the end of an episode, 0 to 100."""
    lap_share: float
    """Share of episodes that ended with a completed lap, while exploring."""
    lap_time_s: float
    """Mean time of the completed laps, 0 without one."""
    entropy: float
    """Mean entropy of the policy in nats."""
    entropy_weight: float
    """Weight of the entropy in the loss of this update."""
    learning_rate: float
    """Step size of this update."""
    clip_range: float
    """How far this update could move an action's probability, as a ratio."""
    policy_loss: float
    """Clipped surrogate loss."""
    value_loss: float
    """Mean squared error of the critic."""
    kl: float
    """Approximate divergence of the new policy from the one that drove."""
    clip_share: float
    """Share of samples whose ratio was clipped."""
    explained_variance: float
    """How much of the returns' variance the critic explains, up to 1."""
    teacher_share: float
    """How much of the lesson was the teacher's, 1 to 0."""
    teacher_kl: float
    """Divergence of the policy from the teacher in nats; 0 without a lesson."""

    @property
    def steps_per_second(self) -> float:
        """Rate of this rollout and the update after it."""
        return self.rollout_steps / max(self.rollout_s + self.update_s, 1e-9)


class EntropyControl:
    """Turns the weight of the entropy so that it stays above a floor, and lets go late in training."""

    def __init__(self, config: PpoConfig, weight: float | None = None) -> None:
        """Start at the configured weight, or where an earlier session left it."""
        self._config = config
        self.weight = config.entropy_weight if weight is None else weight

    def floor(self, progress: float) -> float:
        """Return the lowest entropy wanted at `progress` (0 to 1 of all steps), in nats."""
        return self._config.entropy_floor * self._held(progress)

    def update(self, entropy: float, progress: float) -> float:
        """Return the weight for the next update, given the entropy of the last one."""
        base = self._config.entropy_weight * self._held(progress)
        if entropy < self.floor(progress):
            risen = max(self.weight, base, _SMALLEST_WEIGHT) * _ENTROPY_RISE
            self.weight = min(risen, self._config.entropy_weight_limit)
        else:
            self.weight = max(self.weight * _ENTROPY_FALL, base)
        return self.weight

    def _held(self, progress: float) -> float:
        """Return 1 until the release, then fall in a straight line to 0 at the end."""
        release = self._config.entropy_release
        return min(1.0, max(0.0, (1.0 - progress) / max(1.0 - release, 1e-9)))


class _NoCallback(BaseCallback):
    """Lets stable-baselines3 collect a rollout without interference."""

    def _on_step(self) -> bool:
        return True


def _policy_arguments(env: VecEnv, features: dict[str, Any]) -> dict[str, Any]:
    """Return what stable-baselines3 builds the policy from; `features` are those of `CameraFeatures`."""
    spec = network_spec(features["network"], width=features["width"], pool=features["pool"])
    return {
        "features_extractor_class": CameraFeatures,
        "features_extractor_kwargs": features,
        "share_features_extractor": spec.shared_trunk and not has_truth(env.observation_space),
        "net_arch": [],
        "normalize_images": False,
    }


class Learner(PPO):
    """PPO over a vector of simulated cars, advanced one rollout and update at a time."""

    def __init__(
        self,
        env: VecEnv,
        *,
        network: str,
        network_width: float = 1.0,
        network_pool: int | None = None,
        config: PpoConfig,
        seed: int,
        teacher: Teacher | None = None,
        sky_mask_rows: int = 0,
    ) -> None:
        """Build the policy, its optimiser and the rollout buffer.

        Args:
            env: the cars; their number is part of the rollout size. Where their observations hold the ground
                truth, the critic sees that, and the actor only the rest.
            network: a name in `training.networks.NETWORKS`.
            network_width: factor on its filters and its dense layer.
            network_pool: side of the average pool over its frames; its own unless given.
            config: the settings.
            seed: of weights, actions and minibatches.
            teacher: whose choices the policy learns from as far as `advance` says; wants the ground truth.
            sky_mask_rows: rows of the picture, from the top, that the policy does not see.
        """
        features: dict[str, Any] = {"network": network, "width": network_width, "pool": network_pool}
        clip_end = config.clip_range if config.clip_range_end is None else config.clip_range_end
        self.teacher = teacher
        self.teacher_share = 0.0
        self.lesson: dict[str, float] = {}
        super().__init__(
            policy=CameraPolicy,
            env=env,
            learning_rate=_linear(config.learning_rate, config.learning_rate_end),
            n_steps=config.rollout_steps,
            batch_size=config.batch_size,
            n_epochs=config.epochs,
            gamma=config.discount,
            gae_lambda=config.gae_lambda,
            clip_range=_linear(config.clip_range, clip_end),
            ent_coef=config.entropy_weight,
            vf_coef=config.value_weight,
            max_grad_norm=config.max_gradient_norm,
            stats_window_size=EPISODE_WINDOW,
            policy_kwargs=_policy_arguments(env, features | {"sky_mask_rows": sky_mask_rows}),
            seed=seed,
            device="cpu",
        )
        # Convolutions on few channels run up to 1.7 times faster on a CPU in this layout.
        self.policy.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for module in self.policy.modules():
            if isinstance(module, CameraFeatures):
                module.bfloat16_gradients = config.bfloat16
        self.entropy_control = EntropyControl(config)
        # Without one of ours, stable-baselines3 leaves an empty folder in the temporary folder at every run.
        self.set_logger(Logger(None, []))

    def begin(self) -> None:
        """Put the cars on the track; call once before `advance`."""
        _, self._callback = self._setup_learn(
            total_timesteps=0, callback=_NoCallback(), reset_num_timesteps=False
        )

    def advance(self, progress: float, *, teacher_share: float = 0.0) -> UpdateReport:
        """Drive one rollout and learn from it.

        Args:
            progress: how much of the training is over, 0 to 1: position in the schedules.
            teacher_share: how much of the lesson is the teacher's, 0 to 1; the rest is PPO's.
        """
        assert self.env is not None
        simulated_s, started = self._simulator_s, time.perf_counter()
        self.collect_rollouts(self.env, self._callback, self.rollout_buffer, n_rollout_steps=self.n_steps)
        driven, simulated_s = time.perf_counter(), self._simulator_s - simulated_s
        self._current_progress_remaining = 1.0 - progress
        self.teacher_share = teacher_share if self.teacher is not None else 0.0
        self.train()
        learned = time.perf_counter()
        report = self._report(rollout_s=driven - started, simulator_s=simulated_s, update_s=learned - driven)
        self.ent_coef = self.entropy_control.update(report.entropy, progress)
        return report

    def train(self) -> None:
        """Learn from the rollout: as stable-baselines3 does, with the teacher's share of the lesson."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        figures: list[tuple[float, ...]] = []
        for _ in range(self.n_epochs):
            figures += [self._learn_from(data) for data in self.rollout_buffer.get(self.batch_size)]
        names = ("policy_loss", "value_loss", "entropy", "kl", "clip_share", "teacher_kl")
        self.lesson = dict(zip(names, np.mean(figures, axis=0).tolist(), strict=True))
        buffer = self.rollout_buffer
        explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        self.lesson["explained_variance"] = float(explained)

    def _learn_from(self, data: Samples) -> tuple[float, ...]:
        """Take one gradient step and return its figures, in the order that `train` names them.

        Raises:
            DivergedError: the gradient is not finite; the policy is as it was before.
        """
        assert isinstance(self.policy, CameraPolicy)
        distribution, values = judge(self.policy, data.observations)
        losses = ppo_losses(distribution, values, data, clip_range=self.clip_range_now)
        own = losses.policy - self.ent_coef * losses.entropy
        loss = self.vf_coef * losses.value + (1.0 - self.teacher_share) * own
        divergence = torch.zeros(())
        if self.teacher is not None and self.teacher_share > 0.0:
            assert isinstance(data.observations, dict)
            divergence = teacher_loss(self.teacher.distribution(data.observations), distribution)
            loss = loss + self.teacher_share * divergence
        self.policy.optimizer.zero_grad()
        torch.autograd.backward(loss)
        clip_gradients(self.policy, self.max_grad_norm)
        self.policy.optimizer.step()
        return (
            losses.policy.item(),
            losses.value.item(),
            losses.entropy.item(),
            losses.divergence,
            losses.clip_share,
            divergence.item(),
        )

    def act_greedily(self, observations: Observations) -> npt.NDArray[Any]:
        """Return what the exported policy would do: (N,) most probable actions, or (N, 2) clipped means.

        Args:
            observations: (N, K, H, W), or a dict with that under "observation" and more beside it.
        """
        with torch.no_grad():
            features = self.policy.pi_features_extractor(obs_as_tensor(observations, self.device))
            outputs: Tensor = self.action_head(features)
        discrete = isinstance(self.action_space, spaces.Discrete)
        array: npt.NDArray[Any] = (outputs.argmax(dim=1) if discrete else outputs.clamp(-1.0, 1.0)).numpy()
        return array

    @property
    def action_head(self) -> nn.Linear:
        """The layer from features to logits, or to the means of a continuous action."""
        head = self.policy.action_net
        assert isinstance(head, nn.Linear)
        return head

    @property
    def clip_range_now(self) -> float:
        """How far the update at the present place in the schedules may move an action's probability."""
        assert callable(self.clip_range)
        return float(self.clip_range(self._current_progress_remaining))

    @property
    def _simulator_s(self) -> float:
        """Wall clock that the cars have spent on physics and camera; 0 in a world that does not count it."""
        cars = self.env
        return sum(cars.batch.seconds.values()) if isinstance(cars, SimVecEnv) else 0.0

    def _report(self, *, rollout_s: float, simulator_s: float, update_s: float) -> UpdateReport:
        """Gather the figures of the update that just ended."""
        episodes = list(self.ep_info_buffer or ())
        laps = [episode for episode in episodes if episode["lap"]]
        lesson = self.lesson

        def mean(key: str) -> float:
            return sum(float(episode[key]) for episode in episodes) / max(len(episodes), 1)

        return UpdateReport(
            steps=self.num_timesteps,
            rollout_steps=self.n_steps * self.n_envs,
            rollout_s=rollout_s,
            simulator_s=simulator_s,
            update_s=update_s,
            episodes=len(episodes),
            reward=mean("r"),
            episode_steps=mean("l"),
            progress=mean("progress"),
            lap_share=mean("lap"),
            lap_time_s=sum(float(lap["lap_time_s"]) for lap in laps) / max(len(laps), 1),
            entropy=lesson["entropy"],
            entropy_weight=float(self.ent_coef),
            learning_rate=float(self.policy.optimizer.param_groups[0]["lr"]),
            clip_range=self.clip_range_now,
            policy_loss=lesson["policy_loss"],
            value_loss=lesson["value_loss"],
            kl=lesson["kl"],
            clip_share=lesson["clip_share"],
            explained_variance=lesson["explained_variance"],
            teacher_share=self.teacher_share,
            teacher_kl=lesson["teacher_kl"],
        )


def _linear(start: float, end: float) -> Callable[[float], float]:
    """Return a straight line over the remaining share of training, as stable-baselines3 wants schedules."""
    return lambda remaining: end + (start - end) * remaining
