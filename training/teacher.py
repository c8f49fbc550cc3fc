"""The teacher: a policy that drives by the simulator's ground truth and shows another what it would do.

Learning to drive and learning to see at the same time is what makes policies from pictures slow: the ground
truth needs no rendering and a network of two small layers, so that stable-baselines3's PPO learns to drive by
it in seconds (reported by `TeacherReport`). The camera policy then learns to see from the teacher's choices
on its own drives, and later goes on by reward alone (Schmitt et al. 2018, "Kickstarting deep reinforcement
learning"; a teacher with privileged information as in Chen et al. 2019, "Learning by cheating").
"""

from __future__ import annotations

import pickle
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from torch import Tensor
from torch.distributions import Distribution

from car.action_space import ActionSpace
from car.errors import BadFileError, Sim2RaceError
from car.files import atomic_path
from sim.driving import TRUTH_KEY, Observations
from sim.sb3_adapter import SimVecEnv
from sim.simulator import SimConfig
from training.health import DivergedError, is_finite
from training.teacher_snapshot import TeacherSnapshots, load_teacher_snapshot, save_teacher_snapshot

REPORT_UPDATES = 10
"""Updates between two reports."""


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """Settings of the teacher, and of how long the camera policy listens to it."""

    steps: int = 500_000
    """Simulated steps of the teacher's own training, without pictures; 0 for no teacher."""
    alone_until: float = 0.6
    """Share of all steps until which the camera policy learns from the teacher alone."""
    until: float = 0.9
    """Share of all steps from which it learns from reward alone; in between, from both."""
    cars: int = 64
    """Cars that drive at the same time."""
    rollout_steps: int = 128
    """Steps of each car between two updates."""
    batch_size: int = 1024
    """Samples of one gradient step."""
    epochs: int = 4
    """Passes over a rollout."""
    learning_rate: float = 1.5e-3
    """Step size at the beginning; it falls in a straight line."""
    learning_rate_end: float = 1e-4
    """Step size at the end."""
    discount: float = 0.98
    """Worth of the next step's reward in this step (gamma), at the car's rate."""
    entropy_weight: float = 0.01
    """Weight of the entropy in the loss; from half of the steps on it falls to 0."""
    width: int = 128
    """Width of each of the two layers."""
    tight_spot_share: float = 0.2
    """Share of its episodes that begin in a tight spot, at least."""

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise Sim2RaceError(f"teacher.steps is {self.steps}; expected 0 or more.")
        if not 0.0 <= self.alone_until <= self.until <= 1.0:
            raise Sim2RaceError(
                f"teacher.alone_until {self.alone_until} and teacher.until {self.until}: expected "
                "0 to 1, the first no larger than the second."
            )

    def share(self, progress: float) -> float:
        """Return how much of the lesson is the teacher's at `progress` (0 to 1 of all steps), 1 to 0."""
        if not self.steps or progress >= self.until:
            return 0.0
        falling = (self.until - progress) / max(self.until - self.alone_until, 1e-9)
        return min(1.0, falling)


@dataclass(frozen=True)
class TeacherReport:
    """How the teacher's own training goes, over its last 100 episodes, while exploring."""

    steps: int
    seconds: float
    progress: float
    """Mean progress at the end of an episode, 0 to 100."""
    lap_share: float
    """Share of episodes that completed a lap."""


class Teacher:
    """A trained teacher."""

    def __init__(self, model: PPO) -> None:
        self._model = model

    @torch.no_grad()
    def distribution(self, observations: dict[str, Tensor]) -> Distribution:
        """Return what it would do: a Categorical over actions, or a Normal over (steering, speed)."""
        truth = {TRUTH_KEY: observations[TRUTH_KEY]}
        distribution = self._model.policy.get_distribution(truth).distribution
        assert isinstance(distribution, Distribution)
        return distribution

    def act(self, observations: Observations) -> npt.NDArray[Any]:
        """Return its most probable actions (N,), or means (N, 2), for observations that hold the truth."""
        actions, _ = self._model.predict({TRUTH_KEY: observations[TRUTH_KEY]}, deterministic=True)
        return actions

    def save(self, path: Path) -> None:
        """Write its weights, whole or not at all.

        Raises:
            Sim2RaceError: the file cannot be written.
        """
        with atomic_path(path) as aside:
            try:
                torch.save(self._model.policy.state_dict(), aside)
            except RuntimeError as error:  # PyTorch's archive writer reports a full disk this way.
                raise Sim2RaceError(f"Cannot write {path}: {str(error).splitlines()[0]}") from error


