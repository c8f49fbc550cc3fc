"""A claim is judged by the spread over seeds, and the report says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from scipy import stats

from analysis.ablation import COLUMNS, Interval, Judgement, markdown, seed_values, verdict, welch
from analysis.ablation_plots import plot_claims, plot_differences


def _row(seed: int, completed: int, weave_cm: float | None, variant: str = "base") -> dict[str, Any]:
    figures = dict.fromkeys(COLUMNS, 1.0)
    return {
        **figures, "variant": variant, "noise": "high", "track": "trapezoid", "direction": "clockwise",
        "train_seed": seed, "attempted": 10, "completed": completed, "weave_cm": weave_cm,
    }  # fmt: skip


def _judgement(interval: Interval | None, word: str) -> Judgement:
    return Judgement(
        "angles", "They calm.", "base", "none", "weave_cm", "cm", (1.0, 2.0), (3.0,), interval, word
    )


def test_the_interval_is_that_of_welchs_test() -> None:
    first, second = (1.0, 2.0, 4.0), (7.0, 7.5, 9.0)
    found = welch(first, second)
    assert found is not None
    known = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert found.difference == pytest.approx(np.mean(first) - np.mean(second))
    assert welch((1.0,), second) is None
    assert welch((1.0, 1.0), (1.0, 1.0)) == Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("interval", "good", "expected"),
    [
        (Interval(2.0, 1.0, 3.0), "higher", "holds"),
        (Interval(2.0, 1.0, 3.0), "lower", "does not hold"),
        (Interval(-2.0, -3.0, -1.0), "lower", "holds"),
        (Interval(1.0, -1.0, 3.0), "higher", "undecided"),
        (Interval(0.0, 0.0, 0.0), "higher", "does not hold"),
        (None, "higher", "undecided"),
    ],
)
def test_only_a_whole_interval_decides(
    interval: Interval | None, good: Literal["higher", "lower"], expected: str
) -> None:
    assert verdict(interval, good) == expected


def test_laps_are_pooled_and_other_figures_averaged_seed_by_seed() -> None:
    rows = [_row(1, 10, 1.0), _row(1, 5, 3.0), _row(2, 0, None)]
    assert seed_values(rows, "lap_share") == (75.0, 0.0)
    assert seed_values(rows, "weave_cm") == (2.0,)


def test_the_report_holds_claims_and_every_figure() -> None:
    rows = [_row(1, 10, 1.0), _row(2, 8, 2.0), _row(1, 0, 5.0, "none")]
    text = markdown([_judgement(Interval(-3.0, -4.0, -2.0), "holds")], rows, ["Seeds: 2."])
    assert "| They calm. | weave_cm | 1.5 ± 0.707 cm | 3 cm | -3 [-4, -2] cm | **holds** |" in text
    assert "| base | high | trapezoid | 90 ± 14.1 |" in text
    assert "| none | high | trapezoid | 0 |" in text
    assert "Seeds: 2." in text


def test_pictures_are_drawn_even_of_little(tmp_path: Path) -> None:
    both = [_judgement(Interval(-3.0, -4.0, -2.0), "holds"), _judgement(None, "undecided")]
    plot_claims(both, tmp_path / "claims.png")
    plot_differences(both, tmp_path / "differences.png")
    for name in ("claims", "differences"):
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture is not None and np.unique(picture).size > 2
