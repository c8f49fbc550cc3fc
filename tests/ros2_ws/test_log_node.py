"""The log node: what is on the wire is in the log, and a stop leaves a whole log behind."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

import pytest
from sim2race_msgs.msg import DriveReport
from std_msgs.msg import String

from car.log_end import end_was_asked_for
from car.log_reader import read_log
from car.topics import CAMERA_ABOUT, DRIVE_REPORT, MODEL_ARTIFACT, RL_RESULTS, RUN_INFO, STOP_LOGGING
from sim2race_car import ros
from sim2race_car.log_node import LogNode
from tests.car.policies import make_metadata, save_policy
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
    assert end_was_asked_for(log.run) and log.events[-1].text == "ended in order"


def test_a_log_node_that_fails_says_so_in_its_log(graph: Graph, tmp_path: Path) -> None:
    node = start(graph, tmp_path)
    with pytest.raises(ValueError, match="a fault"):
        try:
            raise ValueError("a fault")
        finally:
            graph.remove(node)
    (path,) = (tmp_path / "logs").iterdir()
    run = json.loads((path / "run.json").read_text())
    assert not end_was_asked_for(run) and "a fault" in run["end"]["reason"]


def test_it_tells_where_the_log_is_to_everybody_who_comes_late(graph: Graph, tmp_path: Path) -> None:
    start(graph, tmp_path)
    graph.turn(0.2)
    heard = graph.listen(RUN_INFO)
    graph.until(lambda: heard)
    assert Path(json.loads(heard[0].data)["log"]).parent == tmp_path / "logs"


def test_it_tells_whose_messages_reach_it(graph: Graph, tmp_path: Path) -> None:
    start(graph, tmp_path)
    said = graph.listen(RUN_INFO)
    graph.until(lambda: said)
    assert json.loads(said[0].data)["hears"] == []
    graph.publish(RL_RESULTS)
    graph.until(lambda: json.loads(said[-1].data)["hears"] == [RL_RESULTS.name])
    graph.publish(DRIVE_REPORT)
    graph.until(lambda: json.loads(said[-1].data)["hears"] == [RL_RESULTS.name, DRIVE_REPORT.name])


def test_what_the_stamps_mean_is_in_the_run_of_the_log(graph: Graph, tmp_path: Path) -> None:
    node = start(graph, tmp_path)
    graph.publish(CAMERA_ABOUT).publish(String(data="when the shutter opened"))
    said = graph.listen(RUN_INFO)
    graph.until(lambda: said and "camera_stamp" in json.loads(said[-1].data))
    graph.remove(node)
    (path,) = (tmp_path / "logs").iterdir()
    assert read_log(path).run["camera_stamp"] == "when the shutter opened"


def test_a_stopped_log_is_whole_and_the_next_begins_when_armed(graph: Graph, tmp_path: Path) -> None:
    start(graph, tmp_path)
    reports = graph.publish(DRIVE_REPORT)
    stopped = graph.call(STOP_LOGGING)
    assert stopped.success
    assert (Path(stopped.message) / "metadata.yaml").exists()
    assert end_was_asked_for(json.loads((Path(stopped.message) / "run.json").read_text()))
    again = graph.call(STOP_LOGGING)
    assert not again.success
    assert "no log is open" in again.message
    reports.publish(drive_report(time.time_ns(), "disarmed"))
    graph.turn(0.2)
    assert len(list((tmp_path / "logs").iterdir())) == 1
    reports.publish(drive_report(time.time_ns(), "armed"))
    graph.until(lambda: len(list((tmp_path / "logs").iterdir())) == 2)


def test_a_folder_that_cannot_be_written_is_said_and_the_log_begins_when_it_can(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim2race_car.log_node.RETRY_S", 0.1)
    (tmp_path / "logs").write_text("a file in the way")
    start(graph, tmp_path)
    said, reports = graph.listen(RUN_INFO), graph.publish(DRIVE_REPORT)
    graph.until(lambda: said)
    first = json.loads(said[0].data)
    assert (first["log"], "Cannot write a log" in first["log_problem"]) == ("", True)
    for _ in range(5):
        reports.publish(drive_report(time.time_ns()))
    graph.until(lambda: json.loads(said[-1].data)["not_logged"] > 0)
    (tmp_path / "logs").unlink()
    reports.publish(drive_report(time.time_ns()))
    graph.until(lambda: json.loads(said[-1].data)["log"])
    assert json.loads(said[-1].data)["log_problem"] == ""


def test_a_disk_that_fills_up_is_said_and_another_log_is_tried(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim2race_car.log_node.RETRY_S", 0.1)
    start(graph, tmp_path)
    said, reports = graph.listen(RUN_INFO), graph.publish(DRIVE_REPORT)
    graph.until(lambda: said)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
    try:
        for _ in range(60):
            reports.publish(drive_report(time.time_ns()))
            graph.turn(0.02)
        graph.until(lambda: "File too large" in json.loads(said[-1].data)["log_problem"])
        assert json.loads(said[-1].data)["not_logged"] > 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    graph.turn(0.2)
    reports.publish(drive_report(time.time_ns()))
    graph.until(lambda: json.loads(said[-1].data)["log_problem"] == "")


def test_another_policy_gets_a_log_of_its_own_with_itself_in_it(graph: Graph, tmp_path: Path) -> None:
    node = start(graph, tmp_path)
    artifacts = graph.publish(MODEL_ARTIFACT)
    other = save_policy(tmp_path / "other.onnx", make_metadata(name="other", seed=3))
    artifacts.publish(String(data=str(tmp_path / "policy.onnx")))
    artifacts.publish(String(data=str(other)))
    graph.until(lambda: len(list((tmp_path / "logs").iterdir())) == 2)
    content = other.read_bytes()
    other.write_bytes(b"damaged since")
    graph.remove(node)
    (second,) = (tmp_path / "logs").glob("other-*")
    assert (second / "policy.onnx").read_bytes() == content
    assert read_log(second).run["name"] == "other"


def test_a_policy_damaged_on_disk_since_the_start_does_not_get_into_the_next_log(
    graph: Graph, tmp_path: Path
) -> None:
    start(graph, tmp_path)
    content = (tmp_path / "policy.onnx").read_bytes()
    reports = graph.publish(DRIVE_REPORT)
    graph.call(STOP_LOGGING)
    (tmp_path / "policy.onnx").write_bytes(b"damaged")
    reports.publish(drive_report(time.time_ns(), "armed"))
    graph.until(lambda: len(list((tmp_path / "logs").glob("*/policy.onnx"))) == 2)
    assert all(path.read_bytes() == content for path in (tmp_path / "logs").glob("*/policy.onnx"))
