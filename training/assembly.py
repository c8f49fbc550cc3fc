"""Builds the parts of a run from its folder: configuration, actions, cars, learner, exported policy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from car.action_space import ActionSpace, default_action_space, load_model_metadata, to_model_metadata
from car.errors import Sim2RaceError
from car.files import write_atomically
from car.json_file import read_json_object
from car.policy_metadata import PolicyMetadata
from sim.sb3_adapter import SimVecEnv
from sim.simulator import Simulator
from sim.track import load_track
from training import provenance
from training.config_file import config_from_data, config_to_data
from training.export import ExportProof, export_policy
from training.learner import Learner
from training.networks import network_spec
from training.run_folder import RunFolder
from training.snapshots import load_snapshot
from training.train_config import TrainConfig

PROOF_CARS = 8
"""Cars whose first pictures an export is proven on, beside random ones."""


def open_run(config: TrainConfig) -> tuple[RunFolder, TrainConfig]:
    """Return a new run's folder and configuration, or those of the run to go on with.

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
        return folder, load_config(folder)
    network_spec(config.network)
    actions = default_action_space() if config.actions is None else load_model_metadata(config.actions)
    # A name that does not exist must fail before a folder is made for it.
    Simulator(config.sim, n_cars=1, seed=0)
    folder = RunFolder.create(config.runs, config.name, config_to_data(config))
    write_atomically(folder.actions_path, json.dumps(to_model_metadata(actions), indent=2) + "\n")
    return folder, config


def load_config(folder: RunFolder) -> TrainConfig:
    """Read the configuration that a run was begun with."""
    data = read_json_object(folder.config_path)
    return config_from_data(TrainConfig, data, where=str(folder.config_path))


def build_learner(config: TrainConfig, actions: ActionSpace) -> Learner:
    """Build the cars and the learner that drives them."""
    env = SimVecEnv(config.sim, config.ppo.cars, config.seed, action_space=actions, frames=config.frames)
    return Learner(env, network=config.network, config=config.ppo, seed=config.seed)


def export_snapshot(folder: RunFolder, snapshot: str, path: Path) -> ExportProof:
    """Export a snapshot of a run by name: "best", "last" or as in step-000123456.

    Raises:
        Sim2RaceError: the run or snapshot does not exist or is damaged, or the export failed its proof.
    """
    file = folder.find_snapshot(snapshot)
    config = load_config(folder)
    actions = load_model_metadata(folder.actions_path)
    ppo = replace(config.ppo, cars=PROOF_CARS, rollout_steps=1, batch_size=PROOF_CARS)
    learner = build_learner(replace(config, ppo=ppo), actions)
    state = load_snapshot(file, learner, for_training=False)
    assert learner.env is not None
    metadata = policy_metadata(config, actions, state.steps)
    return export_policy(
        learner.policy, path, metadata=metadata, observations=np.asarray(learner.env.reset())
    )


def policy_metadata(config: TrainConfig, actions: ActionSpace, steps: int) -> PolicyMetadata:
    """Return what a policy of this run says about itself."""
    return PolicyMetadata(
        name=config.name,
        action_space=actions,
        network=config.network,
        frames=config.frames,
        seed=config.seed,
        tracks=tuple(load_track(track).name for track in config.sim.tracks),
        steps=steps,
        git_revision=provenance.git_revision(),
        trained_at=provenance.now(),
        camera=config.sim.camera,
    )
