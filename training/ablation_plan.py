"""The trainings and exams of an ablation as jobs, and how long they will take.

Runs are shared: two rows that train the same way, whatever they call it, name the same folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from car.errors import Sim2RaceError
from car.files import write_atomically
from car.policy import Policy
from training.ablation_rows import NEW_TRACKS, TARGET, AblationRow, Variant
from training.jobs import Engine, Job, run_jobs
from training.matrix import exam_job, matrix_rows
from training.run_folder import RunFolder
from training.run_jobs import training_job
from training.settings import with_settings
from training.train_config import TrainConfig

PROBE_ROLLOUTS = 3
PROBE_TEACHER_STEPS = 32_768
"""What is trained to see how fast it goes: a few rollouts, and a little of the teacher if there is one."""


@dataclass(frozen=True)
class Training:
    """One variant with one seed."""

    variant: Variant
    seed: int
    job: Job

    @property
    def policy(self) -> Path:
        """Where its policy is, or will be."""
        return RunFolder(self.job.folder).policy_path


@dataclass(frozen=True)
class Speed:
    """How fast a training goes on this machine."""

    steps_per_second: float
    """Driving and learning, without evaluations."""
    teacher_steps_per_second: float
    """Of the teacher's own training; infinite without one."""

    def seconds(self, config: TrainConfig) -> float:
        """Return how long a training takes, without its evaluations."""
        return config.max_steps / self.steps_per_second + config.teacher.steps / self.teacher_steps_per_second


def plan_row(
    row: AblationRow, base: TrainConfig, folder: Path, *, seeds: Iterable[int], threads: int
) -> list[Training]:
    """Return the trainings of a row, laid out in their folders.

    Raises:
        Sim2RaceError: this version does not know a setting of it, or a file cannot be written.
    """
    if row.missing:
        raise Sim2RaceError(f"The row {row.name!r} needs the setting {row.missing[0]!r}, which is not there.")
    trainings = []
    for variant in row.variants:
        named = dict(variant.settings)
        for setting, content in variant.files.items():
            path = folder / setting / f"{variant.name}.json"
            write_atomically(path, json.dumps(content(), indent=2) + "\n")
            named[setting] = str(path)
        config = with_settings(base, named)
        for seed in seeds:
            job = training_job(replace(config, seed=seed), folder / "runs", threads=threads)
            trainings.append(Training(variant, seed, job))
    return trainings


def unique_jobs(trainings: Iterable[Training]) -> list[Job]:
    """Return every training's job once."""
    return list({training.job.name: training.job for training in trainings}.values())


def exam_jobs(
    row: AblationRow, training: Training, folder: Path, *, laps: int, max_lap_s: float
) -> list[Job]:
    """Return the exams of a training that is finished, one per noise level."""
    if not training.policy.is_file():
        return []
    sha256 = Policy.load(training.policy).sha256
    return [
        exam_job(
            folder / "exams",
            policy=training.policy,
            sha256=sha256,
            settings={
                "tracks": [TARGET, *NEW_TRACKS],
                "direction": "both",
                "noise": noise,
                "vehicle": "real-car",
                "laps": laps,
                "max_lap_s": max_lap_s,
                "seed": 7,
            },
        )
        for noise in dict.fromkeys((*row.exams, row.noise))
    ]


def exam_rows(training: Training, jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Return the figures of a training's exams that are there, with who was examined."""
    who = {"variant": training.variant.name, "train_seed": training.seed, "run": training.job.name}
    return [{**who, **row} for row in matrix_rows(jobs)]


def measure_speed(
    base: TrainConfig, folder: Path, engine: Engine, *, threads: int, watch: Callable[[Sequence[Job]], None]
) -> Speed:
    """Train for a moment, or read the figures of the moment before.

    Args:
        base: what is trained.
        folder: where the ablation is.
        engine: where it runs.
        threads: cores of the training.
        watch: is shown the training as it goes.

    Raises:
        Sim2RaceError: that did not work, or Ctrl-C ended it.
    """
    rollout = base.ppo.cars * base.ppo.rollout_steps
    changes: dict[str, Any] = {
        "max_steps": PROBE_ROLLOUTS * rollout,
        "evaluation_laps": 1,
        "held_out_laps": 0,
    }
    teacher = min(PROBE_TEACHER_STEPS, base.teacher.steps)
    changes["teacher.steps"] = teacher
    job = training_job(with_settings(base, changes), folder / "speed", threads=threads)
    complete = run_jobs([job], engine, watch=watch)
    rows = RunFolder(job.folder).metrics()
    if not complete or len(rows) < PROBE_ROLLOUTS:
        raise Sim2RaceError(f"The speed could not be measured: {job.reason or 'stopped'}.")
    first, later = rows[0], rows[1:]
    rate = max(float(row["steps_per_second"]) for row in later)
    teaching_s = first["seconds"] - first["rollout_s"] - first["update_s"]
    return Speed(rate, teacher / max(teaching_s, 1e-3) if teacher else float("inf"))
