"""Getting the processor when it is needed: what stops the car must not wait for what does not.

A real-time priority needs a right that the service grants (`LimitRTPRIO`). Where there is none, a better
place in the ordinary queue is asked for, and where that is refused too, the process goes on as it is.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

CAMERA_LEVEL = 10
"""Camera and inference: late frames stop the car, but stopping it goes first."""
DRIVE_LEVEL = 20
GUARD_LEVEL = 30
"""Above the drive's: a driving process that spins must not keep its guard from stopping the car."""
NICE = -15
_MCL_CURRENT_AND_FUTURE = 3


def raise_priority(level: int) -> str:
    """Give this thread, and those that it will start, the best priority that the system allows.

    Args:
        level: real-time priority, 1 to 99; other systems' threads that serve hardware have 50.

    Returns:
        What was reached, in words.
    """
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(level))
        return f"real-time priority {level}"
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        return f"nice {NICE}"
    return "ordinary priority"


def lock_memory() -> bool:
    """Keep this process's memory from being paged out, and say whether the system allows it."""
    return bool(ctypes.CDLL(None).mlockall(_MCL_CURRENT_AND_FUTURE) == 0)
