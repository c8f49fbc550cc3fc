"""Compile all that a simulator needs into numba's cache: `python -m sim.compile_all`.

Done by `sim.compiled.compile_ahead` where it is missing.
"""

from __future__ import annotations

import numpy as np

from sim.driving import DrivingBatch
from sim.simulator import SimConfig


def main() -> None:
    """Drive a car with everything on."""
    batch = DrivingBatch(SimConfig(threads=1), n_cars=1, seed=0, truth=True)
    batch.step(np.zeros(1, np.int64))
    batch.restart(np.zeros(1, np.int64))
    batch.simulator.reward_params()
    batch.simulator.step(np.zeros((1, 2)))
    batch.simulator.look_rgb()


if __name__ == "__main__":
    main()
