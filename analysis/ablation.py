"""Whether a claim holds, by the spread over seeds; as data, as Markdown and as pictures.

A training's result differs from seed to seed, so a difference between two ways of training counts only
against that spread: Welch's interval for the difference of two means (B. L. Welch, Biometrika 34, 1947). A
claim holds if the whole interval is on its side, does not hold if the whole interval is on the other or
holds no difference, and is undecided else. With three seeds only large differences can be told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

CONFIDENCE = 0.95

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"

COLUMNS = {
    "lap_share": ("laps", 100.0, "%"),
    "off_tracks_per_lap": ("off per lap", 1.0, ""),
    "mean_lap_s": ("lap", 1.0, "s"),
    "weave_cm": ("weave", 1.0, "cm"),
    "heading_deg": ("heading", 1.0, "°"),
    "straight_tv": ("steering", 1.0, "°/m"),
    "attention_off_track": ("looks off", 1.0, "%"),
}
"""Figures of the table: title, factor and unit."""


@dataclass(frozen=True)
class Interval:
    """A difference with its interval."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Judgement:
    """What came of one claim."""

    name: str
    claim: str
    better: str
    """Name of the way of training that the claim has as better."""
    worse: str
    measure: str
    """What decides, as in "lap_share, noise unseen, new tracks"."""
    unit: str
    better_values: tuple[float, ...]
    """One per seed, in that unit."""
    worse_values: tuple[float, ...]
    interval: Interval | None
    """Of better minus worse; None with fewer than two seeds of either."""
    verdict: str
    """holds, does not hold or undecided."""

    def to_data(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return asdict(self)


def welch(first: Sequence[float], second: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Return the difference of two means, first minus second, and its interval; None if unknown."""
    if len(first) < 2 or len(second) < 2:
        return None
    difference = float(np.mean(first) - np.mean(second))
    errors = [float(np.var(values, ddof=1)) / len(values) for values in (first, second)]
    error = sum(errors)
    if error <= 0.0:
        return Interval(difference, difference, difference)
    degrees = error**2 / sum(
        one**2 / (len(values) - 1) for one, values in zip(errors, (first, second), strict=True)
    )
    reach = float(stats.t.ppf(0.5 + confidence / 2, degrees)) * math.sqrt(error)
    return Interval(difference, difference - reach, difference + reach)


def verdict(interval: Interval | None, good: Literal["higher", "lower"]) -> str:
    """Return what an interval of better minus worse says of the claim."""
    if interval is None:
        return UNDECIDED
    low, high = (interval.low, interval.high) if good == "higher" else (-interval.high, -interval.low)
    if low > 0.0:
        return HOLDS
    return FAILS if high <= 0.0 else UNDECIDED


def value_of(rows: Sequence[Mapping[str, Any]], measure: str) -> float | None:
    """Return one policy's figure over exam rows: laps are pooled, the rest is a mean; None if unknown."""
    if measure == "lap_share":
        attempted = sum(row["attempted"] for row in rows)
        return sum(row["completed"] for row in rows) / attempted if attempted else None
    known = [row[measure] for row in rows if row.get(measure) is not None]
    return float(np.mean(known)) if known else None


def seed_values(rows: Sequence[Mapping[str, Any]], measure: str) -> tuple[float, ...]:
    """Return the figure of each training seed, in the unit of `COLUMNS`; unknown ones are left out."""
    factor = COLUMNS[measure][1]
    seeds = sorted({row["train_seed"] for row in rows})
    values = [value_of([row for row in rows if row["train_seed"] == seed], measure) for seed in seeds]
    return tuple(factor * value for value in values if value is not None)


def markdown(judgements: Sequence[Judgement], rows: Sequence[Mapping[str, Any]], about: Sequence[str]) -> str:
    """Return the whole report: verdicts, then every figure of every way of training.

    Args:
        judgements: one per claim.
        rows: exam rows with `variant`, `train_seed`, `noise`, `track`, `direction`.
        about: sentences that say how it was made.
    """
    lines = ["# What each ingredient of training does", "", *about, "", "## Claims", ""]
    lines += ["| claim | by | with | without | difference, 95 % | verdict |", "|---|---|---|---|---|---|"]
    for one in judgements:
        spread = "-" if one.interval is None else _spread(one.interval, one.unit)
        means = (_means(one.better_values, one.unit), _means(one.worse_values, one.unit))
        lines.append(f"| {one.claim} | {one.measure} | {' | '.join(means)} | {spread} | **{one.verdict}** |")
    lines += ["", "## All figures, mean and standard deviation over seeds", ""]
    heads = [f"{title} {unit}".strip() for title, _, unit in COLUMNS.values()]
    lines += [f"| training | noise | track | {' | '.join(heads)} |", "|" + "---|" * (3 + len(heads))]
    for group in dict.fromkeys((row["variant"], row["noise"], row["track"]) for row in rows):
        here = [row for row in rows if (row["variant"], row["noise"], row["track"]) == group]
        cells = [_means(seed_values(here, measure), "") for measure in COLUMNS]
        lines.append(f"| {' | '.join(group)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _means(values: Sequence[float], unit: str) -> str:
    if not values:
        return "-"
    spread = f" ± {np.std(values, ddof=1):.3g}" if len(values) > 1 else ""
    return f"{np.mean(values):.3g}{spread} {unit}".strip()


def _spread(interval: Interval, unit: str) -> str:
    return f"{interval.difference:+.3g} [{interval.low:+.3g}, {interval.high:+.3g}] {unit}".strip()
