"""`sim2race report`: rank car logs by weights and say which model to race, as far as the laps bear it out."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.markup import escape
from rich.progress import track
from rich.table import Table

from analysis.card_cache import card_json, read_card
from analysis.ranking import Ranking, parse_weights, rank
from analysis.report_page import report_html, shown
from analysis.run_card import BY_KEY
from car.errors import Sim2RaceError
from car.files import write_atomically
from car.log_reader import SUFFIXES


@dataclass(frozen=True)
class ReportConfig:
    """Rank car logs by weights and say which model to race, as far as the laps bear it out."""

    logs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Car logs, or folders of car logs."""
    weights: str = ""
    """What counts, as in weave_cm=3,lap_s=1. Left out: every measure at its usual weight."""
    html: Path | None = None
    """Write the report as one HTML file that needs nothing else."""
    json: Path | None = None
    """Write all figures as JSON."""


def run(config: ReportConfig) -> int:
    """Print the ranking, and write what is asked for.

    Raises:
        Sim2RaceError: no log, a log that cannot be read, or a weight that does not exist.
    """
    weights = parse_weights(config.weights)
    paths = find_logs(config.logs)
    console = Console()
    cards = [read_card(path) for path in track(paths, "Measuring", console=console, transient=True)]
    ranking = rank(cards, weights)
    print_ranking(console, ranking)
    if config.html is not None:
        write_atomically(config.html, report_html(ranking))
        console.print(f"Report: {config.html}", highlight=False, markup=False, soft_wrap=True)
    if config.json is not None:
        write_atomically(config.json, json.dumps(ranking_json(ranking), indent=2) + "\n")
    return 0


def find_logs(paths: tuple[Path, ...]) -> list[Path]:
    """Return the logs that are named, and those in the folders that are.

    Raises:
        Sim2RaceError: a path does not exist, or there is no log in it.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise Sim2RaceError(f"There is no log or folder {path}.")
        inside = [path] if _is_log(path) else [child for child in sorted(path.iterdir()) if _is_log(child)]
        if not inside:
            raise Sim2RaceError(
                f"There is no car log in {path}; expected folders with an .mcap or .db3 file."
            )
        found += inside
    if not found:
        raise Sim2RaceError("Name at least one car log, or a folder of them.")
    return found


def print_ranking(console: Console, ranking: Ranking) -> None:
    """Print the runs in order with their weighted measures, and the verdict."""
    table = Table("#", "Run", "Score", "95 % interval", "Laps", "Best lap", "Better than", title="Ranking")
    figures = Table("Measure", *(f"#{place}" for place in range(1, len(ranking.runs) + 1)), "Weight")
    for place, one in enumerate(ranking.runs, start=1):
        card = one.card
        interval = f"{one.low:.1f} to {one.high:.1f}" if math.isfinite(one.low) else "too few laps"
        best = f"{card.best_lap_s:.2f} s" if card.best_lap_s is not None else ""
        score = f"{one.score:.1f}" if math.isfinite(one.score) else ""
        better = escape(", ".join(one.worse))
        table.add_row(str(place), escape(card.name), score, interval, str(len(card.laps_s)), best, better)
    for key, measure in BY_KEY.items():
        values = [shown(one.card.figures[key], key) for one in ranking.runs]
        weight = f"{ranking.weights[key]:g}" if key in ranking.weights else ""
        figures.add_row(measure.title, *values, weight)
    console.print(table)
    console.print(figures)
    for line in sorted({line for one in ranking.runs for line in one.card.parameters if line}):
        console.print(line, style="dim", highlight=False)
    console.print(ranking.verdict(), style="bold", markup=False, highlight=False)


def ranking_json(ranking: Ranking) -> dict[str, Any]:
    """Return the ranking as plain JSON types; unknown figures are null."""
    return {
        "verdict": ranking.verdict(),
        "weights": ranking.weights,
        "runs": [
            {
                "score": _plain(one.score),
                "interval": [_plain(one.low), _plain(one.high)],
                "better_than": list(one.worse),
                **card_json(one.card),
            }
            for one in ranking.runs
        ],
    }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _is_log(path: Path) -> bool:
    if path.is_file():
        return path.suffix in SUFFIXES
    return any(child.suffix in SUFFIXES for child in path.iterdir())
