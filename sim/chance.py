"""Random numbers of a step as a function of (episode, step): no state, so no order of asking matters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_EXACT = 1.0 / (1 << 53)


@njit(cache=True)
def uniform(key: Any, step: int, purpose: int) -> float:
    """Return one number in 0..1.

    The mixing is splitmix64 (Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014).

    Args:
        key: uint64, of a car's episode.
        step: of that episode.
        purpose: tells different uses of the same step apart.
    """
    mixed = key + np.uint64(step * 64 + purpose + 1) * _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    mixed ^= mixed >> np.uint64(31)
    return np.float64(mixed >> np.uint64(11)) * _EXACT
