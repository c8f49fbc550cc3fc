"""Which run is better, by weights that a person sets, and only where the laps bear it out.

Every measure earns points: 100 at its `good` value, 0 at its `poor` one, linear between and never beyond.
The score is the mean of the points by weight, over the measures that all compared runs have; a run without
any measure has no place, and takes none from the others. Its spread comes
from the bootstrap (Efron 1979): the laps of a run are drawn again with replacement, a thousand times, and
the score is computed from each draw. One run is called better than another when the middle 95 % of the
differences of their scores lie on one side of zero, and not otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.run_card import BY_KEY, MEASURES, Measure, RunCard
from car.errors import Sim2RaceError, unknown_name

DRAWS = 1000
MIN_PIECES = 3
"""With fewer laps there is no interval, and nothing is called better."""

_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Ranked:
    """One run in a ranking."""

    card: RunCard
    """The run."""
    score: float
    """0 to 100; NaN where no measure could be compared."""
    low: float
    """Lower end of the 95 % interval; NaN with too few laps."""
    high: float
    """Upper end."""
    worse: tuple[str, ...]
    """Names of the runs that this one is better than."""


@dataclass(frozen=True)
class Ranking:
    """Runs in order of their score, the best first, and those that have none."""

    runs: list[Ranked]
    """The runs."""
    weights: dict[str, float]
    """The weights that counted: measures that all runs have, but for those without any."""

    def places(self) -> list[int | None]:
        """Return each run's place, from 1; None of a run without a score, and of all without a ranking."""
        scored = sum(bool(np.isfinite(one.score)) for one in self.runs)
        return [at + 1 if at < scored > 1 else None for at in range(len(self.runs))]

    def verdict(self) -> str:
        """Return one sentence that claims no more than the laps do."""
        if len(self.runs) < 2:
            return "One run alone cannot be ranked."
        measured = [one.card.name for one in self.runs if one.card.is_measured]
        if len(measured) < 2:
            who = f"Only {measured[0]}" if measured else "None of the runs"
            return f"{who} is long enough to be measured: no ranking."
        if not self.weights:
            return "The runs have no weighted measure in common: no ranking."
        return self.neighbours()[0]

    def neighbours(self) -> list[str]:
        """Say of each run but the last whether it is better than the next, as far as the laps do."""
        return [_between(one, other) for one, other in pairwise(self.runs)]


def _between(first: Ranked, second: Ranked) -> str:
    """Compare a run with the one on the next place."""
    if not second.card.is_measured:
        return f"No verdict: {second.card.name} has no measures, it is too short."
    if np.isnan(first.score):
        return f"No verdict: {first.card.name} and {second.card.name} have no weighted measure in common."
    if second.card.name in first.worse:
        return f"{first.card.name} is better than {second.card.name}: the 95 % interval lies above zero."
    if np.isnan(first.low) or np.isnan(second.low):
        few = first if np.isnan(first.low) else second
        return f"No verdict: {few.card.name} has fewer than {MIN_PIECES} laps, so its spread is unknown."
    return f"No verdict: {first.card.name} and {second.card.name} differ by less than their laps do."


