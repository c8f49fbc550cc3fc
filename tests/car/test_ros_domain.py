"""Every run has a ROS 2 domain of its own."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from car.errors import Sim2RaceError
from car.ros_domain import DOMAINS, own_domain


def test_runs_at_the_same_time_get_different_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    with ExitStack() as stack:
        held = [stack.enter_context(own_domain()) for _ in range(20)]
        assert len(set(held)) == 20
        assert set(held) <= set(DOMAINS)


def test_a_chosen_domain_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "42")
    with own_domain() as first, own_domain() as second:
        assert first == second == 42


def test_a_domain_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "mine")
    with pytest.raises(Sim2RaceError, match="'mine'; expected a number"), own_domain():
        pass


def test_when_all_are_taken_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    monkeypatch.setattr("car.ros_domain.DOMAINS", range(1, 2))
    with own_domain(), pytest.raises(Sim2RaceError, match="in use"), own_domain():
        pass
