"""`sim2race ablate`: which ingredient of training does what, from trainings that anyone can repeat.

Every row trains two ways that differ in one ingredient, with several seeds each, examines the policies and
says whether the claim holds. Runs and exams that are there are not made again, so it can be stopped and
started, and rows can be added; the report is written anew after every row, and keeps the rows of an earlier
command with the same settings.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from analysis.ablation import COLUMNS, Judgement, markdown, seed_values, verdict, welch
from analysis.ablation_plots import plot_claims, plot_differences
from car.errors import BadFileError, Sim2RaceError
from car.files import write_atomically
from car.json_file import read_json_object
from training import provenance
from training.ablation_plan import (
    Speed,
    Training,
    exam_jobs,
    exam_rows,
    measure_speed,
    plan_row,
    unique_jobs,
)
from training.ablation_rows import ROWS, AblationRow, rows_named
from training.job_display import JobDisplay
from training.jobs import Engine, Job, LocalEngine, run_jobs
from training.runs_command import duration
from training.settings import options_of
from training.train_config import TrainConfig

REPORT = "ablation.json"
EXAM_S = 45.0
"""About what an exam of ten laps each way on three tracks takes on one core."""


@dataclass(frozen=True, kw_only=True)
class AblateConfig:
    """Find out which ingredients of training do what they are said to do."""

    rows: tuple[str, ...] = ()
    """Rows by name; all if none."""
    seeds: int = 3
    """Trainings of each way, from the seed of --train.seed on."""
    steps: int = 131_072
    """Budget of each training."""
    laps: int = 10
    """Laps per track and direction in the exams."""
    max_lap_s: float = 60.0
    """A slower lap counts as not completed."""
    folder: Path = Path("runs/ablation")
    """Where runs, exams and the report go."""
    jobs: int = 1
    """Trainings at the same time."""
    threads: int = 0
    """Cores of each; as many as there are if 0."""
    plan: bool = False
    """Measure the speed, state the budget, and train nothing."""
    train: TrainConfig = field(default_factory=lambda: TrainConfig(name="ablation"))
    """What all trainings have in common."""


@dataclass(frozen=True, eq=False)
class _Setup:
    """What the steps of an ablation share."""

    config: AblateConfig
    console: Console
    engine: Engine
    threads: int
    base: TrainConfig

    def plan(self, row: AblationRow) -> list[Training]:
        """Return the trainings of a row."""
        first = self.base.seed
        seeds = range(first, first + self.config.seeds)
        return plan_row(row, self.base, self.config.folder, seeds=seeds, threads=self.threads)


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a row."""

    judgement: Judgement
    figures: list[dict[str, Any]]
    """Of its exams."""


