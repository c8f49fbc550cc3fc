"""`sim2race bench`: the product's figures, measured on the machine at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro
from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Measure how fast a part is on this machine."""

    what: Annotated[Literal["sim"], tyro.conf.Positional] = "sim"
    """What to measure."""
    seconds: float = 3.0
    """Time spent on each line."""


def run(config: BenchConfig) -> int:
    """Measure and print."""
    from sim.bench import run_bench

    return run_bench(Console(), seconds=config.seconds)
