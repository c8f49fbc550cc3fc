"""Threads that share a batch: each takes a piece of it and runs a compiled loop that holds no lock.

Plain Python threads instead of numba's own: they sleep when idle (numba's OpenMP layer spins at its
barrier, which slows everything else on a small machine and the learner's threads most), they compile
faster, and a batch of one costs nothing extra.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

SMALLEST_PIECE = 8
"""Cars below which a piece is not worth handing over."""


class Crew:
    """A fixed number of workers, this thread included.

    Args:
        threads: number of workers; all cores that this process may use if 0.
    """

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads if threads > 0 else len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

    def share(self, work: Callable[[int, int], None], count: int) -> None:
        """Call `work(first, last)` on pieces that together cover 0..count, and wait for all of them."""
        pieces = min(self.threads, max(1, count // SMALLEST_PIECE))
        if pieces == 1 or self._pool is None:
            work(0, count)
            return
        edges = [count * piece // pieces for piece in range(pieces + 1)]
        others = [self._pool.submit(work, edges[piece], edges[piece + 1]) for piece in range(1, pieces)]
        work(edges[0], edges[1])
        for other in others:
            other.result()
