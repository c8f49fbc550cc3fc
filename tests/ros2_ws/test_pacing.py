"""The simulated car's schedule does not drift."""

from __future__ import annotations

import pytest

from sim2race_sim.pacing import Pacer


def test_every_period_is_due_once_however_late_one_asks() -> None:
    pacer = Pacer(30.0, 100.0, max_behind_s=10.0)
    times_s = [100.0 + late_s for late_s in (0.01, 0.034, 0.05, 0.12, 0.121, 1.0001)]
    assert [pacer.due(time_s) for time_s in times_s] == [0, 1, 0, 2, 0, 27]
    assert pacer.skipped == 0


@pytest.mark.parametrize("late_s", [0.0, 0.004, 0.02])
def test_lateness_does_not_add_up(late_s: float) -> None:
    pacer = Pacer(30.0, 0.0, max_behind_s=1.0)
    frames = sum(pacer.due(tick / 120 + late_s) for tick in range(120 * 60))
    assert abs(frames - 30 * 60) <= 1


def test_after_a_long_stall_the_rest_is_let_go_and_counted() -> None:
    pacer = Pacer(120.0, 0.0, max_behind_s=0.25)
    assert pacer.due(10.001) == 30
    assert pacer.skipped == 1170
    assert pacer.due(10.010) == 1


def test_a_rate_below_the_limit_still_comes() -> None:
    assert Pacer(1.0, 0.0, max_behind_s=0.1).due(5.5) == 1
