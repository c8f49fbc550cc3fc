"""`sim2race sweep`: a training for every combination of settings and seeds, several at a time."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console

from car.errors import Sim2RaceError
from car.files import write_atomically
from training.job_display import JobDisplay
from training.jobs import FAILED, Engine, Job, LocalEngine, run_jobs
from training.run_folder import RunFolder
from training.run_jobs import training_job
from training.run_overview import overview
from training.runs_command import print_runs
from training.settings import parse_vary, with_settings
from training.train_config import TrainConfig

MOST_JOBS = 10_000


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """Train every combination of some settings; runs that are finished are not trained again."""

    vary: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A setting of `sim2race train` and its values, as in ppo.epochs=2,4 or sim.tracks=a+b,c; repeatable."""
    seeds: int = 1
    """Trainings of each combination, from the seed of --train.seed on."""
    folder: Path = Path("runs/sweep")
    """Where the runs' folders are made, each named by a hash of its settings."""
    jobs: int = 0
    """Trainings at the same time; as many as the cores allow if 0."""
    threads: int = 1
    """Cores of each training."""
    address: str | None = None
    """A Ray cluster to run on instead of this machine, as in ray://host:10001 or auto."""
    train: TrainConfig = field(default_factory=TrainConfig)
    """What every training has in common."""


def run(config: SweepConfig) -> int:
    """Train what is left to train, and print what all came to."""
    console = Console()
    jobs = sweep_jobs(config)
    engine = make_engine(config.address, jobs=config.jobs, threads=config.threads, folder=config.folder)
    console.print(
        f"{len(jobs)} trainings in {config.folder}, {engine.slots} at a time.",
        highlight=False,
        soft_wrap=True,
    )
    with JobDisplay(console) as display:
        complete = run_jobs(jobs, engine, watch=display.watch)
    runs = [overview(RunFolder(job.folder)) for job in jobs]
    print_runs(console, runs)
    data = {"vary": list(config.vary), "seeds": config.seeds, "runs": [one.to_data() for one in runs]}
    write_atomically(config.folder / "sweep.json", json.dumps(data, indent=2) + "\n")
    if not complete:
        console.print("Stopped; the same command goes on from the snapshots.")
        return 130
    return 1 if any(job.state == FAILED for job in jobs) else 0


def sweep_jobs(config: SweepConfig) -> list[Job]:
    """Return a job for every combination.

    Raises:
        Sim2RaceError: a setting does not exist or cannot have a value, or there are too many combinations.
    """
    if config.seeds < 1:
        raise Sim2RaceError(f"seeds is {config.seeds}; expected at least 1.")
    varied = dict(parse_vary(text) for text in config.vary)
    if len(varied) < len(config.vary):
        raise Sim2RaceError("--vary names a setting twice; give all its values at once, as in seed=1,2,3.")
    if "seed" not in varied:
        first = config.train.seed
        varied["seed"] = list(range(first, first + config.seeds))
    combinations = list(itertools.product(*varied.values()))
    if len(combinations) > MOST_JOBS:
        raise Sim2RaceError(f"{len(combinations):,} trainings; expected at most {MOST_JOBS:,}.")
    changes: list[dict[str, Any]] = [dict(zip(varied, values, strict=True)) for values in combinations]
    configs = [with_settings(config.train, change) for change in changes]
    jobs = [training_job(one, config.folder, threads=config.threads) for one in configs]
    return list({job.name: job for job in jobs}.values())


def make_engine(address: str | None, *, jobs: int, threads: int, folder: Path) -> Engine:
    """Return where jobs run: processes of this machine, or the Ray cluster at an address.

    Raises:
        Sim2RaceError: Ray is not installed, its cluster does not answer, or there are too few cores.
    """
    if address is None:
        return LocalEngine(jobs=jobs, threads=threads, outputs=folder / "output")
    from training.cluster import ClusterEngine

    return ClusterEngine(address, jobs=jobs, threads=threads)
