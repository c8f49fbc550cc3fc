"""The drive node: nothing moves unarmed, decisions become pulses, and everything else becomes neutral."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest
from deepracer_interfaces_pkg.msg import InferResults, InferResultsArray
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage
from sim2race_msgs.msg import InferenceReport

from car.action_space import default_action_space
from car.calibration import default_calibration
from car.drive_conditions import NOTHING_COMES
from car.errors import Sim2RaceError
from car.pwm import Pwm, make_fake_sysfs, read_sysfs_pwm
from car.topics import (
    AUTO_DRIVE,
    CTRL_MODES,
    DRIVE_REPORT,
    ENABLE_STATE,
    INFERENCE_REPORT,
    RL_RESULTS,
    SERVO_MSG,
    VEHICLE_STATE,
)
from sim2race_car import ros
from sim2race_car.drive_node import DriveNode
from tests.car.policies import save_policy
from tests.ros2_ws.conftest import Graph

NEUTRAL = default_calibration().neutral


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    return make_fake_sysfs(tmp_path / "pwm")


@pytest.fixture
def node(graph: Graph, chip: Path, tmp_path: Path) -> DriveNode:
    # The deadline is long, so that a busy machine cannot end a test that is about something else.
    return graph.add(
        DriveNode,
        policy=str(save_policy(tmp_path / "policy.onnx")),
        pwm_root=str(chip),
        deadline_s=2.0,
        max_frame_age_s=2.0,
    )


def decision(action: int, *, captured_ns: int, probability: float = 0.9) -> InferResultsArray:
    rows = [InferResults(class_label=i, class_prob=probability if i == action else 0.0) for i in range(9)]
    image = CompressedImage()
    image.header.stamp = ros.time_from_ns(captured_ns)
    return InferResultsArray(results=rows, images=[image])


def arm(graph: Graph, results: Any) -> None:
    """Let a decision flow, and arm."""
    results.publish(decision(4, captured_ns=time.time_ns()))
    graph.turn(0.05)
    assert graph.call(ENABLE_STATE, is_active=True).error == 0


def pulses(action: int) -> Pwm:
    return default_calibration().pwm(default_action_space().command(action))


def test_it_starts_at_neutral_and_obeys_nothing_until_armed(
    graph: Graph, node: DriveNode, chip: Path
) -> None:
    assert read_sysfs_pwm(chip) == NEUTRAL
    reports = graph.listen(DRIVE_REPORT)
    assert graph.call(ENABLE_STATE, is_active=True).error == 1
    graph.until(lambda: reports and reports[-1].reason == NOTHING_COMES)
    graph.publish(RL_RESULTS).publish(decision(8, captured_ns=time.time_ns()))
    graph.until(lambda: reports and reports[-1].commands == 1)
    assert (reports[-1].state, reports[-1].reason, reports[-1].dropped) == ("ready", "not armed", 1)
    assert read_sysfs_pwm(chip) == NEUTRAL


def test_an_armed_car_obeys_and_says_when_it_saw_decided_and_wrote(
    graph: Graph, node: DriveNode, chip: Path
) -> None:
    reports, asked, sent = (graph.listen(topic) for topic in (DRIVE_REPORT, AUTO_DRIVE, SERVO_MSG))
    decisions, results = graph.publish(INFERENCE_REPORT), graph.publish(RL_RESULTS)
    arm(graph, results)
    captured_ns = time.time_ns()
    seen = InferenceReport(source_stamp=ros.time_from_ns(captured_ns))
    seen.header.stamp = ros.time_from_ns(captured_ns + 1_000_000)
    decisions.publish(seen)
    graph.turn(0.1)
    results.publish(decision(8, captured_ns=captured_ns))
    graph.until(lambda: asked and reports and reports[-1].state == "driving")
    assert read_sysfs_pwm(chip) == pulses(8)
    report = reports[-1]
    assert (report.steering_pulse_ns, report.motor_pulse_ns) == (pulses(8).steering_ns, pulses(8).motor_ns)
    assert report.steering_rad == pytest.approx(math.radians(20.0))
    assert report.speed_mps == pytest.approx(0.8)
    assert ros.ns_from_time(report.source_stamp) == captured_ns
    assert ros.ns_from_time(report.inferred_stamp) == captured_ns + 1_000_000
    assert ros.ns_from_time(report.header.stamp) > captured_ns
    graph.until(lambda: sent and sent[-1].angle == 1.0)
    assert asked[-1].angle == 1.0
    assert asked[-1].throttle == pytest.approx(-1.2 * (0.8 / 1.3) ** 2 + 2.2 * 0.8 / 1.3)


def test_without_decisions_it_goes_to_neutral_and_stays_there_until_armed_again(
    graph: Graph, chip: Path, tmp_path: Path
) -> None:
    policy = str(save_policy(tmp_path / "policy.onnx"))
    graph.add(
        DriveNode, policy=policy, pwm_root=str(chip), deadline_s=0.2, max_frame_age_s=2.0, auto_arm=True
    )
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    for _ in range(2):
        results.publish(decision(8, captured_ns=time.time_ns()))
        graph.turn(0.05)
    graph.until(lambda: any(report.state == "driving" for report in reports))
    graph.until(lambda: reports[-1].state == "stopped")
    assert "no fresh command for 200 ms" in reports[-1].reason
    assert read_sysfs_pwm(chip) == NEUTRAL
    results.publish(decision(8, captured_ns=time.time_ns()))
    graph.until(lambda: reports[-1].commands == 2)
    assert read_sysfs_pwm(chip) == NEUTRAL
    arm(graph, results)
    graph.until(lambda: reports[-1].state == "armed")


def test_a_policy_that_broke_down_stops_the_car(graph: Graph, node: DriveNode, chip: Path) -> None:
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    arm(graph, results)
    results.publish(decision(8, captured_ns=time.time_ns()))
    graph.until(lambda: reports and reports[-1].state == "driving")
    results.publish(decision(8, captured_ns=time.time_ns(), probability=math.nan))
    graph.until(lambda: reports[-1].state == "stopped")
    assert "not finite" in reports[-1].reason
    assert read_sysfs_pwm(chip) == NEUTRAL


def test_an_output_out_of_range_stops_the_car_and_is_said(graph: Graph, node: DriveNode, chip: Path) -> None:
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    arm(graph, results)
    results.publish(decision(8, captured_ns=time.time_ns()))
    graph.until(lambda: reports and reports[-1].state == "driving")
    results.publish(decision(8, captured_ns=time.time_ns(), probability=7.0))
    graph.until(lambda: reports[-1].state == "stopped")
    assert "out of range" in reports[-1].reason and "7.0" in reports[-1].reason
    assert read_sysfs_pwm(chip) == NEUTRAL


def test_a_limit_cannot_seem_to_be_changed_while_it_runs(graph: Graph, node: DriveNode) -> None:
    (answer,) = node.set_parameters([Parameter("speed_limit_mps", value=0.5)])
    assert not answer.successful
    assert node.get_parameter("speed_limit_mps").value == 4.0


@pytest.mark.parametrize(
    ("limit", "value"), [("deadline_s", math.nan), ("max_frame_age_s", math.inf), ("speed_limit_mps", -1.0)]
)
def test_a_limit_that_would_never_be_reached_is_refused(
    graph: Graph, chip: Path, tmp_path: Path, limit: str, value: float
) -> None:
    policy = str(save_policy(tmp_path / "policy.onnx"))
    with pytest.raises(Sim2RaceError, match=limit):
        graph.add(DriveNode, policy=policy, pwm_root=str(chip), **{limit: value})


def test_stopping_by_service_changing_mode_and_ending_lead_to_neutral(
    graph: Graph, node: DriveNode, chip: Path
) -> None:
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)

    def drive() -> None:
        arm(graph, results)
        results.publish(decision(8, captured_ns=time.time_ns()))
        graph.until(lambda: reports and reports[-1].state == "driving")
        assert read_sysfs_pwm(chip) == pulses(8)

    drive()
    assert graph.call(ENABLE_STATE, is_active=False).error == 0
    assert read_sysfs_pwm(chip) == NEUTRAL
    drive()
    assert graph.call(VEHICLE_STATE, state=0).error == 0
    assert read_sysfs_pwm(chip) == NEUTRAL
    assert graph.call(VEHICLE_STATE, state=1).error == 0
    drive()
    assert graph.call(VEHICLE_STATE, state=3).error == 1
    assert read_sysfs_pwm(chip) == NEUTRAL
    assert list(graph.call(CTRL_MODES).modes) == [0, 1, 2]
    drive()
    graph.remove(node)
    assert read_sysfs_pwm(chip) == NEUTRAL


def test_no_command_is_faster_than_the_speed_limit(graph: Graph, chip: Path, tmp_path: Path) -> None:
    policy = str(save_policy(tmp_path / "policy.onnx"))
    graph.add(
        DriveNode, policy=policy, pwm_root=str(chip), speed_limit_mps=0.5, max_frame_age_s=2.0, auto_arm=True
    )
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    for _ in range(2):
        results.publish(decision(4, captured_ns=time.time_ns()))
        graph.turn(0.05)
    graph.until(lambda: any(report.state == "driving" for report in reports))
    (driving,) = (report for report in reports if report.state == "driving")
    assert driving.speed_mps == 0.5


def test_a_missing_chip_is_refused_after_a_while(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim2race_car.drive_node.PWM_DEADLINE_S", 0.2)
    with pytest.raises(Sim2RaceError, match="found none"):
        graph.add(
            DriveNode, policy=str(save_policy(tmp_path / "policy.onnx")), pwm_root=str(tmp_path / "none")
        )
