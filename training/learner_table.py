"""The table of `sim2race bench learner`: ratios to the base first, as Markdown, JSON and on the screen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from car.errors import BadFileError
from car.files import write_atomically
from car.json_file import read_json_object
from training.ablation_rows import BASE

RATES = ("total_per_s", "learner_per_s", "simulator_per_s")
HEADINGS = (
    "variant",
    "total",
    "learner",
    "simulator",
    "total, steps/s",
    "learner, steps/s",
    "simulator, steps/s",
    "greedy laps",
    "policy, MB",
)


@dataclass(frozen=True)
class LearnerRow:
    """One variant; None where it was not measured."""

    variant: str
    note: str = ""
    """Why there are no figures."""
    total_per_s: float | None = None
    """Steps per second of driving and learning."""
    learner_per_s: float | None = None
    """The same if the simulator took no time."""
    simulator_per_s: float | None = None
    """The same if the learner took none."""
    policy_mb: float | None = None
    """Size of policy.onnx."""
    completed: tuple[int, ...] = ()
    """Greedy laps completed after the last step, by seed."""
    attempted: tuple[int, ...] = ()

    @property
    def lap_share(self) -> float | None:
        """Share of greedy laps over all seeds, 0 to 1; None if none was driven."""
        return sum(self.completed) / sum(self.attempted) if sum(self.attempted) else None

    def of(self, base: LearnerRow | None) -> list[float | None]:
        """Return its rates as shares of the base's."""
        pairs = [(getattr(self, rate), None if base is None else getattr(base, rate)) for rate in RATES]
        return [own / other if own is not None and other else None for own, other in pairs]


def write_report(
    folder: Path, rows: Sequence[LearnerRow], *, settings: Mapping[str, Any], about: Sequence[str]
) -> None:
    """Write learner.json and learner.md.

    Args:
        folder: where to.
        rows: in the order of the table.
        settings: what rows must have in common to stand in one table.
        about: sentences that say how it was made.
    """
    base = _base(rows)
    names = [f"{rate.removesuffix('_per_s')}_of_base" for rate in RATES]
    data = {
        "settings": dict(settings),
        "about": list(about),
        "rows": [
            {**asdict(row), "lap_share": row.lap_share, **dict(zip(names, row.of(base), strict=True))}
            for row in rows
        ],
    }
    write_atomically(folder / "learner.json", json.dumps(data, indent=2) + "\n")
    lines = ["# What makes the learner faster", "", *about, "", f"| {' | '.join(HEADINGS)} |"]
    lines.append("|---|" + "---:|" * (len(HEADINGS) - 1))
    lines += [f"| {' | '.join(_cells(row, base))} |" for row in rows]
    write_atomically(folder / "learner.md", "\n".join(lines) + "\n")


def read_rows(folder: Path, settings: Mapping[str, Any]) -> list[LearnerRow]:
    """Return the rows of an earlier report with the same settings; none if there is no such report."""
    path = folder / "learner.json"
    if not path.is_file():
        return []
    try:
        data = read_json_object(path)
        if data["settings"] != dict(settings):
            return []
        names = LearnerRow.__dataclass_fields__
        rows = [{name: row[name] for name in names} for row in data["rows"]]
        return [
            LearnerRow(**{**row, "completed": tuple(row["completed"]), "attempted": tuple(row["attempted"])})
            for row in rows
        ]
    except (BadFileError, KeyError, TypeError):
        return []


def bench_table(rows: Sequence[LearnerRow]) -> Table:
    """Return the report to print: ratios, the rate of both together, laps, and why figures are missing."""
    table = Table(title="Of the base's steps per second", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("variant", no_wrap=True)
    for heading in ("total", "learner", "simulator", "steps/s", "laps"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in rows:
        ratios = ["-" if ratio is None else f"{ratio:.2f}" for ratio in row.of(_base(rows))]
        rate = "-" if row.total_per_s is None else f"{row.total_per_s:,.0f}"
        laps = "-" if row.lap_share is None else f"{row.lap_share:.0%}"
        table.add_row(row.variant, *ratios, rate, laps, row.note)
    return table


def _base(rows: Sequence[LearnerRow]) -> LearnerRow | None:
    return next((row for row in rows if row.variant == BASE.name), None)


def _cells(row: LearnerRow, base: LearnerRow | None) -> list[str]:
    """Return the cells of a line; a note stands where the first figure would."""
    if row.note:
        return [row.variant, row.note, *["-"] * (len(HEADINGS) - 2)]
    rates = [getattr(row, rate) for rate in RATES]
    seeds = ", ".join(f"{done}/{tried}" for done, tried in zip(row.completed, row.attempted, strict=True))
    return [
        row.variant,
        *("-" if ratio is None else f"{ratio:.2f}" for ratio in row.of(base)),
        *("-" if rate is None else f"{rate:,.0f}" for rate in rates),
        "-" if row.lap_share is None else f"{row.lap_share:.0%} ({seeds})",
        "-" if row.policy_mb is None else f"{row.policy_mb:.1f}",
    ]