def train_teacher(
    config: TeacherConfig,
    sim: SimConfig,
    actions: ActionSpace,
    *,
    seed: int,
    report: Callable[[TeacherReport], bool],
    snapshots: TeacherSnapshots | None = None,
) -> Teacher | None:
    """Train a teacher on the tracks, cars and rewards of `sim`, or go on from its snapshot if there is one.

    Args:
        config: settings.
        sim: the world; no picture is taken of it.
        actions: what actions mean.
        seed: of everything random.
        report: told how it goes; training stops when it returns false.
        snapshots: where to keep it while it is trained; nowhere unless given.

    Returns:
        The teacher, None if it was stopped.

    Raises:
        DivergedError: its numbers are not finite any more.
    """
    model, seconds = _build(config, sim, actions, seed=seed), 0.0
    if snapshots is not None and snapshots.path.is_file():
        try:
            seconds = load_teacher_snapshot(snapshots.path, model)
        except BadFileError as error:
            snapshots.complain(f"{error} The teacher begins anew.")
            model = _build(config, sim, actions, seed=seed)
    follower = _Follower(config, report, snapshots, seconds=seconds)
    left = max(0, config.steps - model.num_timesteps)
    try:
        model.learn(left, callback=follower, reset_num_timesteps=False)
    except (RuntimeError, ValueError):
        # What PyTorch says when it is to throw dice with probabilities that are no numbers.
        if is_finite(model.policy):
            raise
    follower.check_health()
    return None if follower.stopped else Teacher(model)


def load_teacher(path: Path, config: TeacherConfig, sim: SimConfig, actions: ActionSpace) -> Teacher:
    """Read what `Teacher.save` wrote.

    Raises:
        BadFileError: the file is missing, truncated, foreign, or of another network.
    """
    model = _build(config, sim, actions, seed=0)
    try:
        model.policy.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError, LookupError, EOFError, TypeError, AttributeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise BadFileError(f"{path} is not this run's teacher: {reason}") from error
    except (pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise BadFileError(f"{path} is not a teacher of sim2race, or it is truncated.") from error
    return Teacher(model)


def _build(config: TeacherConfig, sim: SimConfig, actions: ActionSpace, *, seed: int) -> PPO:
    """Build the teacher's cars and learner."""
    env = SimVecEnv(sim, config.cars, seed, action_space=actions, frames=0, truth=True)
    return PPO(
        "MultiInputPolicy",
        env,
        learning_rate=lambda left: (
            config.learning_rate_end + (config.learning_rate - config.learning_rate_end) * left
        ),
        n_steps=config.rollout_steps,
        batch_size=config.batch_size,
        n_epochs=config.epochs,
        gamma=config.discount,
        ent_coef=config.entropy_weight,
        policy_kwargs={"net_arch": [config.width, config.width]},
        seed=seed,
        device="cpu",
    )


class _Follower(BaseCallback):
    """Reports, keeps snapshots, lets go of the entropy in the second half, and stops when told to."""

    def __init__(
        self,
        config: TeacherConfig,
        report: Callable[[TeacherReport], bool],
        snapshots: TeacherSnapshots | None,
        *,
        seconds: float,
    ) -> None:
        """Follow a training that `seconds` were spent on before."""
        super().__init__()
        self._config, self._report, self._snapshots = config, report, snapshots
        self._began_s = time.monotonic() - seconds
        self._updates = 0
        self._saved_at = 0
        self.stopped = False

    def _on_training_start(self) -> None:
        self._saved_at = self.num_timesteps

    def _on_rollout_start(self) -> None:
        """Save, if it is time to: here the last rollout has been learned from."""
        self.check_health()
        if self._snapshots is None or self.num_timesteps == self._saved_at:
            return
        interval = self._snapshots.every_steps
        if self.stopped or self.num_timesteps // interval > self._saved_at // interval:
            self._saved_at = self.num_timesteps
            assert isinstance(self.model, PPO)
            try:
                save_teacher_snapshot(self._snapshots.path, self.model, seconds=self._seconds)
            except Sim2RaceError as error:
                self._snapshots.complain(str(error))

    def check_health(self) -> None:
        """Stop before a network that is ruined replaces the snapshot of one that is not.

        Raises:
            DivergedError: the network holds numbers that are not finite.
        """
        if is_finite(self.model.policy):
            return
        snapshot = None if self._snapshots is None else self._snapshots.path
        kept = snapshot if snapshot is not None and snapshot.is_file() else "none"
        raise DivergedError(
            f"The teacher's training diverged after {self.num_timesteps} steps: its network holds numbers "
            f"that are not finite; last good snapshot: {kept}."
        )

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began_s

    def _on_step(self) -> bool:
        return not self.stopped

    def _on_rollout_end(self) -> None:
        assert isinstance(self.model, PPO)
        left = 1.0 - self.num_timesteps / max(self._config.steps, 1)
        self.model.ent_coef = self._config.entropy_weight * min(1.0, max(left, 0.0) / 0.5)
        self._updates += 1
        if self._updates % REPORT_UPDATES:
            return
        episodes = list(self.model.ep_info_buffer or ())
        self.stopped = not self._report(
            TeacherReport(
                steps=self.num_timesteps,
                seconds=self._seconds,
                progress=float(np.mean([episode["progress"] for episode in episodes] or [0.0])),
                lap_share=float(np.mean([episode["lap"] for episode in episodes] or [0.0])),
            )
        )
