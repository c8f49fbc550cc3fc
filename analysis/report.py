"""`sim2race report`: rank runs by weights and say which model to race, as far as the laps bear it out."""

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

from analysis.card_cache import card_json
from analysis.measures_pace import CONSECUTIVE, MOST_CONSECUTIVE
from analysis.ranking import Ranking, parse_weights, rank
from analysis.report_page import mean_title, report_html, shown_of
from analysis.run_card import BY_KEY
from analysis.run_files import find_runs, read_run_card
from car.errors import Sim2RaceError
from car.files import write_atomically


@dataclass(frozen=True)
class ReportConfig:
    """Rank runs by weights and say which model to race, as far as the laps bear it out."""

    logs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Car logs, SIM_TRACE .csv or metrics .json files of the reference simulator, or folders of them."""
    weights: str = ""
    """What counts, as in weave_cm=3,lap_s=1. Left out: every measure at its usual weight."""
    mean_of: int = CONSECUTIVE
    """How many laps in a row the best mean is over, 1 to 10."""
    html: Path | None = None
    """Write the report as one HTML file that needs nothing else."""
    json: Path | None = None
    """Write all figures as JSON."""


def run(config: ReportConfig) -> int:
    """Print the ranking, and write what is asked for.

    Raises:
        Sim2RaceError: no log, a log that cannot be read, or a weight or mean that there is not.
    """
    if not 1 <= config.mean_of <= MOST_CONSECUTIVE:
        raise Sim2RaceError(f"--mean-of is {config.mean_of}; expected 1 to {MOST_CONSECUTIVE} laps.")
    weights = parse_weights(config.weights)
    paths = find_runs(config.logs)
    console = Console()
    cards = [read_run_card(path) for path in track(paths, "Measuring", console=console, transient=True)]
    ranking = rank(cards, weights)
    print_ranking(console, ranking, mean_of=config.mean_of)
    if config.html is not None:
        write_atomically(config.html, report_html(ranking, mean_of=config.mean_of))
        console.print(f"Report: {config.html}", highlight=False, markup=False, soft_wrap=True)
    if config.json is not None:
        write_atomically(config.json, json.dumps(ranking_json(ranking), indent=2) + "\n")
    return 0


def print_ranking(console: Console, ranking: Ranking, *, mean_of: int = CONSECUTIVE) -> None:
    """Print the runs in order with their weighted measures, and the verdict."""
    pace = ("Laps", "Best lap", mean_title(mean_of))
    table = Table("#", "Run", "Score", "95 % interval", *pace, "Better than", title="Ranking")
    places = ranking.places()
    heads = (
        f"#{place}" if place else escape(one.card.name)
        for place, one in zip(places, ranking.runs, strict=True)
    )
    figures = Table("Measure", *heads, "Weight")
    for place, one in zip(places, ranking.runs, strict=True):
        card = one.card
        few = "too few laps" if math.isfinite(one.score) else ""
        interval = f"{one.low:.1f} to {one.high:.1f}" if math.isfinite(one.low) else few
        best, mean = (
            "" if time_s is None else f"{time_s:.2f} s"
            for time_s in (card.best_lap_s, card.best_mean_s(mean_of))
        )
        score = f"{one.score:.1f}" if math.isfinite(one.score) else ""
        better = escape(", ".join(one.worse))
        laps = str(len(card.laps_s))
        table.add_row(str(place or ""), escape(card.name), score, interval, laps, best, mean, better)
    for key, measure in BY_KEY.items():
        values = [shown_of(one.card, key) for one in ranking.runs]
        weight = f"{ranking.weights[key]:g}" if key in ranking.weights else ""
        figures.add_row(measure.title, *values, weight)
    console.print(table)
    console.print(figures)
    for line in sorted({line for one in ranking.runs for line in one.card.parameters if line}):
        console.print(line, style="dim", highlight=False, markup=False)
    console.print(ranking.verdict(), style="bold", markup=False, highlight=False)


def ranking_json(ranking: Ranking) -> dict[str, Any]:
    """Return the ranking as plain JSON types; unknown figures are null."""
    return {
        "verdict": ranking.verdict(),
        "weights": ranking.weights,
        "runs": [
            {
                "place": place,
                "score": _plain(one.score),
                "interval": [_plain(one.low), _plain(one.high)],
                "better_than": list(one.worse),
                **card_json(one.card),
            }
            for place, one in zip(ranking.places(), ranking.runs, strict=True)
        ],
    }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
