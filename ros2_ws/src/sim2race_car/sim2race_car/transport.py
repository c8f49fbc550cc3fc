"""How messages travel: by UDP and never through shared memory, which one process can spoil for the others.

With its transports of shared memory Fast DDS sleeps for a third of a second, and holds what sending needs
meanwhile, when it finds the port of a participant that has just come or has been killed: a console that was
opened while the car drove stopped it now and then, and so did one that was killed. After some dozens of
`kill -9` a new node got no picture at all.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path

LOCAL = "LOCALHOST"
RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
LOCAL_ONLY = "ROS_LOCALHOST_ONLY"
"""What ROS 2 Humble has in the place of the range; later ones still obey it."""
FAST_DDS = "rmw_fastrtps"
CHOSEN = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""Where Fast DDS 2, and 3, look for profiles."""
BUILT_IN = "FASTDDS_BUILTIN_TRANSPORTS"
PROFILES = Path(__file__).with_name("transports")


def leave_shared_memory(environment: MutableMapping[str, str]) -> None:
    """Choose UDP for Fast DDS, here and in every process that inherits the environment.

    What its owner has chosen stays: another middleware, other profiles or built-in transports. Who speaks to
    this computer only goes on doing so; as ROS 2's own way to that always adds shared memory, the profile
    does it instead.

    Args:
        environment: is changed; this must come before `rclpy.init`.
    """
    middleware = environment.get("RMW_IMPLEMENTATION") or FAST_DDS
    if not middleware.startswith(FAST_DDS) or any(environment.get(name) for name in (*CHOSEN, BUILT_IN)):
        return
    local = environment.get(RANGE, "").upper() == LOCAL or environment.get(LOCAL_ONLY) == "1"
    if local:
        environment[RANGE] = "SYSTEM_DEFAULT"
        if LOCAL_ONLY in environment:  # Later versions warn of it wherever it is.
            environment[LOCAL_ONLY] = "0"
    for name in CHOSEN:
        environment[name] = str(PROFILES / ("loopback.xml" if local else "udp.xml"))
