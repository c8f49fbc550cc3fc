"""Builds the parts of a run from its folder: configuration, actions, cars, learner, exported policy."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from car.action_space import (
    ActionSpace,
    DiscreteActionSpace,
    default_action_space,
    load_model_metadata,
    to_model_metadata,
)
from car.errors import Sim2RaceError
from car.files import write_atomically
from car.json_file import read_json_object
from car.policy_metadata import PolicyMetadata
from sim.driving import OBSERVATION_KEY
from sim.sb3_adapter import SimVecEnv
from sim.simulator import SimConfig, Simulator
from sim.track import load_track
from training import provenance
from training.config_file import config_from_data, config_to_data
from training.export import ExportProof, export_policy
from training.learner import Learner
from training.networks import network_spec
from training.own_files import copy_files, school_with_copies, with_copies
from training.run_folder import RunFolder
from training.school import School, school_named, school_text
from training.snapshots import load_snapshot
from training.teacher import Teacher
from training.train_config import TrainConfig

PROOF_CARS = 8
"""Cars whose first pictures an export is proven on, beside random ones."""


def open_run(config: TrainConfig) -> tuple[RunFolder, TrainConfig]:
    """Return a new run's folder and configuration, or those of the run to go on with.

    The configuration names the run's own copies of the files that settings name.

    Raises:
        Sim2RaceError: there is no such run, a name does not exist, or options were given that a resumed run
            cannot take.
    """
    if config.resume is not None:
        if replace(config, resume=None) != TrainConfig():
            raise Sim2RaceError(
                f"--resume takes all settings from {config.resume / 'config.json'}; leave out other options."
            )
        folder = RunFolder.open(config.resume)
        return folder, with_copies(load_config(folder), folder)
    network_spec(config.network, width=config.network_width, pool=config.network_pool)
    actions = default_action_space() if config.actions is None else load_model_metadata(config.actions)
    # A name that does not exist must fail before a folder is made for it.
    school = school_named(config.school)
    for stage in school.stages:
        Simulator(stage.world(config.sim), n_cars=1, seed=0)
    if config.held_out_laps:
        for track in config.held_out_tracks:
            load_track(track)
    start = None if config.start_from is None else _checked_start(config)

    def prepare(folder: RunFolder) -> None:
        write_atomically(folder.school_path, school_text(school))
        write_atomically(folder.actions_path, json.dumps(to_model_metadata(actions), indent=2) + "\n")
        copy_files(config, school, folder)
        if start is not None:
            write_atomically(folder.start_path, start.read_bytes())

    folder = RunFolder.create(config.runs, config.name, config_to_data(config), prepare=prepare)
    return folder, with_copies(config, folder)


def load_config(folder: RunFolder) -> TrainConfig:
    """Read the configuration that a run was begun with, as it was typed."""
    data = read_json_object(folder.config_path)
    return config_from_data(TrainConfig, data, where=str(folder.config_path))


def load_school(folder: RunFolder) -> School:
    """Read the stages that a run was begun with, its own copies in place of track files."""
    return school_with_copies(school_named(str(folder.school_path)), folder)


def start_snapshot(config: TrainConfig, folder: RunFolder) -> Path:
    """Return the snapshot whose weights a run begins with: its own copy, or the other run's before copies.

    Raises:
        Sim2RaceError: there is neither.
    """
    if folder.start_path.is_file() or config.start_from is None:
        return folder.start_path
    return RunFolder.open(config.start_from).find_snapshot("best")


def _checked_start(config: TrainConfig) -> Path:
    """Return the snapshot to begin with; refuse a policy that sees or is something else.

    Raises:
        Sim2RaceError: the other run does not exist or has no snapshot, or differs in what must be equal.
    """
    assert config.start_from is not None
    source = RunFolder.open(config.start_from)
    other = load_config(source)
    for name in ("network_label", "frames", "history", "critic"):
        theirs, ours = getattr(other, name), getattr(config, name)
        if theirs != ours:
            raise Sim2RaceError(
                f"{config.start_from} has {name.removesuffix('_label')} {theirs!r}; this run wants {ours!r}: "
                "they must be equal to go on from its weights."
            )
    return source.find_snapshot("best")


def build_cars(config: TrainConfig, actions: ActionSpace, sim: SimConfig, seed: int) -> SimVecEnv:
    """Build the cars of a run in a world of its school."""
    return SimVecEnv(
        sim,
        config.ppo.cars,
        seed,
        action_space=actions,
        frames=config.frames,
        history=config.history,
        truth=config.critic == "truth",
    )


def build_learner(config: TrainConfig, actions: ActionSpace, teacher: Teacher | None = None) -> Learner:
    """Build the learner, and cars in the run's own world."""
    env = build_cars(config, actions, config.sim, config.seed)
    return Learner(
        env,
        network=config.network,
        network_width=config.network_width,
        network_pool=config.network_pool,
        config=config.ppo,
        seed=config.seed,
        teacher=teacher,
        sky_mask_rows=config.sky_mask_rows,
    )


