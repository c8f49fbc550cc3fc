"""`sim2race compare`: two runs, measure by measure, and where on the track the time was lost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from analysis.measures_pace import LapTrace, time_lost_s
from analysis.ranking import MIN_PIECES, difference_interval, parse_weights, rank
from analysis.report_page import DASH, shown_of
from analysis.run_card import BY_KEY, RunCard
from analysis.run_files import read_run

_BLOCKS = 10
_PIECES = {"lap": "lap", "piece": "ten-second piece", "episode": "episode"}

Difference = tuple[float, float, float]
"""A's mean less B's, and the lower and upper end of its 95 % interval."""


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
    found = differences(cards[0], cards[1])
    console.print(compare_table(cards[0], cards[1], found))
    if lacking := lacking_line(cards[0], cards[1], found):
        console.print(lacking, highlight=False)
    for line in sorted({line for card in cards for line in card.parameters if line}):
        console.print(line, style="dim", highlight=False)
    first, second = (run.best for run in runs)
    if first is not None and second is not None:
        console.print(lost_line(first, second), markup=False, highlight=False)
    console.print(rank(cards, weights).verdict(), style="bold", markup=False, highlight=False)
    return 0


def differences(one: RunCard, other: RunCard) -> dict[str, Difference | None]:
    """Return the difference of every measure that a run has; None where the laps allow none."""
    return {
        key: difference_interval(one, other, key)
        for key in BY_KEY
        if any(math.isfinite(card.figures[key]) for card in (one, other))
    }


def lacking_line(one: RunCard, other: RunCard, found: Mapping[str, Difference | None]) -> str:
    """Say in one sentence why differences are lacking; empty if none is."""
    if None not in found.values():
        return ""
    runs = {"A": one, "B": other}
    few = [f"{letter} has {_pieces(card)}" for letter, card in runs.items() if len(card.pieces) < MIN_PIECES]
    if few:
        return f"No differences: {' and '.join(few)}, and it takes {MIN_PIECES} of each run."
    return (
        f"A dash: a run has fewer than {MIN_PIECES} laps with that measure, or only one of them measured it."
    )


def compare_table(one: RunCard, other: RunCard, found: Mapping[str, Difference | None]) -> Table:
    """Return every measure of both runs; a word only where the 95 % interval of the difference allows it."""
    table = Table("Measure", "A", "B", "A less B", "95 % interval", "", title=None)
    table.caption = f"A: {one.name}\nB: {other.name}".replace("[", "\\[")
    for key, difference in found.items():
        table.add_row(
            BY_KEY[key].title,
            shown_of(one, key),
            shown_of(other, key),
            f"{difference[0]:+.2f}" if difference else DASH,
            f"{difference[1]:+.2f} to {difference[2]:+.2f}" if difference else DASH,
            judgement(key, difference),
        )
    return table


def judgement(key: str, found: Difference | None) -> str:
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


def _pieces(card: RunCard) -> str:
    count, word = len(card.pieces), _PIECES[card.piece_kind]
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"
