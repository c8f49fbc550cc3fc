"""Trainings as jobs: a folder per configuration, named by what is in it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from car.errors import Sim2RaceError
from car.files import write_atomically
from training.assembly import open_run
from training.config_file import config_to_data
from training.jobs import FOLDER, Job
from training.run_folder import RunFolder
from training.run_overview import NOT_COMPARED
from training.session import FINISHED, RUNNING, last_session
from training.train_config import TrainConfig

HASH_DIGITS = 10


def training_job(config: TrainConfig, folder: Path, *, threads: int | None) -> Job:
    """Lay out the folder of a training, unless it is there, and return the job that trains it.

    Args:
        config: what to train; `runs` is not used.
        folder: where the run's folder is made: `<name>-<hash of the configuration>`.
        threads: of simulator and learner, which is not part of what it is; as configured if None.

    Raises:
        Sim2RaceError: a name in the configuration does not exist, or a file cannot be read or written.
    """
    if config.resume is not None:
        raise Sim2RaceError("These runs begin anew, or go on by themselves; leave out --train.resume.")
    run = RunFolder(folder / f"{config.name}-{config_hash(config)}")
    aside = folder / ".new"
    wide = replace(config, runs=aside)
    if threads is not None:
        wide = replace(wide, torch_threads=threads, sim=replace(config.sim, threads=threads))
    if not run.config_path.is_file():
        fresh, _ = open_run(wide)
        os.replace(fresh.path, run.path)
        # What a kill has left in it is in nobody's way.
        with contextlib.suppress(OSError):
            aside.rmdir()
    if last_session(run).state not in (RUNNING, FINISHED):
        write_atomically(run.config_path, json.dumps(config_to_data(wide), indent=2) + "\n")
    return Job(
        name=run.path.name,
        arguments=("train", "--resume", FOLDER),
        folder=run.path,
        is_done=lambda: last_session(run).state == FINISHED and run.policy_path.is_file(),
    )


def config_hash(config: TrainConfig) -> str:
    """Return a short name for what a training is: its settings, and the content of the files they name.

    Settings that came later do not count while they have their default, so that runs keep their names.
    """
    text = json.dumps(_content(config_to_data(config, as_before=True)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]


def _content(data: Any, name: str = "") -> Any:
    """Return settings without those that say where a run runs, and with content in place of files."""
    if isinstance(data, Mapping):
        inner = {key: (value, f"{name}.{key}".lstrip(".")) for key, value in data.items()}
        return {key: _content(*value) for key, value in inner.items() if value[1] not in NOT_COMPARED}
    if isinstance(data, list):
        return [_content(item, name) for item in data]
    if isinstance(data, str) and Path(data).is_file():
        try:
            return hashlib.sha256(Path(data).read_bytes()).hexdigest()
        except OSError as error:
            raise Sim2RaceError(f"Cannot read {data}: {error.strerror or error}.") from error
    return data
