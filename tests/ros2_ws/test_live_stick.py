"""A page's stick on its way to the drive: repeated while it is held, and no longer."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from car.topics import MANUAL_DRIVE
from sim2race_car import ros
from sim2race_car.live_stick import HELD_S, LiveStick
from tests.ros2_ws.conftest import Graph


@pytest.fixture
def stick(graph: Graph) -> Iterator[LiveStick]:
    made = LiveStick(graph.tester)
    yield made
    made.close()


def take(graph: Graph, stick: LiveStick) -> list[Any]:
    """Let the stick begin, and return what is heard of it."""
    heard: list[Any] = []
    ros.subscribe(graph.tester, MANUAL_DRIVE, heard.append)
    thread = threading.Thread(target=stick.take)
    thread.start()
    graph.until(lambda: not thread.is_alive())
    assert heard, "a publisher that has just begun makes itself known"
    heard.clear()
    return heard


def test_a_stick_is_repeated_with_stamps_of_now_until_the_page_is_silent_for_too_long(
    graph: Graph, stick: LiveStick
) -> None:
    heard = take(graph, stick)
    stick.hold(0.5, -0.25)
    graph.until(lambda: len(heard) >= 4)
    # It ends: nothing comes for as long as a page may be silent.
    for _ in range(50):
        seen = len(heard)
        graph.turn(HELD_S)
        if seen == len(heard):
            break
    else:
        pytest.fail("a silent page's stick is repeated for ever")
    assert {(message.angle, message.throttle) for message in heard} == {(0.5, -0.25)}
    stamps = [ros.ns_from_time(message.source_stamp) for message in heard]
    assert stamps == sorted(set(stamps))


def test_a_person_who_leaves_leaves_the_topic_to_others(graph: Graph, stick: LiveStick) -> None:
    heard = take(graph, stick)
    stick.hold(0.0, 0.3)
    graph.until(functools.partial(len, heard))
    stick.leave()
    graph.until(lambda: graph.tester.count_publishers(MANUAL_DRIVE.name) == 0)
    stick.hold(0.0, 0.3)
    graph.turn(0.1)
    assert graph.tester.count_publishers(MANUAL_DRIVE.name) == 0
    heard = take(graph, stick)
    graph.turn(0.2)
    assert heard == [], "nobody holds it yet"
