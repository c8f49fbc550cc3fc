"""Which snapshot is exported: the one that drives best where it never trained, not the last one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.evaluation import Evaluation

CANDIDATES = 3
"""Snapshots compared: the best ones of the greedy evaluations in training."""


@dataclass(frozen=True)
class Candidate:
    """A snapshot and how it drove in training's evaluation."""

    path: Path
    merit: tuple[float, ...]
    """`Evaluation.merit`."""


@dataclass(frozen=True)
class Place:
    """A snapshot's place in the ranking."""

    snapshot: str
    lap_share: float
    """Of laps on held-out tracks and surroundings, 0 to 1."""
    progress: float
    """Mean progress, 0 to 100."""
    weave_m: float | None
    mean_lap_s: float | None


def rank(candidates: Sequence[Candidate], drive: Callable[[Path], Evaluation]) -> list[Place]:
    """Return the most promising snapshots, best first.

    Args:
        candidates: every snapshot that was evaluated in training, oldest first.
        drive: drives a snapshot where it never trained.
    """
    # Of equals the younger ones: they have seen more.
    promising = sorted(enumerate(candidates), key=lambda pair: (pair[1].merit, pair[0]), reverse=True)
    places = [_place(candidate.path.stem, drive(candidate.path)) for _, candidate in promising[:CANDIDATES]]
    return sorted(places, key=lambda place: (place.lap_share, round(place.progress, 1)), reverse=True)


def ranking_data(places: Sequence[Place]) -> list[dict[str, Any]]:
    """Return a ranking as JSON-able data."""
    return [asdict(place) for place in places]


def _place(snapshot: str, evaluation: Evaluation) -> Place:
    total = evaluation.total
    return Place(snapshot, total.lap_share, total.progress, total.weave_m, total.mean_lap_s)
