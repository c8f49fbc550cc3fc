"""The files that a run's settings name, and their copies in its folder.

A run keeps its configuration as it was typed, and reads the copies: it can be resumed from any folder, on
another machine, and after the files were changed or deleted.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from car.errors import Sim2RaceError
from car.files import write_atomically
from sim.camera import CAMERAS
from sim.simulator import SimConfig
from training.run_folder import RunFolder
from training.school import School
from training.train_config import TrainConfig


def copy_files(config: TrainConfig, school: School, folder: RunFolder) -> None:
    """Copy the reward file, the camera's calibration and all track files into the folder of a run.

    Raises:
        Sim2RaceError: a file cannot be read, or the folder not written.
    """
    tracks = (*school.all_tracks(config.sim), *config.held_out_tracks)
    names = [name for name in tracks if name.endswith(".npy")]
    if config.sim.camera not in CAMERAS:
        names.append(config.sim.camera)
    if config.sim.reward_file is not None:
        names.append(config.sim.reward_file)
    for name in names:
        try:
            content = Path(name).read_bytes()
        except OSError as error:
            raise Sim2RaceError(f"Cannot read {name}: {error.strerror or error}.") from error
        write_atomically(folder.copy_path(name), content)


def with_copies(config: TrainConfig, folder: RunFolder) -> TrainConfig:
    """Return a run's configuration with the copies in place of the files, where there are copies."""
    sim = config.sim
    reward_file = None if sim.reward_file is None else _copy(folder, sim.reward_file)
    own: SimConfig = replace(
        sim, tracks=_copies(folder, sim.tracks), camera=_copy(folder, sim.camera), reward_file=reward_file
    )
    return replace(config, sim=own, held_out_tracks=_copies(folder, config.held_out_tracks))


def school_with_copies(school: School, folder: RunFolder) -> School:
    """Return a run's school with the copies in place of track files, where there are copies."""
    stages = [replace(stage, also_tracks=_copies(folder, stage.also_tracks)) for stage in school.stages]
    return School(tuple(stages))


def _copies(folder: RunFolder, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_copy(folder, name) for name in names)


def _copy(folder: RunFolder, name: str) -> str:
    path = folder.copy_path(name)
    return str(path) if path.is_file() else name
