"""The topic and the command that say which node is ready, with real nodes."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from deepracer_interfaces_pkg.msg import InferResults, InferResultsArray
from deepracer_interfaces_pkg.srv import BatteryLevelSrv
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rich.console import Console
from sensor_msgs.msg import BatteryState, CompressedImage
from sim2race_msgs.msg import InferenceReport

from car.errors import Sim2RaceError
from car.pwm import make_fake_sysfs
from car.readiness import ABSENT, CarState, Level, PartStatus
from car.topics import (
    BATTERY,
    BATTERY_LEVEL,
    CAMERA,
    ENABLE_STATE,
    INFERENCE_REPORT,
    READINESS,
    RL_RESULTS,
    VEHICLE_STATE,
)
from sim2race_car import ros, status_node
from sim2race_car.drive_node import DriveNode
from sim2race_car.status_command import StatusConfig, run, shown
from sim2race_car.status_node import StatusNode
from tests.car.policies import save_policy
from tests.ros2_ws.conftest import Graph


class _Stand:
    """Camera and inference as far as anybody can tell from outside, and a real drive."""

    def __init__(self, graph: Graph, folder: Path) -> None:
        self._graph = graph
        chip = make_fake_sysfs(folder / "pwm")
        graph.add(DriveNode, policy=str(save_policy(folder / "policy.onnx")), pwm_root=str(chip))
        camera = graph.add(_stand_in("camera_node", "camera_pkg"))
        inference = graph.add(_stand_in("inference_node", "inference_pkg"))
        self._camera = ros.publish(camera, CAMERA)
        ros.subscribe(inference, CAMERA, lambda frame: None)
        self._results = ros.publish(inference, RL_RESULTS)
        self._reports = ros.publish(inference, INFERENCE_REPORT)
        self._frames = 0

    def until(self, is_so: Callable[[], bool]) -> None:
        """Let frames flow until it is so."""
        end_s = time.monotonic() + 10.0
        while not is_so():
            assert time.monotonic() < end_s
            self.frame()
            self._graph.turn(0.03)

    def frame(self) -> None:
        """Let one frame be decided about."""
        self._frames += 1
        image = CompressedImage()
        image.header.stamp = ros.time_from_ns(time.time_ns())
        report = InferenceReport(frames_in=self._frames, frames_acted=self._frames, state="acting")
        self._reports.publish(report)
        rows = [InferResults(class_label=i, class_prob=float(i == 4)) for i in range(9)]
        self._results.publish(InferResultsArray(results=rows, images=[image]))


def _stand_in(name: str, namespace: str) -> Callable[..., Node]:
    return lambda **arguments: Node(name, namespace=namespace, context=arguments["context"])


def reasons(message: DiagnosticArray) -> dict[str, str]:
    return {status.name: status.message for status in message.status}


def test_a_latched_topic_says_who_is_ready_and_why_not(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_node, "LOOK_EVERY_S", 0.05)
    graph.add(StatusNode, output_path=str(tmp_path))
    graph.turn(0.2)
    heard = graph.listen(READINESS)
    graph.until(lambda: heard)
    assert reasons(heard[-1])["sim2race/drive"] == "not there"
    assert heard[-1].status[0].level == DiagnosticStatus.ERROR
    stand = _Stand(graph, tmp_path)
    stand.until(lambda: bool(heard[-1].status[0].level == DiagnosticStatus.OK))
    assert reasons(heard[-1])["sim2race"] == "ready"
    assert reasons(heard[-1])["sim2race/drive"] == "ready: not armed"
    assert reasons(heard[-1])["sim2race/log"] == "not there"
    graph.until(lambda: reasons(heard[-1])["sim2race/camera"] == "no frames come")
    assert heard[-1].status[0].level == DiagnosticStatus.ERROR


def test_the_battery_of_the_communitys_node_is_passed_on(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_node, "BATTERY_EVERY_S", 0.05)
    levels = [11, -1]

    def answer(request: BatteryLevelSrv.Request, response: BatteryLevelSrv.Response) -> Any:
        response.level = levels[0]
        return response

    ros.serve(graph.tester, BATTERY_LEVEL, answer)
    graph.add(StatusNode, output_path=str(tmp_path))
    heard = graph.listen(BATTERY)
    graph.until(lambda: heard and heard[-1].percentage == 1.0)
    levels.pop(0)
    graph.until(lambda: math.isnan(heard[-1].percentage))
    assert not heard[-1].present


def test_the_command_says_whether_the_car_is_ready_by_its_exit_status(
    graph: Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = graph.context.get_domain_id()
    assert run(StatusConfig(json=True, domain=domain, wait_s=0.1)) == 1
    assert json.loads(capsys.readouterr().out)["parts"]["drive"]["reason"] == "not there"
    stand = _Stand(graph, tmp_path)
    status: list[int] = []
    config = StatusConfig(once=True, domain=domain, wait_s=10.0)
    command = threading.Thread(target=lambda: status.append(run(config)))
    command.start()
    stand.until(lambda: not command.is_alive())
    assert status == [0]
    shown = capsys.readouterr().out
    assert "The car is ready" in shown
    assert "ready: not armed" in shown


def test_the_topic_and_the_command_show_state_mode_and_battery(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(status_node, "LOOK_EVERY_S", 0.05)
    graph.add(StatusNode, output_path=str(tmp_path))
    heard = graph.listen(READINESS)
    stand = _Stand(graph, tmp_path)
    battery = graph.publish(BATTERY)
    graph.until(lambda: battery.get_subscription_count() >= 2)
    battery.publish(BatteryState(percentage=0.63))
    assert graph.call(VEHICLE_STATE, state=0).error == 0
    assert graph.call(ENABLE_STATE, is_active=True).error == 0

    def values() -> dict[str, str]:
        return {pair.key: pair.value for pair in heard[-1].status[0].values} if heard else {}

    wanted = {
        "state": "armed",
        "reason": "waiting for the first command",
        "mode": "manual",
        "battery": "63 %",
    }
    graph.until(lambda: values() == wanted)

    config = StatusConfig(json=True, domain=graph.context.get_domain_id(), wait_s=10.0)
    command = threading.Thread(target=run, args=(config,))
    command.start()
    stand.until(lambda: not command.is_alive())
    said = json.loads(capsys.readouterr().out)
    assert (said["state"], said["mode"], said["reason"]) == ("armed", "manual", wanted["reason"])
    assert said["parts"]["drive"]["facts"]["mode"] == "manual"


def test_a_person_sees_what_the_car_does_above_the_table() -> None:
    reason = "The policy's output is not finite: [nan, 0.5]"
    car = CarState("stopped", reason, "autonomous", 42.0)
    shown_in = StringIO()
    console = Console(width=200, file=shown_in)
    rows = [PartStatus("drive", Level.ERROR, f"stopped: {reason}"), PartStatus("log", Level.WARN, ABSENT)]
    console.print(shown(rows, car, is_ready=False, domain=7))
    text = shown_in.getvalue()
    assert text.startswith(f"The car is not ready. stopped: {reason}\n")
    assert text.count(reason) == 2
    assert "mode autonomous, battery 42 %" in text
    assert "ROS domain" not in text


def test_a_person_is_told_in_which_domain_nothing_is_heard(
    graph: Graph, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    domain = graph.context.get_domain_id()
    assert run(StatusConfig(once=True, domain=domain, wait_s=0.1)) == 1
    first = capsys.readouterr().out.splitlines()[0]
    assert first == f"The car is not ready. Nothing is heard in ROS domain {domain}."


def test_a_domain_that_cannot_be_is_refused() -> None:
    with pytest.raises(Sim2RaceError, match="expected 0 to 232"):
        run(StatusConfig(once=True, domain=999))
