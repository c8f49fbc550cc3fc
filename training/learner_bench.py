"""What makes the learner faster, and what that costs in laps: trainings that differ in one setting each.

The wall clock of a step has two parts. The simulator's is physics and camera, the learner's is the rest: the
network that decides, and the gradients of the update. Rates are medians over rollouts; the first of a run is
left out, because it loads and warms up. The trainings are `sim2race train`'s own, one at a time, in folders
named by their settings, so that a run that is there is not made again.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from car.errors import Sim2RaceError, unknown_name
from car.files import write_atomically
from training import provenance
from training.ablation_rows import BASE, Variant
from training.job_display import JobDisplay
from training.jobs import FAILED, Job, LocalEngine, run_jobs
from training.learner_table import LearnerRow, bench_table, read_rows, write_report
from training.networks import network_spec
from training.ppo_config import has_bfloat16
from training.run_folder import RunFolder
from training.run_jobs import training_job
from training.settings import with_settings
from training.train_config import TrainConfig

VARIANTS = (
    BASE,
    Variant("width-0.5", {"network_width": 0.5}),
    Variant("width-2", {"network_width": 2.0}),
    Variant("pool-1", {"network_pool": 1}),
    Variant("pool-2", {"network_pool": 2}),
    Variant("pool-4", {"network_pool": 4}),
    Variant("epochs-1", {"ppo.epochs": 1}),
    Variant("epochs-2", {"ppo.epochs": 2}),
    Variant("epochs-8", {"ppo.epochs": 8}),
    Variant("bfloat16", {"ppo.bfloat16": True}),
    Variant("float32", {"ppo.bfloat16": False}),
    Variant("threads-1-1", {"sim.threads": 1, "torch_threads": 1}),
    Variant("threads-1-2", {"sim.threads": 1, "torch_threads": 2}),
    Variant("threads-2-1", {"sim.threads": 2, "torch_threads": 1}),
    Variant("threads-2-2", {"sim.threads": 2, "torch_threads": 2}),
)
"""Threads are the simulator's, then the learner's."""

SPEED_ALONE = {"teacher.steps": 0, "evaluation_laps": 1}
"""What a training does without whose laps do not matter."""
AT_THE_END = {"held_out_laps": 0, "evaluation_from_progress": 101.0}
"""One greedy evaluation after the last step, and no ranking of snapshots."""


@dataclass(frozen=True, kw_only=True)
class LearnerBench:
    """What is measured."""

    folder: Path
    """Where runs and report go."""
    steps: int = 12_288
    """Length of each training."""
    seeds: int = 1
    """Trainings of each variant, from the base's seed on."""
    laps: bool = False
    """Train with the teacher, and drive greedily at the end."""
    only: tuple[str, ...] = ()
    """Variants by name, beside the base; all if none."""
    base: TrainConfig = field(default_factory=TrainConfig)
    """What the trainings have in common."""

    def __post_init__(self) -> None:
        rollout = self.base.ppo.cars * self.base.ppo.rollout_steps
        if self.steps < 2 * rollout:
            raise Sim2RaceError(
                f"steps is {self.steps}; expected {2 * rollout} or more: two rollouts, the first to warm up."
            )
        if self.seeds < 1:
            raise Sim2RaceError(f"seeds is {self.seeds}; expected at least 1.")
        names = [variant.name for variant in VARIANTS]
        for name in self.only:
            if name not in names:
                raise unknown_name("variant of the learner", name, names)

    @property
    def variants(self) -> list[Variant]:
        """Those to measure, the base first."""
        return [one for one in VARIANTS if not self.only or one is BASE or one.name in self.only]

    def config(self, variant: Variant, *, cores: int) -> TrainConfig:
        """Return how a variant is trained on so many cores."""
        common = {"max_steps": self.steps, "sim.threads": cores, "torch_threads": cores, **AT_THE_END}
        changes = {**common, **({} if self.laps else SPEED_ALONE), **variant.settings}
        return replace(with_settings(self.base, changes), name=variant.name)


