"""Every row of the topic table pairs with reliable and best-effort peers as the table's page says."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from car.topics import READINESS, TOPICS, Durability, Reliability, Topic
from sim2race_car import ros
from tests.ros2_ws.conftest import Graph
from tests.ros2_ws.qos_peer import HEARD, QUALITIES, inward, outward

DEADLINE_S = 60.0
"""A peer with dozens of endpoints takes its time on a busy machine."""


@pytest.fixture
def peer(graph: Graph) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.ros2_ws.qos_peer"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "ROS_DOMAIN_ID": str(graph.context.get_domain_id())},
    )
    yield
    process.terminate()
    process.wait(30.0)


def expected_from(row: Topic, quality: Reliability) -> bool:
    """Say whether our subscriber to a row hears a peer's publisher."""
    return row.reliability is Reliability.BEST_EFFORT or quality is Reliability.RELIABLE


def expected_to(row: Topic, quality: Reliability) -> bool:
    """Say whether a peer's subscriber hears our publisher of a row."""
    return row.reliability is Reliability.RELIABLE or quality is Reliability.BEST_EFFORT


def test_what_the_table_says_pairs_and_nothing_else(graph: Graph, peer: None) -> None:
    rows = [(row, quality) for row in TOPICS.values() for quality in QUALITIES]
    heard: set[str] = set()
    names = graph.listen(HEARD)
    publishers: dict[str, Any] = {}
    subscriptions: dict[str, Any] = {}

    def hear(name: str, message: Any) -> None:
        heard.add(name)

    for row, quality in rows:
        there, here = outward(row, quality), inward(row, quality)
        publishers[there.name] = ros.publish(graph.tester, there)
        subscriptions[here.name] = ros.subscribe(graph.tester, here, functools.partial(hear, here.name))
    to_peer = {outward(row, quality).name for row, quality in rows if expected_to(row, quality)}
    from_peer = {inward(row, quality).name for row, quality in rows if expected_from(row, quality)}
    assert 0 < len(to_peer) < len(rows) and 0 < len(from_peer) < len(rows)

    def pairs() -> bool:
        for publisher, kind in ((publishers[name], name) for name in to_peer):
            publisher.publish(ros.interface(TOPICS[kind.rpartition("/")[0]].type_name)())
        return to_peer <= {name.data for name in names} and from_peer <= heard

    graph.until(pairs, DEADLINE_S)
    # Those that must not pair know of each other, too, and still do not.
    graph.until(lambda: all(graph.tester.count_subscribers(name) == 1 for name in publishers), DEADLINE_S)
    graph.until(lambda: all(graph.tester.count_publishers(name) == 1 for name in subscriptions), DEADLINE_S)
    graph.turn(1.0)
    assert {name for name, end in publishers.items() if end.get_subscription_count()} == to_peer
    assert {name for name, end in subscriptions.items() if end.get_publisher_count()} == from_peer
    assert heard == from_peer


def test_a_latched_row_hears_only_publishers_who_latch(graph: Graph) -> None:
    heard = ros.subscribe(graph.tester, READINESS, lambda message: None)
    other = ros.publish(graph.tester, replace(READINESS, durability=Durability.VOLATILE))
    graph.turn(0.5)
    assert (heard.get_publisher_count(), other.get_subscription_count()) == (0, 0)
    ros.publish(graph.tester, READINESS)
    graph.until(lambda: heard.get_publisher_count() == 1)
