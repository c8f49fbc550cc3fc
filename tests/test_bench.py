"""`sim2race bench` before it measures anything."""

from __future__ import annotations

import pytest

import sim2race_bench
from car.errors import Sim2RaceError
from sim2race_bench import BenchConfig


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (BenchConfig(seconds=-1.0), "--seconds is -1.0; expected a number above 0"),
        (BenchConfig(what="car", minutes=float("nan")), "--minutes is nan; expected a number above 0"),
        (BenchConfig(what="fuzz", files=0), "--files is 0; expected a number above 0"),
        (BenchConfig(what="learner", steps=-5), "--steps is -5; expected a number above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(config: BenchConfig, said: str) -> None:
    with pytest.raises(Sim2RaceError, match=said):
        sim2race_bench.run(config)