def run(config: AblateConfig) -> int:
    """Train and examine what is left, and write the report."""
    if config.seeds < 1 or config.laps < 1:
        raise Sim2RaceError(f"seeds is {config.seeds} and laps is {config.laps}; expected at least 1.")
    console = Console()
    cores = len(os.sched_getaffinity(0))
    threads = config.threads or max(1, cores // max(config.jobs, 1))
    engine = LocalEngine(jobs=config.jobs, threads=threads, outputs=config.folder / "output")
    setup = _Setup(config, console, engine, threads, replace(config.train, max_steps=config.steps))
    asked = rows_named(config.rows)
    for row in asked:
        if row.missing:
            console.print(f"Left out: {row.name}, which needs the setting {row.missing[0]}.", highlight=False)
    rows = [row for row in asked if not row.missing]
    trainings = {row.name: setup.plan(row) for row in rows}
    _state_budget(setup, rows, trainings)
    if config.plan:
        return 0
    results = _earlier_results(setup, rows)
    for row in rows:
        complete = _work_through(setup, row, trainings[row.name])
        figures = _figures(setup, row, trainings[row.name])
        results[row.name] = Result(judge(row, figures), figures)
        _report(config, results)
        console.print(f"{row.name}: {results[row.name].judgement.verdict}", highlight=False)
        if not complete:
            console.print("Stopped; the same command goes on.")
            return 130
    console.print(claims_table([results[row.name].judgement for row in ROWS if row.name in results]))
    console.print(f"Wrote {config.folder / 'ablation.md'}.", highlight=False, soft_wrap=True)
    return 0


def _earlier_results(setup: _Setup, asked: Sequence[AblationRow]) -> dict[str, Result]:
    """Return what came of the rows of an earlier command with the same settings, where all of it is there."""
    config = setup.config
    try:
        report = read_json_object(config.folder / REPORT)
    except BadFileError:
        return {}
    if report.get("settings") != settings_data(config):
        return {}
    names = {claim["name"] for claim in report["claims"]} - {row.name for row in asked}
    results = {}
    for row in ROWS:
        if row.name not in names or row.missing:
            continue
        trainings = setup.plan(row)
        exams = [job for training in trainings for job in _exams(setup, row, training)]
        if exams and all(job.is_done() for job in [*unique_jobs(trainings), *exams]):
            figures = _figures(setup, row, trainings)
            results[row.name] = Result(judge(row, figures), figures)
    return results


def _report(config: AblateConfig, results: Mapping[str, Result]) -> None:
    """Write the report, rows in their usual order, and the figures of shared trainings once."""
    names = [row.name for row in ROWS]
    ordered = sorted(results.values(), key=lambda one: names.index(one.judgement.name))
    figures: dict[tuple[str, ...], dict[str, Any]] = {}
    for result in ordered:
        for one in result.figures:
            figures.setdefault((one["run"], one["noise"], one["track"], one["direction"]), one)
    write_report(config, [result.judgement for result in ordered], list(figures.values()))


def judge(row: AblationRow, figures: Sequence[dict[str, Any]]) -> Judgement:
    """Return what the exams say of a claim."""
    deciding = [one for one in figures if one["noise"] == row.noise and one["track"] in row.tracks]
    better, worse = (
        seed_values([one for one in deciding if one["variant"] == side.name], row.measure)
        for side in (row.better, row.worse)
    )
    interval = welch(better, worse)
    return Judgement(
        name=row.name,
        claim=row.claim,
        better=row.better.name,
        worse=row.worse.name,
        measure=row.decided_by,
        unit=COLUMNS[row.measure][2],
        better_values=better,
        worse_values=worse,
        interval=interval,
        verdict=verdict(interval, row.good),
    )


def write_report(
    config: AblateConfig, judgements: Sequence[Judgement], figures: Sequence[dict[str, Any]]
) -> None:
    """Write ablation.json, ablation.md and the pictures."""
    settings = settings_data(config)
    options = settings["train"]
    command = f"sim2race ablate --seeds {config.seeds} --steps {config.steps} --laps {config.laps} {options}"
    about = [
        f"Seeds per training: {config.seeds}; steps per training: {config.steps:,}; laps per track and "
        f"direction: {config.laps}; exams on the vehicle preset real-car at 30 Hz, both directions.",
        f"Made by `{command.rstrip()}`, source {provenance.git_revision()}.",
    ]
    data = {
        "settings": settings,
        "about": about,
        "claims": [one.to_data() for one in judgements],
        "exams": list(figures),
    }
    write_atomically(config.folder / REPORT, json.dumps(data, indent=2) + "\n")
    write_atomically(config.folder / "ablation.md", markdown(judgements, figures, about))
    plot_claims(judgements, config.folder / "claims.png")
    plot_differences(judgements, config.folder / "differences.png")


def settings_data(config: AblateConfig) -> dict[str, Any]:
    """Return what the rows of one report have in common."""
    names = ("seeds", "steps", "laps", "max_lap_s")
    options = options_of(config.train, AblateConfig().train, "train")
    return {**{name: getattr(config, name) for name in names}, "train": options}


def claims_table(judgements: Sequence[Judgement]) -> Table:
    """Return the verdicts as a table to print."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("row", no_wrap=True)
    table.add_column("decided by", overflow="fold")
    table.add_column("difference", justify="right", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for one in judgements:
        spread = "-"
        if one.interval is not None:
            low, high = one.interval.low, one.interval.high
            spread = f"{one.interval.difference:+.3g} [{low:+.3g}, {high:+.3g}] {one.unit}".strip()
        table.add_row(one.name, one.measure, spread.replace("[", "\\["), one.verdict)
    return table


def _state_budget(setup: _Setup, rows: Sequence[AblationRow], trainings: dict[str, list[Training]]) -> None:
    """Say how much there is to do, and how long that will take."""
    config = setup.config
    jobs = unique_jobs(one for row in rows for one in trainings[row.name])
    left = [job for job in jobs if not job.is_done()]
    exams = len(
        {
            (one.job.name, noise)
            for row in rows
            for one in trainings[row.name]
            for noise in (*row.exams, row.noise)
        }
    )
    words = f"{len(rows)} rows: {len(jobs)} trainings of {config.steps:,} steps, {len(left)} of them left"
    if not left:
        setup.console.print(f"{words}; {exams} exams.", highlight=False, soft_wrap=True)
        return
    setup.console.print("Measuring the speed with a short training.")
    with JobDisplay(setup.console) as display:
        speed = measure_speed(
            setup.base, config.folder, setup.engine, threads=setup.threads, watch=display.watch
        )
    setup.console.print(
        f"{words}; {exams} exams. {_estimate(setup, speed, len(left), exams)}",
        highlight=False,
        soft_wrap=True,
    )


def _estimate(setup: _Setup, speed: Speed, left: int, exams: int) -> str:
    each_s = speed.seconds(setup.base)
    waves = -(-left // setup.engine.slots)
    exams_s = exams * EXAM_S * setup.config.laps / 10.0 / setup.engine.slots
    return (
        f"At {speed.steps_per_second:,.0f} steps/s a training takes {duration(each_s)} and its evaluations, "
        f"all together about {duration(1.15 * waves * each_s + exams_s)}."
    )


def _work_through(setup: _Setup, row: AblationRow, trainings: Sequence[Training]) -> bool:
    """Train and examine what is left of a row; return whether nobody stopped it."""
    setup.console.print(f"{row.name}: {row.claim}", highlight=False, soft_wrap=True)
    with JobDisplay(setup.console) as display:
        if not run_jobs(unique_jobs(trainings), setup.engine, watch=display.watch):
            return False
        jobs = {job.name: job for training in trainings for job in _exams(setup, row, training)}
        return run_jobs(list(jobs.values()), setup.engine, watch=display.watch)


def _figures(setup: _Setup, row: AblationRow, trainings: Sequence[Training]) -> list[dict[str, Any]]:
    """Return the figures of a row's exams."""
    return [figure for training in trainings for figure in exam_rows(training, _exams(setup, row, training))]


def _exams(setup: _Setup, row: AblationRow, training: Training) -> list[Job]:
    """Return the exams of a training that is finished."""
    config = setup.config
    return exam_jobs(row, training, config.folder, laps=config.laps, max_lap_s=config.max_lap_s)
