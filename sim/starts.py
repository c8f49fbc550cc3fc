"""Where and how an episode begins: anywhere, on the start line, or one twentieth of a lap further each time.

Some episodes can begin in a tight spot instead: near an edge and headed wrong, from where a car that only
ever saw good driving has never learned to come back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sim.simulator import SimConfig

ROUND_ROBIN_SHARE = 0.05
"""How much of a lap further the next round-robin episode begins (reference)."""
TIGHT_SPOT_HEADING_RAD = math.radians(35.0)
"""Largest heading error in a tight spot."""
TIGHT_SPOT_LATERAL = (0.6, 0.95)
"""Offset in a tight spot, as a share of the half width."""
TIGHT_SPOT_SPEED_MPS = 0.8
"""Largest speed in a tight spot."""


@dataclass(frozen=True)
class Start:
    """How an episode begins."""

    lap_share: float = 0.0
    """Place along the centre line, 0 to 1."""
    lateral_share: float = 0.0
    """Offset to the left, as a share of the half width."""
    heading_rad: float = 0.0
    """Heading error."""
    speed_mps: float = 0.0


def draw_start(config: SimConfig, generator: np.random.Generator, *, turn: int) -> Start:
    """Return how an episode begins.

    Args:
        config: says how starts are chosen.
        generator: the episode's own.
        turn: how many episodes have begun on this route before, counted over all cars.
    """
    if config.start == "line":
        return Start()
    start = Start(lap_share=ROUND_ROBIN_SHARE * turn % 1.0)
    if config.start == "anywhere":
        start = Start(
            lap_share=generator.uniform(),
            lateral_share=generator.uniform(-1.0, 1.0) * config.start_lateral_share,
            heading_rad=generator.uniform(-1.0, 1.0) * config.start_heading_rad,
            speed_mps=generator.uniform(0.0, config.start_speed_mps),
        )
    # Without tight spots nothing is drawn for them, so that episodes stay what they were.
    if config.tight_spot_share > 0.0 and generator.uniform() < config.tight_spot_share:
        start = Start(
            lap_share=start.lap_share,
            lateral_share=generator.choice((-1.0, 1.0)) * generator.uniform(*TIGHT_SPOT_LATERAL),
            heading_rad=generator.uniform(-1.0, 1.0) * TIGHT_SPOT_HEADING_RAD,
            speed_mps=generator.uniform(0.0, TIGHT_SPOT_SPEED_MPS),
        )
    return start
