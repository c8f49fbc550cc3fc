"""The snapshot of a teacher that is still being trained, so that a kill costs one interval, not all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from stable_baselines3 import PPO

from car.errors import BadFileError
from training.archive import (
    first_line,
    numpy_random_state,
    read_archive,
    restore_numpy_random,
    write_archive,
)


@dataclass(frozen=True)
class TeacherSnapshots:
    """Where and how often the snapshot is written; each replaces the one before."""

    path: Path
    every_steps: int
    """Simulated steps between two."""
    complain: Callable[[str], None]
    """Told what could not be written or read; training goes on without."""


def save_teacher_snapshot(path: Path, model: PPO, *, seconds: float) -> None:
    """Write weights, optimiser, generators of random numbers and how far the teacher is.

    Args:
        path: the file.
        model: the teacher's learner, between two updates.
        seconds: wall clock spent on it so far.

    Raises:
        Sim2RaceError: the file cannot be written.
    """
    state = {"steps": model.num_timesteps, "seconds": seconds, "numpy_random": numpy_random_state()}
    write_archive(
        path,
        {
            "policy": model.policy.state_dict(),
            "optimizer": model.policy.optimizer.state_dict(),
            "torch_random": torch.get_rng_state(),
            "state": json.dumps(state),
        },
    )


def load_teacher_snapshot(path: Path, model: PPO) -> float:
    """Put a snapshot into a learner that was built alike, and return the seconds spent on it so far.

    Raises:
        BadFileError: the file is missing, truncated, foreign, or of another network; the learner may hold a
            part of it then.
    """
    content = read_archive(path, kind="snapshot of a teacher")
    try:
        state = json.loads(content["state"])
        model.policy.load_state_dict(content["policy"])
        model.policy.optimizer.load_state_dict(content["optimizer"])
        steps, seconds = int(state["steps"]), float(state["seconds"])
        torch.set_rng_state(content["torch_random"])
        restore_numpy_random(state["numpy_random"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise BadFileError(f"{path} is not a snapshot of this run's teacher: {first_line(error)}") from error
    model.num_timesteps = steps
    return seconds