def points(measure: Measure, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what values earn, 0 to 100; NaN stays NaN."""
    earned = (values - measure.poor) / (measure.good - measure.poor) * 100.0
    clipped: NDArray[np.float64] = np.clip(earned, 0.0, 100.0)
    return clipped


def parse_weights(text: str) -> dict[str, float]:
    """Read weights as in "weave_cm=3,lap_s=1"; what is not named has no weight. Empty: the usual weights.

    Raises:
        Sim2RaceError: a name that does not exist, or a weight that is no number from 0 up.
    """
    if not text.strip():
        return {measure.key: measure.weight for measure in MEASURES if measure.weight > 0}
    weights = {}
    for part in text.split(","):
        key, _, number = part.strip().partition("=")
        if key not in BY_KEY:
            raise unknown_name("measure", key[:40], BY_KEY)
        try:
            weight = float(number)
        except ValueError:
            weight = -1.0
        if not 0.0 <= weight < 1e6:
            raise Sim2RaceError(f"The weight of {key} is {number[:40]!r}; expected a number from 0 up.")
        weights[key] = weight
    return weights


def rank(cards: Sequence[RunCard], weights: Mapping[str, float], *, seed: int = 0) -> Ranking:
    """Rank runs.

    Args:
        cards: their scorecards.
        weights: measure key to weight; zero leaves a measure out.
        seed: of the bootstrap, so that a ranking is the same whenever it is looked at.

    Returns:
        The ranking; only measures count that every run has, found in the same way. Runs without
        any come last.
    """
    measured = [card for card in cards if card.is_measured]
    shared = {
        key: weight
        for key, weight in weights.items()
        if weight > 0
        and measured
        and all(np.isfinite(card.figures.get(key, np.nan)) for card in measured)
        # A stand-in is compared with its like only.
        and len({card.stand_ins.get(key, "") for card in measured}) == 1
    }
    chance = np.random.default_rng(seed)
    scores = [_score(_table(card, shared).mean(axis=0, keepdims=True), shared)[0] for card in cards]
    draws = [_draws(card, shared, chance) for card in cards]
    order = sorted(
        range(len(cards)), key=lambda i: (not cards[i].is_measured, -np.nan_to_num(scores[i], nan=-1.0))
    )
    runs = []
    for i in order:
        low, high = np.percentile(draws[i], _INTERVAL) if len(draws[i]) else (np.nan, np.nan)
        worse = tuple(cards[j].name for j in order if j != i and is_better(draws[i], draws[j]))
        runs.append(Ranked(cards[i], float(scores[i]), float(low), float(high), worse))
    return Ranking(runs, dict(shared))


def is_better(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Say whether draws (B,) of one score are above another's in 97.5 % of the pairs."""
    if not len(one) or not len(other):
        return False
    return bool(np.percentile(one - other, _INTERVAL[0]) > 0.0)


def difference_interval(
    one: RunCard, other: RunCard, key: str, *, seed: int = 0
) -> tuple[float, float, float] | None:
    """Return the difference (one less other) of a measure's mean over laps with its 95 % interval.

    None where either run has fewer than three laps with that measure, or only one of them measured it.
    """
    if one.stand_ins.get(key) != other.stand_ins.get(key):
        return None
    values = [_column(card, key) for card in (one, other)]
    if min(len(column) for column in values) < MIN_PIECES:
        return None
    chance = np.random.default_rng(seed)
    means = [column[chance.integers(0, len(column), (DRAWS, len(column)))].mean(axis=1) for column in values]
    low, high = np.percentile(means[0] - means[1], _INTERVAL)
    return float(values[0].mean() - values[1].mean()), float(low), float(high)


@dataclass(frozen=True)
class Figure:
    """A measure of a run as the mean over its laps, or of the whole run where it has too few of them."""

    value: float
    """NaN where unknown."""
    low: float
    """Lower end of the 95 % interval of the mean; NaN with too few laps."""
    high: float
    """Upper end."""


def figure_with_interval(card: RunCard, key: str, *, seed: int = 0) -> Figure:
    """Return a measure with how sure it is: the mean over laps, and the bootstrap's interval of that mean."""
    column = _column(card, key)
    if len(column) < MIN_PIECES:
        return Figure(card.figures[key], np.nan, np.nan)
    chance = np.random.default_rng(seed)
    means = column[chance.integers(0, len(column), (DRAWS, len(column)))].mean(axis=1)
    low, high = np.percentile(means, _INTERVAL)
    return Figure(float(column.mean()), float(low), float(high))


def _column(card: RunCard, key: str) -> NDArray[np.float64]:
    column = np.array([piece.get(key, np.nan) for piece in card.pieces], np.float64)
    known: NDArray[np.float64] = column[np.isfinite(column)]
    return known


def _draws(card: RunCard, weights: Mapping[str, float], chance: np.random.Generator) -> NDArray[np.float64]:
    """Return (DRAWS,) scores of laps drawn again; none where there are too few laps."""
    count = len(card.pieces)
    if count < MIN_PIECES or not weights:
        return np.zeros(0)
    table = _table(card, weights)
    drawn = chance.integers(0, count, (DRAWS, count))
    means: NDArray[np.float64] = table[drawn].mean(axis=1)
    return _score(means, weights)


def _table(card: RunCard, weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Return (L, M) figures of each lap; of a run with too few laps, its own figures once."""
    whole = np.array([card.figures[key] for key in weights])
    if len(card.pieces) < MIN_PIECES:
        return whole[None, :]
    table = np.array([[piece.get(key, np.nan) for key in weights] for piece in card.pieces])
    # A measure that a lap lacks (no straight was finished in it) stands at the run's own value.
    filled: NDArray[np.float64] = np.where(np.isfinite(table), table, whole)
    return filled


def _score(values: NDArray[np.float64], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Return (N,) scores of (N, M) values."""
    if not weights:
        return np.full(len(values), np.nan)
    earned = np.stack([points(BY_KEY[key], values[:, i]) for i, key in enumerate(weights)], axis=1)
    weight = np.array(list(weights.values()), np.float64)
    score: NDArray[np.float64] = np.average(earned, axis=1, weights=weight)
    return score
