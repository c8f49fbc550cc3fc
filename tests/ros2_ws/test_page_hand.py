"""The bench's hand on the live page, on a pretended car."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from analysis.console.config import ConsoleConfig
from analysis.console.live import Live
from analysis.console.live_feed import LiveFeed
from analysis.console.server import ConsoleServer
from sim2race_car.page_hand import PageHand
from tests.analysis.console.live_car import PretendedCar

DEADLINE_S = 30.0
STOPPED = {
    "state": "stopped", "reason": "no picture", "steering_rad": 0.0, "speed_mps": 0.0, "latency_ms": None,
    "dropped": 0, "stamp_ns": 1, "source_ns": 0,
}  # fmt: skip


def until(is_done: Callable[[], bool]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not is_done():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def test_a_hand_whose_car_has_stopped_by_itself_lets_go_until_it_is_to_hold_again(tmp_path: Path) -> None:
    car, feed, output = PretendedCar(), LiveFeed(), tmp_path / "console.txt"
    graph = Live(feed, car, silence_s=5.0)
    with ConsoleServer(ConsoleConfig(logs=tmp_path, port=0), live_graph=graph) as server:
        output.write_text(f"The console is at {server.url('/live')}\n")
        with PageHand(output) as hand:
            hand.hold()
            until(lambda: car.state == "driving")
            feed.on_report("drive", STOPPED)
            until(lambda: "no picture" in hand.problem)
            time.sleep(0.5)  # A hand that presses by itself would have done so.
            assert (car.state, car.told.count("arm")) == ("ready", 1)
            hand.hold()
            until(lambda: car.told.count("arm") == 2)
