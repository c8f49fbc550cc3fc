"""The drive node in a person's hands: modes, the community's services, and what takes the car away."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deepracer_interfaces_pkg.msg import InferResults, InferResultsArray, ServoCtrlMsg
from sensor_msgs.msg import BatteryState, CompressedImage
from std_msgs.msg import String

from car.action_space import Command
from car.calibration import default_calibration
from car.community_calibration import factory_calibration, load_community_calibration
from car.errors import UnknownNameError
from car.pwm import Pwm, make_fake_sysfs, read_sysfs_pwm
from car.topics import (
    BATTERY,
    CALIBRATION_DRIVE,
    DRIVE_REPORT,
    ENABLE_STATE,
    GET_CALIBRATION,
    GET_CAR_CALIBRATION,
    MANUAL_DRIVE,
    MAX_SPEED,
    RL_RESULTS,
    SET_CALIBRATION,
    SET_CAR_CALIBRATION,
    STOP,
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
def start(graph: Graph, chip: Path, tmp_path: Path) -> Callable[..., DriveNode]:
    def start_with(**parameters: Any) -> DriveNode:
        wanted: dict[str, Any] = {"pwm_root": str(chip), "deadline_s": 2.0, "max_frame_age_s": 2.0}
        policy = str(save_policy(tmp_path / "policy.onnx"))
        return graph.add(DriveNode, policy=policy, **(wanted | parameters))

    return start_with


def decision(action: int) -> InferResultsArray:
    rows = [InferResults(class_label=i, class_prob=float(i == action)) for i in range(9)]
    image = CompressedImage()
    image.header.stamp = ros.time_from_ns(time.time_ns())
    return InferResultsArray(results=rows, images=[image])


def drive_by_policy(graph: Graph, results: Any, reports: list[Any]) -> None:
    results.publish(decision(8))
    graph.until(lambda: reports and reports[-1].state == "ready")
    assert graph.call(ENABLE_STATE, is_active=True).error == 0
    results.publish(decision(8))
    graph.until(lambda: reports[-1].state == "driving")


def test_a_person_drives_and_a_browser_that_falls_silent_stops_the_car(
    graph: Graph, start: Callable[..., DriveNode], chip: Path
) -> None:
    start(mode="manual", manual_deadline_s=0.2, speed_limit_mps=2.0)
    reports, stick = graph.listen(DRIVE_REPORT), graph.publish(MANUAL_DRIVE)
    stick.publish(ServoCtrlMsg(angle=1.0, throttle=1.0))
    graph.turn(0.05)
    assert read_sysfs_pwm(chip) == NEUTRAL
    assert graph.call(ENABLE_STATE, is_active=True).error == 0
    stick.publish(ServoCtrlMsg(angle=1.0, throttle=0.5))
    graph.until(lambda: reports and reports[-1].state == "driving")
    assert read_sysfs_pwm(chip) == default_calibration().pwm(Command(math.radians(20.0), 1.0))
    graph.until(lambda: reports[-1].state == "stopped")
    assert reports[-1].reason == "no fresh command for 200 ms"
    assert read_sysfs_pwm(chip) == NEUTRAL


def test_a_mode_is_left_at_neutral_and_the_other_source_is_not_obeyed(
    graph: Graph, start: Callable[..., DriveNode], chip: Path
) -> None:
    start()
    reports, results, stick = (
        graph.listen(DRIVE_REPORT),
        graph.publish(RL_RESULTS),
        graph.publish(MANUAL_DRIVE),
    )
    drive_by_policy(graph, results, reports)
    assert graph.call(VEHICLE_STATE, state=0).error == 0
    assert read_sysfs_pwm(chip) == NEUTRAL
    assert graph.call(ENABLE_STATE, is_active=True).error == 0
    results.publish(decision(8))
    graph.turn(0.05)
    assert read_sysfs_pwm(chip) == NEUTRAL
    stick.publish(ServoCtrlMsg(angle=-1.0, throttle=0.0))
    graph.until(lambda: reports[-1].state == "driving")
    assert read_sysfs_pwm(chip).steering_ns == 1_200_000


def test_pulses_are_tried_out_in_calibration_mode_and_kept_by_the_communitys_service(
    graph: Graph, start: Callable[..., DriveNode], chip: Path, tmp_path: Path
) -> None:
    file = tmp_path / "calibration.json"
    factory_calibration().save(file)
    start(calibration=str(file))
    pulses, reports = graph.publish(CALIBRATION_DRIVE), graph.listen(DRIVE_REPORT)
    assert graph.call(GET_CAR_CALIBRATION, cal_type=0).error == 1
    assert graph.call(VEHICLE_STATE, state=2).error == 0
    assert graph.call(ENABLE_STATE, is_active=True).error == 0
    pulses.publish(ServoCtrlMsg(angle=1_600_000.0, throttle=-1.0))
    graph.until(lambda: reports and reports[-1].state == "driving")
    assert read_sysfs_pwm(chip) == Pwm(1_600_000, NEUTRAL.motor_ns)
    steering = {"cal_type": 0, "min": 1_210_000, "mid": 1_470_000, "max": 1_690_000, "polarity": 1}
    assert graph.call(SET_CAR_CALIBRATION, **steering).error == 0
    assert read_sysfs_pwm(chip) == Pwm(1_470_000, NEUTRAL.motor_ns)
    found = graph.call(GET_CALIBRATION, cal_type=0)
    assert (found.min, found.mid, found.max, found.polarity, found.error) == (
        1_210_000,
        1_470_000,
        1_690_000,
        1,
        0,
    )
    assert load_community_calibration(file).servo.mid_ns == 1_470_000


def test_a_calibration_that_cannot_be_is_refused_and_nothing_changes(
    graph: Graph, start: Callable[..., DriveNode], chip: Path, tmp_path: Path
) -> None:
    file = tmp_path / "calibration.json"
    factory_calibration().save(file)
    before = file.read_bytes()
    start(calibration=str(file))
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    falling = {"cal_type": 1, "min": 1_600_000, "mid": 1_446_000, "max": 1_311_000, "polarity": -1}
    assert graph.call(SET_CALIBRATION, **falling).error == 1
    assert graph.call(SET_CALIBRATION, **(falling | {"cal_type": 7})).error == 1
    assert graph.call(GET_CALIBRATION, cal_type=7).error == 1
    drive_by_policy(graph, results, reports)
    rising = {"cal_type": 1, "min": 1_311_000, "mid": 1_446_000, "max": 1_600_000, "polarity": -1}
    assert graph.call(SET_CALIBRATION, **rising).error == 1
    assert file.read_bytes() == before


def test_a_model_drives_as_by_the_communitys_stack(
    graph: Graph, start: Callable[..., DriveNode], chip: Path
) -> None:
    start(mapping="community", max_speed_percent=50.0)
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    drive_by_policy(graph, results, reports)
    share = 0.8 / 1.3
    throttle = (-1.2 * share**2 + 2.2 * share) * 0.5
    assert read_sysfs_pwm(chip) == Pwm(1_700_000, round(1_446_000 - throttle * 135_000))
    assert graph.call(MAX_SPEED, throttle=1.5).error == 1
    assert graph.call(MAX_SPEED, throttle=0.0).error == 0
    results.publish(decision(8))
    graph.until(lambda: reports[-1].motor_pulse_ns == 1_446_000)
    assert reports[-1].state == "driving"


def test_a_maximum_holds_a_policy_back_where_speeds_are_in_metres_per_second(
    graph: Graph, start: Callable[..., DriveNode]
) -> None:
    start(speed_limit_mps=1.0)
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    assert graph.call(MAX_SPEED, throttle=1.5).error == 1
    assert graph.call(MAX_SPEED, throttle=0.5).error == 0
    drive_by_policy(graph, results, reports)
    assert reports[-1].speed_mps == pytest.approx(0.5)


def test_two_who_try_out_pulses_stop_the_car(graph: Graph, start: Callable[..., DriveNode]) -> None:
    start(mode="calibration")
    reports = graph.listen(DRIVE_REPORT)
    one, other = graph.publish(CALIBRATION_DRIVE), graph.publish(CALIBRATION_DRIVE)
    assert graph.call(ENABLE_STATE, is_active=True).error == 0
    one.publish(ServoCtrlMsg(angle=1_600_000.0, throttle=-1.0))
    graph.until(lambda: reports and reports[-1].state == "driving")
    for publisher in (one, other, one, other):
        publisher.publish(ServoCtrlMsg(angle=1_500_000.0, throttle=-1.0))
        graph.turn(0.05)
    graph.until(lambda: reports[-1].state == "stopped")
    assert "more than one publisher" in reports[-1].reason


def test_a_second_publisher_of_commands_stops_the_car(
    graph: Graph, start: Callable[..., DriveNode], chip: Path
) -> None:
    start()
    reports, results, other = (
        graph.listen(DRIVE_REPORT),
        graph.publish(RL_RESULTS),
        graph.publish(RL_RESULTS),
    )
    drive_by_policy(graph, results, reports)
    other.publish(decision(0))
    graph.turn(0.05)
    results.publish(decision(8))
    graph.until(lambda: reports[-1].state == "stopped")
    assert "more than one publisher sends on /inference_pkg/rl_results" in reports[-1].reason
    assert read_sysfs_pwm(chip) == NEUTRAL
    assert graph.call(ENABLE_STATE, is_active=True).error == 1


def test_a_flood_of_commands_does_not_become_a_flood_of_reports(
    graph: Graph, start: Callable[..., DriveNode], chip: Path
) -> None:
    node = start()
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    results.publish(decision(8))
    graph.until(lambda: reports and reports[-1].state == "ready")
    before, began_s = len(reports), time.monotonic()
    for _ in range(150):
        results.publish(decision(8))
        graph.turn(0.0005)
    took_s = time.monotonic() - began_s
    assert node.controller.ledger.commands > 75
    assert len(reports) - before <= took_s / 0.005 + 2
    assert read_sysfs_pwm(chip) == NEUTRAL


def test_a_low_battery_stops_the_car_and_keeps_it_from_being_armed(
    graph: Graph, start: Callable[..., DriveNode], chip: Path
) -> None:
    start(battery_min_percent=20.0)
    reports, results, battery = (
        graph.listen(DRIVE_REPORT),
        graph.publish(RL_RESULTS),
        graph.publish(BATTERY),
    )
    drive_by_policy(graph, results, reports)
    for _ in range(2):
        battery.publish(BatteryState(percentage=0.15))
        graph.turn(0.05)
    graph.until(lambda: reports[-1].state == "stopped")
    assert reports[-1].reason == "the battery is below 20 %"
    assert read_sysfs_pwm(chip) == NEUTRAL
    results.publish(decision(8))
    graph.turn(0.05)
    assert graph.call(ENABLE_STATE, is_active=True).error == 1
    battery.publish(BatteryState(percentage=0.9))
    results.publish(decision(8))
    graph.turn(0.05)
    assert graph.call(ENABLE_STATE, is_active=True).error == 0


def test_whoever_sees_a_reason_can_stop_the_car_and_the_reason_stays(
    graph: Graph, start: Callable[..., DriveNode], chip: Path
) -> None:
    start()
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    stop = graph.publish(STOP)
    drive_by_policy(graph, results, reports)
    stop.publish(String(data="a child is on the track"))
    graph.until(lambda: reports[-1].state == "stopped")
    assert read_sysfs_pwm(chip) == NEUTRAL
    stop.publish(String(data="a later one"))
    assert graph.call(ENABLE_STATE, is_active=False).error == 0
    graph.turn(0.1)
    assert (reports[-1].state, reports[-1].reason) == ("stopped", "a child is on the track")


def test_a_stop_without_a_reason_stops_too(graph: Graph, start: Callable[..., DriveNode]) -> None:
    start()
    reports, results = graph.listen(DRIVE_REPORT), graph.publish(RL_RESULTS)
    stop = graph.publish(STOP)
    drive_by_policy(graph, results, reports)
    stop.publish(String())
    graph.until(lambda: reports[-1].state == "stopped")
    assert reports[-1].reason == "stopped by /sim2race/stop, without a reason"


def test_any_output_and_its_power_gate_are_named_by_one_parameter(
    graph: Graph, start: Callable[..., DriveNode], chip: Path, tmp_path: Path
) -> None:
    line = tmp_path / "gpio514"
    line.mkdir()
    (line / "value").write_text("1\n")
    (line / "direction").write_text("in\n")
    node = start(pwm_root=f"{chip}+{line}")
    assert (line / "direction").read_text() == "low\n"
    assert read_sysfs_pwm(chip) == NEUTRAL
    graph.remove(node)
    assert (line / "direction").read_text() == "high\n"
    start(pwm_root="dry-run")
    with pytest.raises(UnknownNameError, match="'autonomous'"):
        start(mode="automatic")