def export_snapshot(
    folder: RunFolder, snapshot: str, path: Path, *, speeds: Path | None = None
) -> ExportProof:
    """Export a snapshot of a run by name: "best", "last" or as in step-000123456.

    Args:
        folder: the run.
        snapshot: its name.
        path: `policy.onnx` to write.
        speeds: model_metadata.json whose speeds take the place of those that the run drove at.

    Raises:
        Sim2RaceError: the run or snapshot does not exist or is damaged, the speeds are those of other angles,
            or the export failed its proof.
    """
    file = folder.find_snapshot(snapshot)
    config = load_config(folder)
    actions = load_model_metadata(folder.actions_path)
    own = with_copies(config, folder)
    ppo = replace(config.ppo, cars=PROOF_CARS, rollout_steps=1, batch_size=PROOF_CARS)
    learner = build_learner(replace(own, ppo=ppo), actions)
    state = load_snapshot(file, learner, for_training=False)
    assert learner.env is not None
    first = learner.env.reset()
    pictures = np.asarray(first[OBSERVATION_KEY] if isinstance(first, dict) else first)
    tracks = load_school(folder).all_tracks(own.sim)
    driven = actions if speeds is None else _with_speeds(actions, speeds)
    metadata = policy_metadata(config, driven, state.steps, tracks=tracks)
    return export_policy(learner.policy, path, metadata=metadata, observations=pictures)


def _with_speeds(actions: ActionSpace, path: Path) -> ActionSpace:
    """Return the action space in a file, if only its speeds differ: what an angle does has been learnt."""
    other = load_model_metadata(path)
    if type(other) is not type(actions) or _angles_deg(other) != _angles_deg(actions):
        raise Sim2RaceError(
            f"The angles in {path} are {_angles_deg(other)}; expected those that the run has learnt to steer "
            f"with, in degrees: {_angles_deg(actions)}."
        )
    return other


def _angles_deg(actions: ActionSpace) -> list[float]:
    """Return the angles of all actions, or the limits of a continuous space."""
    if isinstance(actions, DiscreteActionSpace):
        return [round(math.degrees(angle), 3) for angle in actions.steering_rad]
    return [round(math.degrees(angle), 3) for angle in (actions.steering_low_rad, actions.steering_high_rad)]


def policy_metadata(
    config: TrainConfig, actions: ActionSpace, steps: int, *, tracks: Iterable[str]
) -> PolicyMetadata:
    """Return what a policy of this run says about itself; `tracks` are those of its whole school."""
    return PolicyMetadata(
        name=config.name,
        action_space=actions,
        network=config.network_label,
        frames=config.frames,
        history=config.history,
        seed=config.seed,
        tracks=tuple(load_track(track).name for track in tracks),
        steps=steps,
        git_revision=provenance.git_revision(),
        trained_at=provenance.now(),
        camera=config.sim.camera,
    )
