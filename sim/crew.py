"""Threads that share a batch: all run the same compiled loop, which holds no lock and takes what comes next.

Plain Python threads instead of numba's own: they sleep when idle (numba's OpenMP layer spins at its
barrier, which slows everything else on a small machine and the learner's threads most), they compile
faster, and a batch of one costs nothing extra.

Some cars see more than others and a core may have other work, so whoever is free takes the next ones from a
counter that all share. The compiled loop does that itself: going back to the interpreter for every piece
would make threads wait for each other there. Who takes what never changes what comes of it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import intrinsic

LONGEST_START_S = 0.01
"""How long to wait for another worker to begin before doing something else meanwhile."""

Turns = npt.NDArray[np.int64]
"""What of a batch comes next and where it ends, (2,): one for all who share the batch."""


def _generate_fetch_and_add(_context: Any, numbers: Any, amount: Any) -> Any:
    """Add to the first of some numbers and return what it was before, as one step for all threads."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.atomic_rmw("add", array.data, arguments[1], "seq_cst")

    return types.int64(numbers, types.int64), generate


# In numba's type hints the function takes what the compiled one does not: its typing context.
_fetch_and_add: Any = intrinsic(_generate_fetch_and_add)


@njit(cache=True)
def take_turns(turns: Any, size: int) -> Any:
    """Take the next few of a batch, which nobody else gets.

    Args:
        turns: `Turns`.
        size: how many at most.

    Returns:
        The first and one past the last; equal when nothing is left.
    """
    first = min(_fetch_and_add(turns, size), turns[1])
    return first, min(first + size, turns[1])


class Crew:
    """A fixed number of workers, this thread included.

    Args:
        threads: number of workers; all cores that this process may use if 0.
    """

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads if threads > 0 else len(os.sched_getaffinity(0))
        self._inboxes: list[Inbox] = [SimpleQueue() for _ in range(self.threads - 1)]
        for inbox in self._inboxes:
            threading.Thread(target=_work_on, args=(inbox,), daemon=True).start()
        weakref.finalize(self, _dismiss, self._inboxes)

    def share(
        self,
        work: Callable[[Turns], None],
        count: int,
        *,
        worth: int,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Do all of a batch, and wait until it is done.

        Args:
            work: called by every worker; takes turns with `take_turns` until none is left.
            count: size of the batch.
            worth: size from which it is worth waking others.
            meanwhile: what this thread had better do while others work, before it joins them; left out where
                nobody else works, as it would gain no time.
        """
        job = _Job(work, count)
        others = [] if count < max(worth, 2) else self._inboxes[: count - 1]
        for inbox in others:
            # A job that has not even been taken is done by now.
            with contextlib.suppress(Empty):
                inbox.get_nowait()
            inbox.put(job)
        try:
            if others and meanwhile is not None:
                # Who holds the interpreter keeps the others from even entering the compiled loop.
                job.wait_for_one(LONGEST_START_S)
                meanwhile()
            work(job.turns)
        finally:
            job.end()


class _Job:
    """A batch that is being done."""

    def __init__(self, work: Callable[[Turns], None], count: int) -> None:
        self.turns: Turns = np.array([0, count], np.int64)
        self._work, self._count = work, count
        self._lock, self._open, self._workers = threading.Lock(), True, 0
        self._one_is_there: SimpleQueue[None] = SimpleQueue()
        self._ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def do(self) -> None:
        """Do a share of it, unless it has been done."""
        with self._lock:
            if not self._open:
                return
            self._workers += 1
        self._one_is_there.put(None)
        mistake = None
        try:
            self._work(self.turns)
        except BaseException as error:
            mistake = error
        self._ended.put(mistake)

    def wait_for_one(self, longest_s: float) -> None:
        """Wait until somebody else has begun, but not for long."""
        with contextlib.suppress(Empty):
            self._one_is_there.get(timeout=longest_s)

    def end(self) -> None:
        """Wait for all who have begun; nobody else will, so a busy core keeps nobody waiting.

        Raises:
            BaseException: what another worker raised.
        """
        # Nothing is left, or something went wrong and nobody need go on.
        self.turns[0] = self._count
        with self._lock:
            self._open = False
        mistakes = [self._ended.get() for _ in range(self._workers)]
        for mistake in mistakes:
            if mistake is not None:
                raise mistake


Inbox = SimpleQueue["_Job | None"]


def _work_on(inbox: Inbox) -> None:
    """Do one job after the other until there is none."""
    while (job := inbox.get()) is not None:
        job.do()
        # An idle worker keeps no pictures.
        del job


def _dismiss(inboxes: list[Inbox]) -> None:
    for inbox in inboxes:
        inbox.put(None)
