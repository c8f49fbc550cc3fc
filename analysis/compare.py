"""`sim2race compare`: two runs, measure by measure, and where on the track the time was lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from analysis.measures_pace import LapTrace, time_lost_s
from analysis.ranking import difference_interval, parse_weights, rank
from analysis.report_page import shown_of
from analysis.run_card import BY_KEY, RunCard
from analysis.run_files import read_run

_BLOCKS = 10


@dataclass(frozen=True)
class CompareConfig:
    """Compare two runs, measure by measure, and show where on the track the time was lost."""

    first: Annotated[Path, tyro.conf.Positional]
    """A car log, or a SIM_TRACE .csv or metrics .json file."""
    second: Annotated[Path, tyro.conf.Positional]
    """The run to compare it with."""
    weights: str = ""
    """What counts, as in weave_cm=3,lap_s=1. Left out: every measure at its usual weight."""


def run(config: CompareConfig) -> int:
    """Print the comparison.

    Raises:
        Sim2RaceError: a log that cannot be read, or a weight that does not exist.
    """
    weights = parse_weights(config.weights)
    runs = [read_run(path) for path in (config.first, config.second)]
    cards = [run.card for run in runs]
    console = Console()
    console.print(compare_table(cards[0], cards[1]))
    for line in sorted({line for card in cards for line in card.parameters if line}):
        console.print(line, style="dim", highlight=False)
    first, second = (run.best for run in runs)
    if first is not None and second is not None:
        console.print(lost_line(first, second), markup=False, highlight=False)
    console.print(rank(cards, weights).verdict(), style="bold", markup=False, highlight=False)
    return 0


def compare_table(one: RunCard, other: RunCard) -> Table:
    """Return every measure of both runs; a word only where the 95 % interval of the difference allows it."""
    table = Table("Measure", "A", "B", "A less B", "95 % interval", "", title=None)
    table.caption = f"A: {one.name}\nB: {other.name}".replace("[", "\\[")
    for key, measure in BY_KEY.items():
        values = one.figures[key], other.figures[key]
        if not any(math.isfinite(value) for value in values):
            continue
        found = difference_interval(one, other, key)
        difference = f"{found[0]:+.2f}" if found else ""
        interval = f"{found[1]:+.2f} to {found[2]:+.2f}" if found else "too few laps"
        table.add_row(
            measure.title,
            shown_of(one, key),
            shown_of(other, key),
            difference,
            interval,
            judgement(key, found),
        )
    return table


def judgement(key: str, found: tuple[float, float, float] | None) -> str:
    """Say "A better", "B better" or nothing, for a difference with its interval."""
    if found is None or found[1] <= 0.0 <= found[2]:
        return ""
    lower = found[2] < 0.0
    return "A better" if lower == (BY_KEY[key].better == "lower") else "B better"


def lost_line(one: LapTrace, other: LapTrace) -> str:
    """Return where the best lap of A lost time against B's, by tenths of the lap."""
    lost = time_lost_s(one, other)
    at = np.linspace(0, len(lost) - 1, _BLOCKS + 1).astype(np.int64)
    steps = np.diff(lost[at])
    parts = ", ".join(f"{10 * i}-{10 * (i + 1)} %: {step:+.2f}" for i, step in enumerate(steps))
    return f"Best laps, seconds that A lost to B by place: {parts}"
