"""`sim2race runs`: the training runs of a folder side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich import box
from rich.console import Console
from rich.table import Table

from training.run_overview import RunOverview, differing_settings, find_runs, overview

STATE_COLOURS = {"running": "green", "finished": "bold", "killed": "red", "diverged": "red", "failed": "red"}


@dataclass(frozen=True, kw_only=True)
class RunsConfig:
    """Compare training runs: how far, how long, how well, and in which settings they differ."""

    folder: Annotated[Path, tyro.conf.Positional] = Path("runs")
    """Folder with runs in it, or one run."""
    json: bool = False
    """Print JSON instead of the table, with every setting."""


def run(config: RunsConfig) -> int:
    """Print the comparison."""
    runs = [overview(folder) for folder in find_runs(config.folder)]
    if config.json:
        print(json.dumps([run.to_data() for run in runs], indent=2))
        return 0
    console = Console()
    print_runs(console, runs)
    return 0


def print_runs(console: Console, runs: Sequence[RunOverview]) -> None:
    """Print runs as a table, what differs between their settings, and why some of them ended."""
    console.print(runs_table(runs))
    differing = differing_settings(runs)
    if differing:
        console.print("Settings that differ:")
        for number, one in enumerate(runs, start=1):
            words = " ".join(f"{name}={_short(one.settings.get(name, '-'))}" for name in differing)
            console.print(f"{number:>3} {words}", highlight=False, soft_wrap=True, markup=False)
    for one in runs:
        if one.state in ("diverged", "failed"):
            console.print(f"{one.path.name}: {one.reason}", highlight=False, soft_wrap=True, markup=False)


def runs_table(runs: Sequence[RunOverview]) -> Table:
    """Return runs as a table; "laps" are the best greedy ones, "expl" the last ones while exploring."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("", justify="right")
    table.add_column("run", overflow="fold", min_width=12)
    table.add_column("state", no_wrap=True)
    for column in ("steps", "time", "laps", "expl", "best s", "entropy"):
        table.add_column(column, justify="right", no_wrap=True)
    for number, one in enumerate(runs, start=1):
        colour = STATE_COLOURS.get(one.state)
        state = f"[{colour}]{one.state}[/{colour}]" if colour else one.state
        table.add_row(str(number), one.path.name, state, *_figures(one))
    return table


def _figures(one: RunOverview) -> list[str]:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.0%}"

    return [
        f"{one.steps:,}",
        duration(one.seconds),
        share(one.greedy_lap_share),
        share(one.exploring_lap_share),
        "-" if one.best_lap_s is None else f"{one.best_lap_s:.2f}",
        "-" if one.entropy is None else f"{one.entropy:.2f}",
    ]


def duration(seconds: float) -> str:
    """Return a time as hours, minutes and seconds, as in 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _short(value: Any) -> str:
    """Return a setting's value as it would be typed."""
    return ",".join(map(_short, value)) if isinstance(value, list) else str(value)
