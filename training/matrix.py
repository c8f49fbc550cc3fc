"""`sim2race matrix`: policies x tracks x directions x noise x seeds, as jobs side by side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from car.errors import BadFileError, Sim2RaceError, unknown_name
from car.files import write_atomically
from car.json_file import read_json_object
from car.policy import Policy
from sim.scenery import NOISE_LEVELS
from sim.track import load_track
from sim.vehicle_parameters import vehicle_named
from training.job_display import JobDisplay
from training.jobs import FAILED, FOLDER, INPUT, Job, run_jobs
from training.sweep import make_engine

RESULT = "result.json"
HASH_DIGITS = 16


@dataclass(frozen=True, kw_only=True)
class MatrixConfig:
    """Examine policies on tracks under noise, all combinations; cells that are there are not driven again."""

    policies: tuple[Path, ...]
    """The policy.onnx files."""
    tracks: tuple[str, ...] = ("forever-raceway",)
    """Tracks."""
    direction: Literal["both", "counter-clockwise", "clockwise"] = "both"
    """Direction of driving."""
    noise: tuple[str, ...] = ("high",)
    """Visual noise levels."""
    seeds: tuple[int, ...] = (7,)
    """Seeds of surroundings and cars."""
    vehicle: str = "real-car"
    """Vehicle preset: real-car, real-car-uncalibrated, aws-v4, aws-v5 or ideal."""
    laps: int = 10
    """Attempts per cell and direction."""
    folder: Path = Path("runs/matrix")
    """Where the cells are kept, and matrix.json."""
    jobs: int = 0
    """Cells driven at the same time; as many as the cores allow if 0."""
    threads: int = 1
    """Cores of each."""
    address: str | None = None
    """A Ray cluster to run on instead of this machine."""


def run(config: MatrixConfig) -> int:
    """Drive the cells that are left, and print and write what all came to."""
    console = Console()
    jobs = matrix_jobs(config)
    engine = make_engine(config.address, jobs=config.jobs, threads=config.threads, folder=config.folder)
    with JobDisplay(console) as display:
        complete = run_jobs(jobs, engine, watch=display.watch)
    rows = matrix_rows(jobs)
    console.print(matrix_table(rows))
    write_atomically(config.folder / "matrix.json", json.dumps({"rows": rows}, indent=2) + "\n")
    console.print(f"Wrote {config.folder / 'matrix.json'}.", highlight=False, soft_wrap=True)
    if not complete:
        console.print("Stopped; the same command drives what is left.")
        return 130
    return 1 if any(job.state == FAILED for job in jobs) else 0


def matrix_jobs(config: MatrixConfig) -> list[Job]:
    """Return a job per policy, track, noise level and seed.

    Raises:
        Sim2RaceError: a name does not exist, a policy cannot be read, or there is nothing to drive.
    """
    if config.laps < 1 or not (config.policies and config.tracks and config.noise and config.seeds):
        raise Sim2RaceError("Nothing to drive: expected a policy, a track, a noise level, a seed and a lap.")
    for track in config.tracks:
        load_track(track)
    vehicle_named(config.vehicle)
    for level in config.noise:
        if level not in NOISE_LEVELS:
            raise unknown_name("noise level", level, NOISE_LEVELS)
    policies = {path: Policy.load(path).sha256 for path in config.policies}
    return [
        exam_job(
            config.folder / "cells",
            policy=path,
            sha256=sha256,
            settings={
                "tracks": track,
                "direction": config.direction,
                "noise": level,
                "vehicle": config.vehicle,
                "laps": config.laps,
                "seed": seed,
            },
        )
        for path, sha256 in policies.items()
        for track in config.tracks
        for level in config.noise
        for seed in config.seeds
    ]


def exam_job(folder: Path, *, policy: Path, sha256: str, settings: dict[str, Any]) -> Job:
    """Return the job that examines a policy with some settings of `sim2race exam`, by their names there."""
    text = json.dumps([sha256, settings], sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]
    home = folder / name
    home.mkdir(parents=True, exist_ok=True)
    words: list[str] = []
    for key, value in settings.items():
        words += [
            f"--{key.replace('_', '-')}",
            *(map(str, value) if isinstance(value, list) else [str(value)]),
        ]
    return Job(
        name=name,
        arguments=("exam", "--policy", INPUT, "--json", f"{FOLDER}/{RESULT}", *words),
        folder=home,
        is_done=(home / RESULT).is_file,
        input=policy,
    )


def matrix_rows(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """Return the figures of all cells that are there, each with what it was driven with."""
    rows = []
    for job in jobs:
        try:
            cell = read_json_object(job.folder / RESULT)
        except BadFileError:
            continue
        shared = {name: cell[name] for name in ("sha256", "noise", "vehicle", "seed")}
        rows += [{"policy": str(job.input), **shared, **row} for row in cell["rows"]]
    return rows


def matrix_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return lap shares and mean lap times over seeds, a column per noise level."""
    levels = list(dict.fromkeys(row["noise"] for row in rows))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("policy", overflow="fold")
    table.add_column("track", overflow="fold")
    table.add_column("way", no_wrap=True)
    for level in levels:
        table.add_column(level, justify="right", no_wrap=True)
    for policy, track, way in dict.fromkeys((row["policy"], row["track"], row["direction"]) for row in rows):
        here = [
            row for row in rows if (row["policy"], row["track"], row["direction"]) == (policy, track, way)
        ]
        cells = [_cell([row for row in here if row["noise"] == level]) for level in levels]
        table.add_row(policy, track, "cw" if way == "clockwise" else "ccw", *cells)
    return table


def _cell(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "-"
    completed, attempted = sum(row["completed"] for row in rows), sum(row["attempted"] for row in rows)
    times = [row["mean_lap_s"] for row in rows if row["mean_lap_s"] is not None]
    return f"{completed / attempted:.0%}" + (f" {np.mean(times):.1f} s" if times else "")
