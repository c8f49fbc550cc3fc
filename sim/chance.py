"""Random numbers of a step as a function of (episode, step): no state, so no order of asking matters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniform(
    keys: npt.NDArray[np.uint64], steps: npt.NDArray[np.int64], purpose: int
) -> npt.NDArray[np.float64]:
    """Return one number in 0..1 per car.

    The mixing is splitmix64 (Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014).

    Args:
        keys: (N,), of each car's episode.
        steps: (N,), of each car's episode.
        purpose: tells different uses of the same step apart.
    """
    with np.errstate(over="ignore"):
        mixed = keys + (steps.astype(np.uint64) * np.uint64(64) + np.uint64(purpose + 1)) * _GOLDEN
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    share: npt.NDArray[np.float64] = (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
    return share