def run_learner_bench(console: Console, bench: LearnerBench) -> int:
    """Measure what is left to measure, and write learner.md and learner.json anew after every row.

    Returns:
        0, 1 if a training failed, or 130 if Ctrl-C ended it; the same command then goes on.

    Raises:
        Sim2RaceError: the base could not be trained, or a file not be written.
    """
    cores = len(os.sched_getaffinity(0))
    settings = {"steps": bench.steps, "seeds": bench.seeds, "laps": bench.laps, "cores": cores}
    about = _about(bench, cores)
    engine = LocalEngine(jobs=1, threads=cores, outputs=bench.folder / "output")
    rows = read_rows(bench.folder, settings)
    names = [variant.name for variant in VARIANTS]
    teachers: dict[int, Path] = {}
    failed = False
    for variant in bench.variants:
        note = _why_not(bench, variant, cores)
        jobs = [] if note else _jobs(bench, variant, cores)
        _share_teachers(jobs, teachers)
        with JobDisplay(console) as display:
            if not run_jobs(jobs, engine, watch=display.watch):
                console.print("Stopped; the same command goes on.")
                return 130
        reasons = [job.reason for job in jobs if job.state == FAILED]
        failed = failed or bool(reasons)
        if reasons and variant is BASE:
            raise Sim2RaceError(f"The base could not be trained: {reasons[0]}.")
        row = LearnerRow(variant.name, note=reasons[0]) if reasons else _row(variant, note, jobs, bench.laps)
        rows = sorted(
            [*(one for one in rows if one.variant != variant.name), row],
            key=lambda one: names.index(one.variant),
        )
        write_report(bench.folder, rows, settings=settings, about=about)
    console.print(bench_table(rows))
    console.print(f"Wrote {bench.folder / 'learner.md'}.", highlight=False, soft_wrap=True)
    return 1 if failed else 0


def _jobs(bench: LearnerBench, variant: Variant, cores: int) -> list[Job]:
    """Return a training per seed; runs on another number of cores are others."""
    config = bench.config(variant, cores=cores)
    seeds = range(config.seed, config.seed + bench.seeds)
    home = bench.folder / f"{cores}-cores"
    return [training_job(replace(config, seed=seed), home, threads=None) for seed in seeds]


def _share_teachers(jobs: Sequence[Job], teachers: dict[int, Path]) -> None:
    """Give runs the teacher that the base's run of the same seed has trained: it would be the same."""
    for number, job in enumerate(jobs):
        own = RunFolder(job.folder).teacher_path
        given = teachers.setdefault(number, own)
        if given.is_file() and not own.is_file():
            write_atomically(own, given.read_bytes())


def _why_not(bench: LearnerBench, variant: Variant, cores: int) -> str:
    """Return why there is nothing to measure here, "" if there is."""
    needed = max(variant.settings.get("sim.threads", 1), variant.settings.get("torch_threads", 1))
    if needed > cores:
        return f"not measured: needs {needed} cores, and may use {cores}"
    if variant.settings.get("ppo.bfloat16") and not has_bfloat16():
        return "not measured: this CPU multiplies no bfloat16 in hardware"
    own, base = (_identity(bench.config(one, cores=cores)) for one in (variant, BASE))
    return "as base" if own == base and variant is not BASE else ""


def _identity(config: TrainConfig) -> tuple[Any, ...]:
    """Return what a training is, however its network is written."""
    spec = network_spec(config.network, width=config.network_width, pool=config.network_pool)
    return spec, replace(config, name="same", network_width=1.0, network_pool=None)


def _row(variant: Variant, note: str, jobs: Sequence[Job], laps: bool) -> LearnerRow:
    """Return what a variant's trainings say."""
    if note:
        return LearnerRow(variant.name, note=note)
    runs = [RunFolder(job.folder) for job in jobs]
    figures = [run.metrics() for run in runs]
    rollouts = [row for rows in figures for row in rows[1:]]
    greedy = [rows[-1]["greedy"] for rows in figures] if laps else []
    return LearnerRow(
        variant.name,
        total_per_s=median(row["rollout_steps"] / (row["rollout_s"] + row["update_s"]) for row in rollouts),
        learner_per_s=median(
            row["rollout_steps"] / (row["rollout_s"] - row["simulator_s"] + row["update_s"])
            for row in rollouts
        ),
        simulator_per_s=median(row["rollout_steps"] / row["simulator_s"] for row in rollouts),
        policy_mb=runs[0].policy_path.stat().st_size / 1e6,
        completed=tuple(one["completed"] for one in greedy),
        attempted=tuple(one["attempted"] for one in greedy),
    )


def _about(bench: LearnerBench, cores: int) -> list[str]:
    """Return sentences that say how the table was made."""
    options = f"--steps {bench.steps} --seeds {bench.seeds}" + (" --laps" if bench.laps else "")
    teacher = f" after the teacher's {bench.base.teacher.steps:,}" if bench.laps else ", no teacher"
    return [
        f"Made by `sim2race bench learner {options}`, source {provenance.git_revision()}, at "
        f"{provenance.now()}.",
        f"{_processor()}, cores: {cores}, load of the machine when it began: {os.getloadavg()[0]:.1f}. Each "
        f"training {bench.steps:,} steps{teacher}; seeds: {bench.seeds}; base: network "
        f"{bench.base.network_label}, {bench.base.ppo.epochs} epochs, "
        f"{'bfloat16' if bench.base.ppo.bfloat16 else 'float32'}.",
    ]


def _processor() -> str:
    """Return what the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())
