"""The world: tracks, vehicle dynamics, camera, scenery, renderer and the Gymnasium environments.

Everything steps in batches: arrays over cars, no Python loop over cars or pixels in a step. Not here:
learning (training/), and anything that a car needs while it drives (car/).
"""

from __future__ import annotations

import math

import gymnasium

from car.action_space import ContinuousActionSpace
from sim.compiled import use_own_cache

# Before any compiled function is defined.
use_own_cache()

gymnasium.register(
    id="sim2race/DeepRacer-v0",
    entry_point="sim.env:DeepRacerEnv",
    vector_entry_point="sim.vector_env:DeepRacerVectorEnv",
)
gymnasium.register(
    id="sim2race/DeepRacerContinuous-v0",
    entry_point="sim.env:DeepRacerEnv",
    vector_entry_point="sim.vector_env:DeepRacerVectorEnv",
    kwargs={
        "actions": ContinuousActionSpace(
            steering_low_rad=-math.radians(20.0),
            steering_high_rad=math.radians(20.0),
            speed_low_mps=0.8,
            speed_high_mps=1.3,
        )
    },
)
