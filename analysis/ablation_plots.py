"""Pictures of an ablation: every seed of both sides of every claim, and the difference with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
from matplotlib import pyplot as plt

from analysis.ablation import FAILS, HOLDS, Judgement
from car.files import atomic_path

COLOURS = {HOLDS: "#2a9d5c", FAILS: "#c8553d"}
UNDECIDED_COLOUR = "#8a8f98"


def plot_claims(judgements: Sequence[Judgement], path: Path) -> None:
    """Draw a panel per claim: the seeds of both sides as dots, their means as bars, coloured by verdict."""
    columns = 3
    rows = max(1, -(-len(judgements) // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(12, 2.9 * rows), squeeze=False, layout="constrained")
    for panel in axes.flat[len(judgements) :]:
        panel.axis("off")
    for panel, one in zip(axes.flat, judgements, strict=False):
        colour = COLOURS.get(one.verdict, UNDECIDED_COLOUR)
        for place, values in enumerate((one.better_values, one.worse_values)):
            if values:
                panel.plot(np.full(len(values), place), values, "o", color=colour, alpha=0.7)
                panel.plot([place - 0.2, place + 0.2], [np.mean(values)] * 2, color=colour, linewidth=2)
        panel.set_xticks([0, 1], [one.better, one.worse])
        panel.set_xlim(-0.5, 1.5)
        panel.set_ylabel(one.unit)
        panel.set_title(f"{one.name}: {one.verdict}\n{one.measure}", fontsize=9)
        panel.grid(axis="y", alpha=0.3)
    with atomic_path(path) as aside:
        figure.savefig(aside, dpi=120)
    plt.close(figure)


def plot_differences(judgements: Sequence[Judgement], path: Path) -> None:
    """Draw the difference of each claim with its interval, in half widths of the interval or spreads."""
    known = [one for one in judgements if one.interval is not None]
    figure, panel = plt.subplots(figsize=(8, 1.2 + 0.4 * max(len(known), 1)), layout="constrained")
    for place, one in enumerate(reversed(known)):
        assert one.interval is not None
        scale = max(abs(one.interval.low), abs(one.interval.high), 1e-12)
        colour = COLOURS.get(one.verdict, UNDECIDED_COLOUR)
        panel.plot(
            [one.interval.low / scale, one.interval.high / scale], [place] * 2, color=colour, linewidth=2
        )
        panel.plot([one.interval.difference / scale], [place], "o", color=colour)
    panel.axvline(0.0, color="black", linewidth=0.8)
    panel.set_yticks(range(len(known)), [f"{one.name} ({one.measure})" for one in reversed(known)])
    panel.set_xlabel("with minus without, scaled, 95 %")
    with atomic_path(path) as aside:
        figure.savefig(aside, dpi=120)
    plt.close(figure)
