"""A real training that takes a second: four cars, no scenery, a second an episode."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.simulator import SimConfig
from training.ppo_config import PpoConfig
from training.settings import with_settings
from training.train_config import TrainConfig

STEPS_PER_UPDATE = 32
NO_EXTRAS = {"teacher.steps": 0, "held_out_laps": 0}
"""What a tiny training does without."""


def tiny_training(runs: Path, **changes: Any) -> TrainConfig:
    tiny = TrainConfig(
        runs=runs,
        max_steps=2 * STEPS_PER_UPDATE,
        snapshot_steps=STEPS_PER_UPDATE,
        evaluation_laps=1,
        evaluation_from_progress=101.0,
        torch_threads=1,
        sim=SimConfig(
            tracks=("trapezoid",), directions=("clockwise",), noise="none", max_episode_s=1.0, threads=1
        ),
        ppo=PpoConfig(cars=4, rollout_steps=8, batch_size=32, epochs=1),
    )
    alone = with_settings(tiny, NO_EXTRAS)
    return replace(alone, **changes)
