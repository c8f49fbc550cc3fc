"""Snapshots: everything a killed training needs to go on, in one file that is written whole or not at all.

The format is PyTorch's tensor archive read with `weights_only=True`, counters as JSON text inside it:
nothing in a snapshot is code, so one from a stranger can be opened. (stable-baselines3's own archive
unpickles what it finds.)
"""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from car.errors import BadFileError, Sim2RaceError
from car.files import atomic_path, write_atomically
from training.learner import Learner

FORMAT_VERSION = 1


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
        "format_version": FORMAT_VERSION,
        "policy": learner.policy.state_dict(),
        "optimizer": learner.policy.optimizer.state_dict(),
        "torch_random": torch.get_rng_state(),
        "state": json.dumps({**asdict(state), "numpy_random": _numpy_random_state()}),
    }
    with atomic_path(path) as aside:
        try:
            torch.save(content, aside)
        except RuntimeError as error:  # PyTorch's archive writer reports a full disk this way.
            raise Sim2RaceError(f"Cannot write {path}: {_first_line(error)}") from error
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
    content = _read(path)
    try:
        learner.policy.load_state_dict(content["policy"])
        counters = json.loads(content["state"])
        random_state = counters.pop("numpy_random")
        state = TrainingState(**counters)
        if for_training:
            learner.policy.optimizer.load_state_dict(content["optimizer"])
            torch.set_rng_state(content["torch_random"])
            _restore_numpy_random(random_state)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise BadFileError(f"{path} is not a snapshot of this run's network: {_first_line(error)}") from error
    learner.num_timesteps = state.steps
    if state.entropy_weight is not None:
        learner.ent_coef = learner.entropy_control.weight = state.entropy_weight
    return state


def _read(path: Path) -> dict[str, Any]:
    """Read a snapshot's archive without running anything in it."""
    if not path.is_file():
        raise BadFileError(f"No snapshot {path}.")
    if not zipfile.is_zipfile(path):
        raise BadFileError(f"{path} is not a snapshot: not a complete archive.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, ValueError, OSError) as error:
        raise BadFileError(f"{path} is not a snapshot of sim2race: {_first_line(error)}") from error
    if not isinstance(content, dict) or content.get("format_version") != FORMAT_VERSION:
        raise BadFileError(f"{path} is not a snapshot of sim2race: expected format version {FORMAT_VERSION}.")
    return content


def _numpy_random_state() -> dict[str, Any]:
    """Return the state of numpy's global generator, which shuffles the minibatches, as JSON-able data."""
    state = np.random.get_state(legacy=False)
    assert isinstance(state, dict)
    inner = state["state"]
    return {"key": inner["key"].tolist(), "pos": int(inner["pos"])}


def _restore_numpy_random(state: dict[str, Any]) -> None:
    """Set numpy's global generator to a state from `_numpy_random_state`."""
    inner = {"key": np.array(state["key"], np.uint32), "pos": int(state["pos"])}
    np.random.set_state({"bit_generator": "MT19937", "state": inner, "has_gauss": 0, "gauss": 0.0})


def _first_line(error: BaseException) -> str:
    """Return the first line of an error's text: the rest is advice to programmers."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
