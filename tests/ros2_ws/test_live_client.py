"""The console's hand on the graph: what it hears, and what it asks of the drive."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
from deepracer_interfaces_pkg.msg import InferResults, InferResultsArray
from sensor_msgs.msg import CompressedImage
from sim2race_msgs.msg import DriveReport, TrackPosition
from std_msgs.msg import String

from analysis.console.dead_man import Beat
from analysis.console.live import Live
from analysis.console.live_feed import LiveFeed
from analysis.console.live_record import LiveRecord
from car.errors import Sim2RaceError
from car.topics import (
    CAMERA,
    DRIVE_REPORT,
    ENABLE_STATE,
    MANUAL_DRIVE,
    MAX_SPEED,
    RL_RESULTS,
    RUN_INFO,
    TRACK_POSITION,
    VEHICLE_STATE,
)
from sim2race_car import ros
from sim2race_car.live_client import LiveClient
from tests.ros2_ws.conftest import Graph


class Heard:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.decisions: list[tuple[bytes, int, list[float], int]] = []
        self.numbers: list[int] = []
        self.runs: list[dict[str, Any]] = []
        self.reports: list[tuple[str, dict[str, Any]]] = []

    def on_decision(self, jpeg: bytes, captured_ns: int, outputs: list[float], number: int) -> None:
        self.decisions.append((jpeg, captured_ns, outputs, number))

    def on_camera(self, jpeg: bytes, captured_ns: int, number: int) -> None:
        self.numbers.append(number)

    def on_report(self, name: str, content: dict[str, Any]) -> None:
        self.reports.append((name, content))

    def on_run(self, run: dict[str, Any]) -> None:
        self.runs.append(run)


def test_the_console_hears_decisions_with_their_frames_and_what_drives(graph: Graph) -> None:
    heard = Heard()
    with LiveClient(heard, graph.context.get_domain_id()):
        results, info = graph.publish(RL_RESULTS), graph.publish(RUN_INFO)
        image = CompressedImage(data=b"jpeg")
        image.header.stamp, image.header.frame_id = ros.time_from_ns(1_500_000_007), "42"
        results.publish(InferResultsArray(results=[InferResults(class_prob=0.25)], images=[image]))
        info.publish(String(data="no JSON"))
        graph.until(lambda: heard.decisions)
        info.publish(String(data=json.dumps({"name": "tiny"})))
        graph.until(lambda: heard.runs)

    assert heard.decisions[0] == (b"jpeg", 1_500_000_007, [0.25], 42)
    assert heard.runs == [{"name": "tiny"}]


def test_a_camera_that_does_not_count_has_no_number(graph: Graph) -> None:
    heard = Heard()
    with LiveClient(heard, graph.context.get_domain_id()):
        pictures = graph.publish(CAMERA)
        for name, number in (("7", 7), ("camera_link", -1), ("-3", -1), ("8", 8), ("9" * 40, -1)):
            image = CompressedImage(data=b"jpeg")
            image.header.frame_id = name

            def comes(image: CompressedImage = image, number: int = number) -> bool:
                pictures.publish(image)  # Again and again: until they know each other, none arrives.
                return heard.numbers[-1:] == [number]

            graph.until(comes)


def test_reports_carry_when_they_are_of_and_which_frame_they_are_about(graph: Graph) -> None:
    heard = Heard()
    drive = DriveReport(state="driving", steering_rad=0.25, speed_mps=1.5)
    drive.header.stamp, drive.source_stamp = ros.time_from_ns(1_512_000_000), ros.time_from_ns(1_500_000_000)
    place = TrackPosition(progress_percent=41.5, laps=2, off_track=True)
    place.header.stamp = ros.time_from_ns(1_600_000_000)
    with LiveClient(heard, graph.context.get_domain_id()):
        graph.publish(DRIVE_REPORT).publish(drive)
        graph.publish(TRACK_POSITION).publish(place)
        graph.until(lambda: len(heard.reports) == 2)
    reports = dict(heard.reports)

    assert (reports["drive"]["stamp_ns"], reports["drive"]["source_ns"]) == (1_512_000_000, 1_500_000_000)
    assert reports["drive"]["latency_ms"] == 12.0
    assert (reports["place"]["stamp_ns"], reports["place"]["laps"]) == (1_600_000_000, 2)
    record = LiveRecord()
    for name, content in heard.reports:
        record.add_report(name, content)
    assert {event.kind for event in record.events} == {"driving", "lap", "off_track"}


def asked(graph: Graph, question: Callable[[], str]) -> str:
    """Ask from another thread, as the console does, while the graph turns."""
    answer: list[str] = []
    thread = threading.Thread(target=lambda: answer.append(question()))
    thread.start()
    graph.until(lambda: not thread.is_alive())
    return answer[0]


def test_a_console_whose_guard_has_ended_does_not_arm(graph: Graph) -> None:
    told: list[bool] = []

    def enable(request: Any, response: Any) -> Any:
        told.append(request.is_active)
        return response

    ros.serve(graph.tester, ENABLE_STATE, enable)
    with LiveClient(Heard(), graph.context.get_domain_id()) as client:
        (guard,) = (
            child for child in psutil.Process().children() if "sim2race_car.live_guard" in child.cmdline()
        )
        guard.kill()
        graph.until(lambda: guard.status() == psutil.STATUS_ZOMBIE)
        assert "guard process has ended" in client.arm()
    assert told == []


def test_a_drive_that_stops_by_itself_ends_the_hold_in_the_console_and_in_the_guard(graph: Graph) -> None:
    told: list[bool] = []

    def enable(request: Any, response: Any) -> Any:
        told.append(request.is_active)
        return response

    ros.serve(graph.tester, ENABLE_STATE, enable)
    ros.serve(graph.tester, VEHICLE_STATE, lambda _, response: response)
    feed = LiveFeed()
    with LiveClient(feed, graph.context.get_domain_id()) as client:
        live = Live(feed, client)
        reports = graph.publish(DRIVE_REPORT)
        reports.publish(DriveReport(state="driving"))
        graph.until(lambda: "drive" in feed.facts)
        assert asked(graph, lambda: hold_until_refused(live, 0.2)) == "still held"
        assert client._guard._held.is_set() and told == [True]
        reports.publish(DriveReport(state="stopped", reason="no picture"))
        words = asked(graph, lambda: hold_until_refused(live, 10.0))
        graph.until(lambda: not client._guard._held.is_set())
        live.close()

    assert "the car stopped: no picture. Let go and press again." in words
    assert told == [True, False]


def hold_until_refused(live: Live, most_s: float) -> str:
    """Beat as a page does; return why no more."""
    end_s = time.monotonic() + most_s
    while time.monotonic() < end_s:
        try:
            live.dead_man.beat(Beat("one press"))
        except Sim2RaceError as error:
            return str(error)
        time.sleep(0.02)
    return "still held"


def test_what_the_console_asks_of_the_drive_and_what_it_makes_of_the_answer(graph: Graph) -> None:
    told: list[Any] = []

    def answered(error: int) -> Callable[[Any, Any], Any]:
        def callback(request: Any, response: Any) -> Any:
            told.append(request)
            response.error = error
            return response

        return callback

    with LiveClient(Heard(), graph.context.get_domain_id()) as client:
        assert client.arm() == "the drive node is not there"
        ros.serve(graph.tester, ENABLE_STATE, answered(0))
        ros.serve(graph.tester, VEHICLE_STATE, answered(0))
        ros.serve(graph.tester, MAX_SPEED, answered(1))
        sticks: list[Any] = []
        ros.subscribe(graph.tester, MANUAL_DRIVE, sticks.append)
        graph.turn(1.0)

        assert asked(graph, client.arm) == "" and told[-1].is_active
        assert asked(graph, client.disarm) == "" and not told[-1].is_active
        assert asked(graph, lambda: client.set_max_speed(0.5)) == "the drive node refuses"
        client.steer(1.0, 1.0)
        assert asked(graph, lambda: client.set_manual(True)) == "" and told[-1].state == 0
        at_rest = list(sticks)
        client.steer(0.5, -0.25)
        graph.until(lambda: sticks and sticks[-1].angle == 0.5)
        age_s = time.time() - ros.ns_from_time(sticks[-1].source_stamp) / 1e9
        assert asked(graph, lambda: client.set_manual(False)) == "" and told[-1].state == 1
        graph.until(lambda: graph.tester.count_publishers(MANUAL_DRIVE.name) == 0)

    assert at_rest and {(stick.angle, stick.throttle) for stick in at_rest} == {(0.0, 0.0)}
    assert sticks[-1].throttle == -0.25 and age_s < 5
