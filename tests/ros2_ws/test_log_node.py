"""The log node: what is on the wire is in the log, and a stop leaves a whole log behind."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from sim2race_msgs.msg import DriveReport

from car.errors import Sim2RaceError
from car.log_reader import read_log
from car.topics import DRIVE_REPORT, RL_RESULTS, RUN_INFO, STOP_LOGGING
from sim2race_car import ros
from sim2race_car.log_node import LogNode
from tests.car.policies import save_policy
from tests.ros2_ws.conftest import Graph
from tests.ros2_ws.test_drive_node import decision


def drive_report(captured_ns: int, state: str = "driving") -> DriveReport:
    report = DriveReport(source_stamp=ros.time_from_ns(captured_ns), state=state, motor_pulse_ns=1_400_000)
    report.header.stamp = ros.time_from_ns(captured_ns + 7_000_000)
    return report


def start(graph: Graph, folder: Path) -> LogNode:
    policy = save_policy(folder / "policy.onnx")
    return graph.add(LogNode, policy=str(policy), output_path=str(folder / "logs"), track="trapezoid", seed=5)


def test_what_was_on_the_wire_is_in_the_log(graph: Graph, tmp_path: Path) -> None:
    node = start(graph, tmp_path)
    results, reports = graph.publish(RL_RESULTS), graph.publish(DRIVE_REPORT)
    stamps = [time.time_ns() + i * 1_000_000 for i in range(5)]
    for stamp_ns in stamps:
        results.publish(decision(3, captured_ns=stamp_ns))
        reports.publish(drive_report(stamp_ns))
        graph.turn(0.05)
    graph.remove(node)
    (path,) = (tmp_path / "logs").iterdir()
    log = read_log(path)
    assert log.damage is None
    assert log.frames.stamp_ns.tolist() == stamps
    assert set(log.frames.action.tolist()) == {3}
    assert (log.frames.written_ns - log.frames.stamp_ns).tolist() == [7_000_000] * 5
    assert (log.run["name"], log.run["track"], log.run["seed"]) == ("tiny", "trapezoid", 5)
    assert log.policy_path is not None


def test_it_tells_where_the_log_is_to_everybody_who_comes_late(graph: Graph, tmp_path: Path) -> None:
    start(graph, tmp_path)
    graph.turn(0.2)
    heard = graph.listen(RUN_INFO)
    graph.until(lambda: heard)
    assert Path(json.loads(heard[0].data)["log"]).parent == tmp_path / "logs"


def test_a_stopped_log_is_whole_and_the_next_begins_when_armed(graph: Graph, tmp_path: Path) -> None:
    start(graph, tmp_path)
    reports = graph.publish(DRIVE_REPORT)
    stopped = graph.call(STOP_LOGGING)
    assert stopped.success
    assert (Path(stopped.message) / "metadata.yaml").exists()
    again = graph.call(STOP_LOGGING)
    assert not again.success
    assert "no log is open" in again.message
    reports.publish(drive_report(time.time_ns(), "disarmed"))
    graph.turn(0.2)
    assert len(list((tmp_path / "logs").iterdir())) == 1
    reports.publish(drive_report(time.time_ns(), "armed"))
    graph.until(lambda: len(list((tmp_path / "logs").iterdir())) == 2)


def test_a_folder_that_cannot_be_written_is_refused(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file in the way")
    with pytest.raises(Sim2RaceError, match="Cannot write a log"):
        start(graph, tmp_path)
