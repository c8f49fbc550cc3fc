"""What a fuzz run has found so far, kept in a file so that a run that is stopped can go on."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from car.errors import BadFileError
from car.files import atomic_path

RESULTS = ("opened", "refused", "fault")


@dataclass
class FuzzReport:
    """What came of a run."""

    results: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(kind, one of `RESULTS`) to the number of cases."""
    cpu_s: dict[str, float] = field(default_factory=dict)
    """Kind to the processor time of all its cases together."""
    faults: list[dict[str, Any]] = field(default_factory=list)
    """The cases at fault, with what was wrong."""
    slowest_s: float = 0.0
    """Longest processor time of a case."""
    peak_mib: float = 0.0
    """Largest memory of any process."""

    @property
    def cases(self) -> int:
        """Number of cases so far."""
        return sum(self.results.values())

    def table(self, title: str) -> Table:
        """Return the counts, one kind a line."""
        table = Table("Kind", *(name.capitalize() for name in RESULTS), "CPU ms a case", title=title)
        for kind in sorted({kind for kind, _ in self.results}):
            counts = [self.results[kind, result] for result in RESULTS]
            mean_ms = 1000 * self.cpu_s.get(kind, 0.0) / max(sum(counts), 1)
            table.add_row(kind, *(str(count) for count in counts), f"{mean_ms:.0f}")
        return table

    def figures(self) -> str:
        """Return the rest in a line."""
        return (
            f"{len(self.faults)} faults; slowest case {self.slowest_s:.2f} s of CPU; "
            f"memory at the peak {self.peak_mib:.0f} MiB."
        )

    def write(self, path: Path, *, seed: int, first: int) -> None:
        """Keep it in a file; a crash in the middle leaves the file as it was.

        Args:
            path: the file.
            seed: of the cases.
            first: number of the first of them.
        """
        content = {
            "seed": seed,
            "first": first,
            "cases": self.cases,
            "results": {f"{kind} {result}": count for (kind, result), count in self.results.items()},
            "cpu_s": self.cpu_s,
            "slowest_s": self.slowest_s,
            "peak_mib": self.peak_mib,
            "faults": self.faults,
        }
        with atomic_path(path) as aside:
            aside.write_text(json.dumps(content, indent=2) + "\n")


def read_report(path: Path, *, seed: int, first: int) -> FuzzReport:
    """Read what `FuzzReport.write` kept; an empty report where there is no file.

    Raises:
        BadFileError: the file is of other cases, or not one of these.
    """
    if not path.exists():
        return FuzzReport()
    try:
        content = json.loads(path.read_text())
        if (content["seed"], content["first"]) != (seed, first):
            raise BadFileError(f"{path} holds cases of seed {content['seed']} from {content['first']} on.")
        results = {tuple(key.rsplit(" ", 1)): count for key, count in content["results"].items()}
        return FuzzReport(
            Counter(results),
            dict(content["cpu_s"]),
            content["faults"],
            content["slowest_s"],
            content["peak_mib"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadFileError(f"{path} is not a report of a fuzz run: {error}") from error
