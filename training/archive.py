"""Archives of tensors and counters: written whole or not at all, and read without running what is in them.

The format is PyTorch's own, read with `weights_only=True`, counters as JSON text inside it: nothing in it is
code, so one from a stranger can be opened. (stable-baselines3's archive unpickles what it finds.)
"""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from car.errors import BadFileError, Sim2RaceError
from car.files import atomic_path

FORMAT_VERSION = 1


def write_archive(path: Path, content: dict[str, Any]) -> None:
    """Write tensors and texts by name.

    Raises:
        Sim2RaceError: the file cannot be written.
    """
    with atomic_path(path) as aside:
        try:
            torch.save({"format_version": FORMAT_VERSION, **content}, aside)
        except RuntimeError as error:  # PyTorch's archive writer reports a full disk this way.
            raise Sim2RaceError(f"Cannot write {path}: {first_line(error)}") from error


def read_archive(path: Path, *, kind: str) -> dict[str, Any]:
    """Read what `write_archive` wrote.

    Args:
        path: the file.
        kind: what it ought to be, as an error calls it.

    Raises:
        BadFileError: the file is missing, truncated or foreign.
    """
    if not path.is_file():
        raise BadFileError(f"No {kind} {path}.")
    if not zipfile.is_zipfile(path):
        raise BadFileError(f"{path} is not a {kind}: not a complete archive.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, ValueError, OSError) as error:
        raise BadFileError(f"{path} is not a {kind} of sim2race: {first_line(error)}") from error
    if not isinstance(content, dict) or content.get("format_version") != FORMAT_VERSION:
        raise BadFileError(f"{path} is not a {kind} of sim2race: expected format version {FORMAT_VERSION}.")
    return content


def numpy_random_state() -> dict[str, Any]:
    """Return the state of numpy's global generator, which shuffles the minibatches, as JSON-able data."""
    state = np.random.get_state(legacy=False)
    assert isinstance(state, dict)
    inner = state["state"]
    return {"key": inner["key"].tolist(), "pos": int(inner["pos"])}


def restore_numpy_random(state: dict[str, Any]) -> None:
    """Set numpy's global generator to a state from `numpy_random_state`."""
    inner = {"key": np.array(state["key"], np.uint32), "pos": int(state["pos"])}
    np.random.set_state({"bit_generator": "MT19937", "state": inner, "has_gauss": 0, "gauss": 0.0})


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text: the rest is advice to programmers."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
