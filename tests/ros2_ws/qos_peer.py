"""Another process with a reliable and a best-effort peer for every row of the topic table.

Each row has names of its own for each direction and quality. What the peer hears it names on `HEARD`; what it
is heard with it sends over and over.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

from rclpy.node import Node

from car.topics import RUN_INFO, TOPICS, Durability, Reliability, Topic
from sim2race_car import ros

QUALITIES = (Reliability.RELIABLE, Reliability.BEST_EFFORT)
HEARD = replace(RUN_INFO, name="/qos_peer/heard", durability=Durability.VOLATILE, depth=1000)
SEND_EVERY_S = 0.2


def outward(row: Topic, quality: Reliability) -> Topic:
    """Return where we publish for the peer's subscriber of a quality."""
    return replace(row, name=f"{row.name}/to_{quality.value}")


def inward(row: Topic, quality: Reliability) -> Topic:
    """Return where the peer publishes with a quality for our subscriber."""
    return replace(row, name=f"{row.name}/from_{quality.value}")


def make_peer() -> Node:
    """Return a node that listens and speaks with both qualities on every row."""
    peer = Node("qos_peer")
    heard = ros.publish(peer, HEARD)
    speaking: list[tuple[Any, Any]] = []

    def tell(name: str, message: Any) -> None:
        heard.publish(ros.interface(HEARD.type_name)(data=name))

    def speak() -> None:
        for publisher, message in speaking:
            publisher.publish(message)

    for row in TOPICS.values():
        for quality in QUALITIES:
            # Volatile, as nearly everybody subscribes; a latched row serves those, too.
            there = replace(
                outward(row, quality), reliability=quality, durability=Durability.VOLATILE, depth=10
            )
            ros.subscribe(peer, there, functools.partial(tell, there.name))
            here = replace(inward(row, quality), reliability=quality)
            speaking.append((ros.publish(peer, here), ros.interface(row.type_name)()))
    peer.create_timer(SEND_EVERY_S, speak)
    return peer


if __name__ == "__main__":
    ros.run(make_peer)
