"""Workers that share a batch: everything is done once, whoever does it, and mistakes come out."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from sim.crew import Crew, piece_edges


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 64])
def test_everything_is_done_once(threads: int, count: int) -> None:
    done = np.zeros(count, int)

    def work(first: int, last: int) -> None:
        done[first:last] += 1

    Crew(threads).share(work, count, smallest=1)
    assert done.tolist() == [1] * count


def test_a_piece_is_half_of_what_would_be_fair_and_never_too_small() -> None:
    assert piece_edges(64, 2, 8) == [0, 16, 28, 37, 45, 53, 64]
    assert piece_edges(15, 2, 8) == [0, 15], "half of it would not be worth handing over"
    assert piece_edges(64, 1, 8) == [0, 64]


def test_who_is_free_takes_what_a_slow_worker_leaves() -> None:
    others_are_done = threading.Event()
    slow: list[int] = []
    rest: list[int] = []

    def work(first: int, last: int) -> None:
        if first == 0:
            slow.append(threading.get_ident())
            # This piece takes as long as all the others together.
            assert others_are_done.wait(30.0)
            return
        rest.append(threading.get_ident())
        if last == 64:
            others_are_done.set()

    Crew(2).share(work, 64, smallest=2)
    assert len(rest) == len(piece_edges(64, 2, 2)) - 2
    assert set(rest).isdisjoint(slow)


def test_a_mistake_comes_out_and_nobody_works_on_behind_it() -> None:
    crew = Crew(2)
    at_work = []

    def work(first: int, last: int) -> None:
        at_work.append(first)
        if first == 0:
            raise ValueError("a bad piece")
        at_work.remove(first)

    for _ in range(20):
        at_work.clear()
        with pytest.raises(ValueError, match="a bad piece"):
            crew.share(work, 64, smallest=2)
        assert at_work == [0]


def test_this_thread_may_do_something_else_while_others_work() -> None:
    elsewhere = threading.Event()
    order: list[str] = []

    def work(first: int, last: int) -> None:
        if first == 0:
            # The first piece is in other hands: this thread is busy with what it does meanwhile.
            assert elsewhere.wait(30.0)
        order.append("piece")

    def meanwhile() -> None:
        order.append("meanwhile")
        elsewhere.set()

    Crew(2).share(work, 64, smallest=8, meanwhile=meanwhile)
    assert order[0] == "meanwhile"
    assert order.count("piece") == len(piece_edges(64, 2, 8)) - 1


def test_where_nobody_else_works_nothing_is_done_meanwhile() -> None:
    Crew(1).share(lambda first, last: None, 64, meanwhile=lambda: pytest.fail("it would gain no time"))
