"""Workers that share a batch: everything is done once, whoever does it, and mistakes come out."""

from __future__ import annotations

import gc
import threading
import time

import numpy as np
import pytest

from sim.crew import Crew, Turns, take_turns

DEADLINE_S = 30.0


def _all_come(crew: Crew) -> bool:
    """Return whether every worker does a share of the next batch."""
    all_are_there = threading.Barrier(crew.threads)

    def work(turns: Turns) -> None:
        all_are_there.wait(DEADLINE_S)

    crew.share(work, 64, worth=2)
    return not all_are_there.broken


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 64])
def test_everything_is_done_once(threads: int, size: int, count: int) -> None:
    done = np.zeros(count, int)

    def work(turns: Turns) -> None:
        first, last = take_turns(turns, size)
        while first < last:
            done[first:last] += 1
            first, last = take_turns(turns, size)

    Crew(threads).share(work, count, worth=1)
    assert done.tolist() == [1] * count


def test_turns_are_taken_in_order_and_end_where_the_batch_ends() -> None:
    turns = np.array([0, 20], np.int64)
    assert [take_turns(turns, 8) for _ in range(5)] == [(0, 8), (8, 16), (16, 20), (20, 20), (20, 20)]


def test_threads_that_count_at_the_same_time_lose_nothing() -> None:
    taken: list[list[int]] = [[] for _ in range(4)]
    turns = np.array([0, 20_000], np.int64)

    def take(mine: list[int]) -> None:
        first, last = take_turns(turns, 1)
        while first < last:
            mine.append(first)
            first, last = take_turns(turns, 1)

    workers = [threading.Thread(target=take, args=(mine,)) for mine in taken]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(DEADLINE_S)
    assert sorted(number for mine in taken for number in mine) == list(range(20_000))


def test_who_is_free_takes_what_a_slow_worker_leaves() -> None:
    others_are_done = threading.Event()
    taken: dict[int, list[int]] = {}

    def work(turns: Turns) -> None:
        mine = taken.setdefault(threading.get_ident(), [])
        number, end = take_turns(turns, 1)
        while number < end:
            mine.append(number)
            if number == 0:
                # This one takes as long as all the others together.
                assert others_are_done.wait(DEADLINE_S)
            number, end = take_turns(turns, 1)
        others_are_done.set()

    Crew(2).share(work, 64, worth=2)
    assert sorted(taken.values()) == [[0], list(range(1, 64))]


def test_a_small_batch_wakes_nobody() -> None:
    workers = set()
    crew = Crew(3)
    for _ in range(20):
        crew.share(lambda turns: workers.add(threading.get_ident()), 7, worth=8)
    assert workers == {threading.get_ident()}


@pytest.mark.parametrize("by_this_thread", [True, False])
def test_a_mistake_comes_out_and_nobody_works_on_behind_it(by_this_thread: bool) -> None:
    crew = Crew(2)
    here = threading.get_ident()
    for _ in range(20):
        both_are_there = threading.Barrier(2)
        at_work: list[int] = []

        def work(
            turns: Turns, both: threading.Barrier = both_are_there, at_work: list[int] = at_work
        ) -> None:
            both.wait(DEADLINE_S)
            if (threading.get_ident() == here) == by_this_thread:
                raise ValueError("a bad picture")
            at_work.append(1)
            while take_turns(turns, 1)[0] < turns[1]:
                time.sleep(0.0005)
            at_work.remove(1)

        with pytest.raises(ValueError, match="a bad picture"):
            crew.share(work, 64, worth=2)
        assert not at_work


def test_after_a_mistake_the_next_batch_is_done_by_all() -> None:
    crew = Crew(2)

    def fail(turns: Turns) -> None:
        raise ValueError("a bad picture")

    for _ in range(3):
        with pytest.raises(ValueError, match="a bad picture"):
            crew.share(fail, 64, worth=2)
    assert _all_come(crew)


def test_this_thread_may_do_something_else_while_others_work() -> None:
    elsewhere = threading.Event()
    order: list[str] = []

    def work(turns: Turns) -> None:
        # The first worker is another one: this thread is busy with what it does meanwhile.
        assert elsewhere.wait(DEADLINE_S)
        order.append("work")

    def meanwhile() -> None:
        order.append("meanwhile")
        elsewhere.set()

    Crew(2).share(work, 64, worth=2, meanwhile=meanwhile)
    assert order == ["meanwhile", "work", "work"]


@pytest.mark.parametrize(("threads", "count"), [(1, 64), (2, 1)])
def test_where_nobody_else_works_nothing_is_done_meanwhile(threads: int, count: int) -> None:
    nothing = pytest.fail
    Crew(threads).share(
        lambda turns: None, count, worth=2, meanwhile=lambda: nothing("it would gain no time")
    )


def test_a_worker_who_comes_too_late_keeps_nobody_waiting_and_does_nothing() -> None:
    crew = Crew(2)
    held, came = threading.Event(), threading.Event()
    here = threading.get_ident()
    late = []

    def hold_the_other(turns: Turns) -> None:
        if threading.current_thread() is share:
            assert came.wait(DEADLINE_S)
        else:
            came.set()
            assert held.wait(DEADLINE_S)

    share = threading.Thread(target=crew.share, args=(hold_the_other, 64), kwargs={"worth": 2})
    share.start()
    assert came.wait(DEADLINE_S)

    def work(turns: Turns) -> None:
        if threading.get_ident() != here:
            late.append(turns[0])

    try:
        for _ in range(5):
            crew.share(work, 64, worth=2)
    finally:
        held.set()
        share.join(DEADLINE_S)
    assert _all_come(crew), "the other worker is back"
    assert not late, "and did not look at what had been done"


def test_one_who_comes_late_does_not_stand_for_one_who_is_still_at_it() -> None:
    crew = Crew(3)
    held, came, at_it, slow = (threading.Event() for _ in range(4))

    def hold_one(turns: Turns) -> None:
        if threading.current_thread() is first:
            assert came.wait(DEADLINE_S)
        elif not came.is_set():
            came.set()
            assert held.wait(DEADLINE_S)

    def be_slow(turns: Turns) -> None:
        if threading.current_thread() is second:
            assert at_it.wait(DEADLINE_S)
            turns[0] = turns[1]
        elif take_turns(turns, 1)[0] < turns[1]:
            at_it.set()
            assert slow.wait(DEADLINE_S)

    first = threading.Thread(target=crew.share, args=(hold_one, 64), kwargs={"worth": 2})
    second = threading.Thread(target=crew.share, args=(be_slow, 64), kwargs={"worth": 2})
    first.start()
    assert came.wait(DEADLINE_S)
    second.start()
    assert at_it.wait(DEADLINE_S)
    time.sleep(0.1)
    held.set()
    first.join(DEADLINE_S)
    second.join(0.2)
    assert second.is_alive(), "a worker is still at it"
    slow.set()
    second.join(DEADLINE_S)
    assert not second.is_alive()


def test_workers_end_with_their_crew() -> None:
    before = set(threading.enumerate())
    crew = Crew(4)
    mine = set(threading.enumerate()) - before
    assert len(mine) == 3
    del crew
    gc.collect()
    for worker in mine:
        worker.join(DEADLINE_S)
        assert not worker.is_alive()
