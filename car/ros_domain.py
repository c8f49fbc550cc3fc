"""A ROS 2 domain of one's own: two runs on one machine must not steer each other's cars."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from car.errors import Sim2RaceError

DOMAINS = range(1, 101)
"""Linux keeps the ports of these free of its own."""


@contextmanager
def own_domain() -> Iterator[int]:
    """Hold a domain number that no other run on this machine holds.

    `ROS_DOMAIN_ID` in the environment is taken as it is, because its owner wants to look in.

    Raises:
        Sim2RaceError: all are taken, or `ROS_DOMAIN_ID` is not a number.
    """
    chosen = os.environ.get("ROS_DOMAIN_ID", "")
    if chosen:
        if not chosen.isdigit():
            raise Sim2RaceError(f"ROS_DOMAIN_ID is {chosen!r}; expected a number from 0 to 101.")
        yield int(chosen)
        return
    # A name in the abstract namespace belongs to one socket, leaves no file, and ends with its owner.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        for domain in random.sample(DOMAINS, len(DOMAINS)):
            if _bind(claim, f"\0sim2race-ros-domain-{domain}"):
                yield domain
                return
    raise Sim2RaceError("Every ROS 2 domain from 1 to 100 is in use by another run on this machine.")


def _bind(claim: socket.socket, name: str) -> bool:
    try:
        claim.bind(name)
    except OSError:
        return False
    return True
