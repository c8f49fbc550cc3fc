"""Snapshots: everything a killed training needs to go on, in one file; see `training.archive`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from car.errors import BadFileError
from car.files import write_atomically
from training.archive import (
    first_line,
    numpy_random_state,
    read_archive,
    restore_numpy_random,
    write_archive,
)
from training.learner import Learner


@dataclass(frozen=True)
class TrainingState:
    """Where a training stands: what its loop must know to go on."""

    steps: int = 0
    """Simulated steps so far."""
    updates: int = 0
    """Rollouts driven and learned from."""
    seconds: float = 0.0
    """Wall clock spent, over all sessions."""
    entropy_weight: float | None = None
    """Where the entropy control stands."""
    evaluated_at: int = 0
    """Step of the last greedy evaluation."""
    passes: int = 0
    """Greedy evaluations in a row that met the goal."""
    best_merit: list[float] = field(default_factory=list)
    """`Evaluation.merit` of the best greedy evaluation, empty before the first."""


def save_snapshot(path: Path, learner: Learner, state: TrainingState) -> None:
    """Write a snapshot, and a readable summary of its counters beside it as `.json`.

    Raises:
        Sim2RaceError: the folder cannot be written.
    """
    content = {
        "policy": learner.policy.state_dict(),
        "optimizer": learner.policy.optimizer.state_dict(),
        "torch_random": torch.get_rng_state(),
        "state": json.dumps({**asdict(state), "numpy_random": numpy_random_state()}),
    }
    write_archive(path, content)
    write_atomically(path.with_suffix(".json"), json.dumps(asdict(state), indent=2) + "\n")


def load_snapshot(path: Path, learner: Learner, *, for_training: bool = True) -> TrainingState:
    """Put a snapshot's numbers into `learner` and return where the training stood.

    Args:
        path: written by `save_snapshot`.
        learner: built with the configuration of the run that the snapshot is of.
        for_training: also restore the optimiser and the generators of random numbers.

    Raises:
        BadFileError: the file is missing, truncated, foreign, or of another network.
    """
    content = read_archive(path, kind="snapshot")
    try:
        learner.policy.load_state_dict(content["policy"])
        counters = json.loads(content["state"])
        random_state = counters.pop("numpy_random")
        state = TrainingState(**counters)
        if for_training:
            learner.policy.optimizer.load_state_dict(content["optimizer"])
            torch.set_rng_state(content["torch_random"])
            restore_numpy_random(random_state)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise BadFileError(f"{path} is not a snapshot of this run's network: {first_line(error)}") from error
    learner.num_timesteps = state.steps
    if state.entropy_weight is not None:
        learner.ent_coef = learner.entropy_control.weight = state.entropy_weight
    return state
