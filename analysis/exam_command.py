"""`sim2race exam`: a policy driven in the simulator, with every measure of driving and attention."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from analysis.exam import drive_exam, exam_figures
from car.files import write_atomically
from car.models import BUNDLED_POLICY
from car.policy import Policy
from sim.choice import TITLES, Drive
from sim.simulator import SimConfig
from sim.track import DIRECTIONS

COLUMNS = {
    "off_tracks_per_lap": ("off/lap", "{:.2f}"),
    "mean_lap_s": ("lap s", "{:.2f}"),
    "weave_cm": ("weave cm", "{:.1f}"),
    "heading_deg": ("head °", "{:.1f}"),
    "excess_pct": ("excess %", "{:.1f}"),
    "straight_tv": ("°/m", "{:.0f}"),
    "attention_off_track": ("look off %", "{:.0f}"),
}
"""Figures of a row, their titles and formats; weave to °/m are of the straights."""


@dataclass(frozen=True, kw_only=True)
class ExamConfig:
    """Drive laps with a policy.onnx and measure straightness, calm and attention beside laps."""

    policy: Path = BUNDLED_POLICY
    """The policy.onnx; the one that comes with sim2race unless given."""
    tracks: tuple[str, ...] = ("forever-raceway",)
    """Tracks."""
    direction: Literal["both", "counter-clockwise", "clockwise"] = "both"
    """Direction of driving."""
    noise: str = "high"
    """Visual noise: none, low, high or unseen."""
    vehicle: str = "real-car"
    """Vehicle preset: real-car, real-car-uncalibrated, aws-v4, aws-v5 or ideal;
    each attempt's car is drawn within its spread."""
    laps: int = 10
    """Attempts per track and direction."""
    seed: int = 7
    """Seed of surroundings and cars."""
    drive: Drive = "most-probable"
    """What is driven of a discrete policy's output: the most probable command, as the car does, the expected
    one (means of angle and speed by probability), or one that is drawn by the seed, as in training."""
    control_rate_hz: float = 30.0
    """Decisions per second."""
    max_lap_s: float = 60.0
    """A slower lap counts as not completed."""
    json: Path | None = None
    """File to write the figures to."""


def run(config: ExamConfig) -> int:
    """Drive, measure and print."""
    policy = Policy.load(config.policy)
    rows = exam(policy, config)
    console = Console()
    console.print(
        exam_table(rows, title=f"{policy.metadata.name}: {TITLES[config.drive]}, noise {config.noise}")
    )
    if config.json is not None:
        content = {"policy": str(config.policy), "sha256": policy.sha256, "noise": config.noise,
                   "vehicle": config.vehicle, "seed": config.seed, "drive": config.drive,
                   "rows": rows}  # fmt: skip
        write_atomically(config.json, json.dumps(content, indent=2) + "\n")
        console.print(f"Wrote {config.json}.", highlight=False, soft_wrap=True)
    return 0


def exam(policy: Policy, config: ExamConfig) -> list[dict[str, Any]]:
    """Return a row of figures per track and direction."""
    sim = SimConfig(
        tracks=config.tracks,
        directions=DIRECTIONS if config.direction == "both" else (config.direction,),
        noise=config.noise,
        vehicle=config.vehicle,
        camera=policy.metadata.camera,
        control_rate_hz=config.control_rate_hz,
        max_episode_s=config.max_lap_s,
        start="line",
    )
    attempts = drive_exam(policy, sim, laps=config.laps, seed=config.seed, drive=config.drive)
    return exam_figures(policy, attempts)


def exam_table(rows: Sequence[Mapping[str, Any]], *, title: str) -> Table:
    """Return the figures as a table to print."""
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("track", overflow="fold", min_width=9)
    for column in ("way", "laps", *(head for head, _ in COLUMNS.values())):
        table.add_column(column, justify="right", overflow="fold")
    for row in rows:
        figures = ["-" if row[key] is None else form.format(row[key]) for key, (_, form) in COLUMNS.items()]
        way = "cw" if row["direction"] == "clockwise" else "ccw"
        table.add_row(row["track"], way, f"{row['completed']}/{row['attempted']}", *figures)
    return table
