"""Snapshots are ranked where they never trained, and only the promising ones."""

from __future__ import annotations

from pathlib import Path

from training.evaluation import Evaluation, Lap
from training.held_out import Candidate, rank


def _laps(completed: int, of: int = 4) -> Evaluation:
    return Evaluation(
        tuple(
            Lap(
                "trapezoid",
                "clockwise",
                "lap_complete" if lap < completed else "off_track",
                100.0 if lap < completed else 50.0,
                9.0,
                0.1,
                None,
                1.0,
            )
            for lap in range(of)
        )
    )


def test_the_one_that_drives_best_on_unknown_tracks_comes_first() -> None:
    candidates = [
        Candidate(Path(f"step-{name}.zip"), (merit, 100.0))
        for name, merit in (("a", 0.9), ("b", 1.0), ("c", 1.0))
    ]
    found = {"step-a": 4, "step-b": 3, "step-c": 2}
    places = rank(candidates, lambda path: _laps(found[path.stem]))
    assert [place.snapshot for place in places] == ["step-a", "step-b", "step-c"]
    assert [place.lap_share for place in places] == [1.0, 0.75, 0.5]


def test_only_the_best_of_training_are_driven_and_of_equals_the_youngest() -> None:
    merits = (1.0, 0.2, 1.0, 1.0, 1.0)
    candidates = [
        Candidate(Path(f"step-{number}.zip"), (merit, 100.0)) for number, merit in enumerate(merits)
    ]
    driven: list[str] = []

    def drive(path: Path) -> Evaluation:
        driven.append(path.stem)
        return _laps(4)

    places = rank(candidates, drive)
    assert driven == ["step-4", "step-3", "step-2"]
    assert places[0].snapshot == "step-4"
