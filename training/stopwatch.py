"""Where the time of a training goes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich import box
from rich.table import Table


class Stopwatch:
    """Adds up the wall clock of named parts of a job."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began_s = time.perf_counter()

    @contextmanager
    def measure(self, part: str) -> Iterator[None]:
        """Add the time of the block to a part."""
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self.add(part, time.perf_counter() - began_s)

    def add(self, part: str, seconds: float) -> None:
        """Add time that was measured elsewhere to a part."""
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds

    def table(self, *, within: Mapping[str, Mapping[str, float]]) -> Table:
        """Return the parts as a table to print, with what is known of the insides of some.

        Args:
            within: parts of parts, in seconds.
        """
        total_s = time.perf_counter() - self._began_s
        table = Table(title="Where the time went", box=box.SIMPLE_HEAD)
        table.add_column("part", no_wrap=True)
        table.add_column("s", justify="right")
        table.add_column("share", justify="right")
        for part, seconds in self.seconds.items():
            table.add_row(part, f"{seconds:.1f}", f"{seconds / total_s:.0%}")
            for inner, inner_s in within.get(part, {}).items():
                table.add_row(f"  {inner}", f"{inner_s:.1f}", f"{inner_s / total_s:.0%}")
        rest_s = total_s - sum(self.seconds.values())
        table.add_row("everything else", f"{rest_s:.1f}", f"{rest_s / total_s:.0%}")
        return table
