"""Threads that share a batch: each takes pieces of it and runs a compiled loop that holds no lock.

Plain Python threads instead of numba's own: they sleep when idle (numba's OpenMP layer spins at its
barrier, which slows everything else on a small machine and the learner's threads most), they compile
faster, and a batch of one costs nothing extra.

Pieces become smaller towards the end and go to whoever is free, as some cars see more than others and a core
may have other work ("guided self-scheduling": Polychronopoulos and Kuck, IEEE Transactions on Computers 36,
1987). Who takes which piece never changes what comes of it.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

SMALLEST_PIECE = 8
"""Cars below which a piece is usually not worth handing over."""
LONGEST_START_S = 0.01
"""How long to wait for another worker to begin before doing something else meanwhile."""


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
        work: Callable[[int, int], None],
        count: int,
        *,
        smallest: int = SMALLEST_PIECE,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        """Call `work(first, last)` on pieces that together cover 0..count, and wait for all of them.

        Args:
            work: does a piece.
            count: of all there is to do.
            smallest: piece that is worth handing over.
            meanwhile: what this thread had better do while others work, before it joins them; left out where
                nobody else works, as it would gain no time.
        """
        edges = piece_edges(count, self.threads, smallest)
        if len(edges) == 2 or self._pool is None:
            work(0, count)
            return
        # `next` of a counter is one step of the interpreter: no two threads get the same piece.
        pieces = itertools.count()

        def take() -> None:
            while (piece := next(pieces)) < len(edges) - 1:
                work(edges[piece], edges[piece + 1])

        one_is_there = threading.Event()

        def join_in() -> None:
            one_is_there.set()
            take()

        others = [self._pool.submit(join_in) for _ in range(min(self.threads, len(edges) - 1) - 1)]
        try:
            if meanwhile is not None:
                # Who holds the interpreter keeps the others from even entering the compiled loop.
                one_is_there.wait(LONGEST_START_S)
                meanwhile()
            take()
        finally:
            # Who has not begun by now finds nothing left to do: a busy core keeps nobody waiting.
            begun = [other for other in others if not other.cancel()]
            wait(begun)
        for other in begun:
            other.result()


def piece_edges(count: int, workers: int, smallest: int) -> list[int]:
    """Return where pieces begin and end, from 0 to `count`; each is half of a worker's share of the rest."""
    edges = [0]
    while edges[-1] < count:
        rest = count - edges[-1]
        size = max(smallest, rest // (2 * workers))
        edges.append(count if workers == 1 or rest < 2 * smallest else edges[-1] + size)
    return edges if count else [0, 0]
