"""What was measured on a physical car, as tables to hold the `real-car` preset to.

Optical tracking at 120 Hz of a physical DeepRacer on a flat, hard floor, 2021. The radius is that of the
marker body's centre on constant-steer circles at 0.55 to 0.9 m/s; speeds were read at the end of straight
runs of 4 to 5.5 m from rest and were still rising, so they are lower bounds.
"""

from __future__ import annotations

STEERING_PERCENT = (-100, -75, -50, -25, 25, 50, 75, 100)
RADIUS_M = (0.593, 0.637, 0.780, 1.348, 2.372, 1.155, 0.761, 0.619)
CIRCLE_SPEED_MPS = 0.7

THROTTLE_PERCENT = (45, 50, 55, 60, 65, 70, 75, 80, 85, 95, 100)
TOP_SPEED_NEW_MPS = (0.90, 1.15, 1.61, 1.85, 2.04, 2.32)
"""With a new battery, up to 70 %."""
TOP_SPEED_OLD_MPS = (0.87, 1.11, 1.57, 1.74, 1.96, 2.40, 2.58, 2.71, 3.11, 3.45, 3.61)
"""With an old battery."""
RUN_M = 5.0
TIME_TO_63_PERCENT_S = (0.7, 1.0)
"""From rest to 63 % of the speed reached."""
