"""Threads that share a batch: each runs the same compiled loop, which holds no lock and takes what comes next.

Plain Python threads instead of numba's own: they sleep when idle (numba's OpenMP layer spins at its
barrier, which slows everything else on a small machine and the learner's threads most), they compile
faster, and a batch of one costs nothing extra.

Some cars see more than others and a core may have other work, so whoever is free takes the next ones from a
counter that all share. The compiled loop does that itself: going back to the interpreter for every piece
would make threads wait for each other there. Who takes what never changes what comes of it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import intrinsic

LONGEST_START_S = 0.01
"""How long to wait for another worker to begin before doing something else meanwhile."""

Turns = npt.NDArray[np.int64]
"""What of a batch comes next and where it ends, (2,): one for all who share the batch."""


@intrinsic
def _fetch_and_add(_context: Any, numbers: Any, amount: Any) -> Any:
    """Add to the first of some numbers and return what it was before, as one step for all threads."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.atomic_rmw("add", array.data, arguments[1], "seq_cst")

    return types.int64(numbers, types.int64), generate


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
        self._pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

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
        turns = np.array([0, count], np.int64)
        if self._pool is None or count < max(worth, 2):
            work(turns)
            return
        one_is_there = threading.Event()

        def join_in() -> None:
            one_is_there.set()
            work(turns)

        others = [self._pool.submit(join_in) for _ in range(min(self.threads, count) - 1)]
        try:
            if meanwhile is not None:
                # Who holds the interpreter keeps the others from even entering the compiled loop.
                one_is_there.wait(LONGEST_START_S)
                meanwhile()
            work(turns)
        finally:
            # Nothing is left, or something went wrong and nobody need go on.
            turns[0] = count
            # Who has not begun by now finds nothing to do: a busy core keeps nobody waiting.
            begun = [other for other in others if not other.cancel()]
            wait(begun)
        for other in begun:
            other.result()
