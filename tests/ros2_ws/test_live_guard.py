"""The car stops when the console that lets somebody hold it is gone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from std_msgs.msg import String

from car.topics import ENABLE_STATE, STOP
from sim2race_car import ros
from sim2race_car.live_guard import FROZEN, GONE, HELD, RELEASED, watch
from tests.ros2_ws.conftest import Graph


class Watched:
    """A watch in a thread, and the end of the pipe that a console would hold."""

    def __init__(self) -> None:
        source, self.pipe = os.pipe()
        self.stops: list[str] = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=watch, args=(source, self._stop, 0.15))
        self.thread.start()

    def _stop(self, reason: str) -> None:
        self.stops.append(reason)
        self.stopped.set()


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.thread.join(5)
    assert not watched.thread.is_alive()


def test_a_console_that_ends_while_somebody_holds_stops_the_car_once(watched: Watched) -> None:
    os.write(watched.pipe, HELD)
    os.close(watched.pipe)
    watched.thread.join(5)

    assert watched.stops == [GONE]


def test_a_console_that_freezes_while_somebody_holds_stops_the_car_once(watched: Watched) -> None:
    os.write(watched.pipe, RELEASED + HELD)
    assert watched.stopped.wait(5)
    watched.stopped.clear()

    assert not watched.stopped.wait(0.4), "what is stopped is not stopped again and again"
    os.close(watched.pipe)
    assert watched.stops == [FROZEN]


def test_a_console_that_ends_while_nobody_holds_stops_nothing(watched: Watched) -> None:
    os.write(watched.pipe, HELD + RELEASED)
    assert not watched.stopped.wait(0.4)
    os.close(watched.pipe)
    watched.thread.join(5)

    assert watched.stops == []


def test_the_guard_stops_the_drive_of_its_graph_and_says_why(graph: Graph) -> None:
    told: list[bool] = []
    reasons: list[String] = []
    ros.subscribe(graph.tester, STOP, reasons.append)

    def enable(request: Any, response: Any) -> Any:
        told.append(request.is_active)
        return response

    ros.serve(graph.tester, ENABLE_STATE, enable)
    guard = subprocess.Popen(
        [sys.executable, "-m", "sim2race_car.live_guard"],
        stdin=subprocess.PIPE,
        env={**os.environ, "ROS_DOMAIN_ID": str(graph.context.get_domain_id())},
    )
    assert guard.stdin is not None
    graph.until(lambda: graph.tester.count_publishers(STOP.name) > 0, 30.0)
    graph.turn(1.0)
    guard.stdin.write(HELD)
    guard.stdin.close()
    graph.until(lambda: told, 30.0)
    graph.until(lambda: guard.poll() is not None, 30.0)

    assert [reason.data for reason in reasons] == [GONE]
    assert told[0] is False and guard.returncode == 0
