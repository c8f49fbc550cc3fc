"""What a row of the tables of topics and services says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Reliability(Enum):
    """Whether a lost message is sent again."""

    RELIABLE = "reliable"
    BEST_EFFORT = "best_effort"


class Durability(Enum):
    """Whether somebody who comes late gets the last messages."""

    VOLATILE = "volatile"
    TRANSIENT_LOCAL = "transient_local"


@dataclass(frozen=True)
class Topic:
    """One row of the table."""

    name: str
    type_name: str
    """ROS type, as in `std_msgs/msg/String`."""
    publisher: str
    """Which nodes publish it."""
    subscribers: str
    """Which nodes of ours subscribe to it."""
    meaning: str
    reliability: Reliability = Reliability.RELIABLE
    durability: Durability = Durability.VOLATILE
    depth: int = 1
    logged: bool = True
    """Whether the log node writes it; not so where another logged topic holds the same."""


@dataclass(frozen=True)
class Service:
    """One service of the node graph."""

    name: str
    type_name: str
    server: str
    meaning: str
