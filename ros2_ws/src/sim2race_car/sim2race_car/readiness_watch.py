"""Listens to a node graph for `car.readiness`; the status node and `sim2race status` both use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deepracer_interfaces_pkg.msg import DeviceStatusMsg
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from sensor_msgs.msg import BatteryState
from sim2race_msgs.msg import DriveReport, InferenceReport
from std_msgs.msg import String

from car.clock import SystemClock
from car.node_graph import GraphNode, Role
from car.readiness import ROWS, Level, PartStatus, Readiness
from car.topics import BATTERY, DEVICE_STATUS, DRIVE_REPORT, INFERENCE_REPORT, MODE, RUN_INFO
from sim2race_car import ros

OVERALL = "sim2race"
"""Name of the first row of the topic, which sums up the others."""
LEVELS = {
    Level.OK: DiagnosticStatus.OK,
    Level.WARN: DiagnosticStatus.WARN,
    Level.ERROR: DiagnosticStatus.ERROR,
}


class ReadinessWatch:
    """Subscribes to what the parts of a car report.

    Args:
        node: listens.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.readiness = Readiness(SystemClock())
        self._heard = [
            ros.subscribe(node, INFERENCE_REPORT, self._on_inference),
            ros.subscribe(node, DRIVE_REPORT, self._on_drive),
            ros.subscribe(node, RUN_INFO, self._on_run_info),
            ros.subscribe(node, DEVICE_STATUS, self._on_device_status),
            ros.subscribe(node, MODE, self._on_mode),
            ros.subscribe(node, BATTERY, self._on_battery),
        ]

    def look(self) -> list[PartStatus]:
        """See who is there, and return the table."""
        nodes = [node for row in ROWS.values() for node in row]
        self.readiness.on_present({node.full_name for node in nodes if is_there(self._node, node)})
        return self.readiness.table()

    def _on_inference(self, report: InferenceReport) -> None:
        self.readiness.on_inference(
            frames_in=report.frames_in,
            dropped=report.dropped_old + report.dropped_bad,
            inference_ms=report.inference_ms,
            state=report.state,
            reason=report.reason,
        )

    def _on_drive(self, report: DriveReport) -> None:
        self.readiness.on_drive(state=report.state, reason=report.reason)

    def _on_mode(self, mode: String) -> None:
        self.readiness.on_mode(mode.data)

    def _on_battery(self, battery: BatteryState) -> None:
        self.readiness.on_battery(100.0 * battery.percentage)

    def _on_run_info(self, info: String) -> None:
        said = json.loads(info.data)
        self.readiness.on_log(said.get("log") or "", said.get("log_problem") or "")

    def _on_device_status(self, status: DeviceStatusMsg) -> None:
        self.readiness.on_health(
            cpu_percent=status.cpu_percent,
            temperature_c=status.cpu_temp,
            memory_percent=status.memory_usage,
            disk_free_percent=status.free_disk,
            latency_ms=status.latency_mean,
            latency_p95_ms=status.latency_p95,
        )


def is_there(observer: Node, node: GraphNode) -> bool:
    """Say whether a node has made the endpoint by which one knows it to be ready."""
    role, endpoint = node.ready
    namespace = f"/{node.namespace}"
    if role is Role.SERVES:
        return _serves(observer, node.name, namespace, endpoint.name)
    look = (
        observer.get_publishers_info_by_topic
        if role is Role.PUBLISHES
        else observer.get_subscriptions_info_by_topic
    )
    return any(
        (found.node_name, found.node_namespace) == (node.name, namespace) for found in look(endpoint.name)
    )


def diagnostics(readiness: Readiness, stamp_ns: int) -> DiagnosticArray:
    """Return the table as ROS 2's diagnostic message, the sum of it and what the car does first."""
    car = readiness.car
    facts = {"state": car.state, "reason": car.reason, "mode": car.mode, "battery": car.battery}
    level = Level.OK if readiness.is_ready else Level.ERROR
    message = DiagnosticArray()
    message.header.stamp = ros.time_from_ns(stamp_ns)
    message.status = [
        DiagnosticStatus(level=LEVELS[level], name=OVERALL, message=readiness.summary, values=_values(facts)),
        *(_diagnostic(row) for row in readiness.table()),
    ]
    return message


def _diagnostic(row: PartStatus) -> Any:
    return DiagnosticStatus(
        level=LEVELS[row.level],
        name=f"{OVERALL}/{row.part}",
        message=row.reason,
        values=_values(row.facts),
    )


def _values(facts: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=value) for key, value in facts.items()]


def _serves(observer: Node, name: str, namespace: str, service: str) -> bool:
    # The node's own list is asked for only where it exists: for others, ROS 2 raises an error.
    if (name, namespace) not in observer.get_node_names_and_namespaces():
        return False
    return service in dict(observer.get_service_names_and_types_by_node(name, namespace))
