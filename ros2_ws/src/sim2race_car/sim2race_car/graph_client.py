"""A person's hand on the node graph: see who is ready, arm, disarm, and listen to the reports."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import rclpy
from deepracer_interfaces_pkg.srv import EnableStateSrv
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sim2race_msgs.msg import DriveReport, InferenceReport, TrackPosition
from std_msgs.msg import String

from car.drive_statistics import DriveStatistics
from car.node_graph import GraphNode, Role
from car.topics import (
    DRIVE_REPORT,
    ENABLE_STATE,
    INFERENCE_REPORT,
    RUN_INFO,
    TRACK_POSITION,
    Service,
    Topic,
)
from sim2race_car import ros

SPIN_S = 0.02
SERVICE_DEADLINE_S = 2.0


class GraphClient:
    """A node of its own, in a context of its own, that leaves the signals to its owner; a context manager.

    Args:
        domain: ROS 2 domain of the graph.
        statistics: is fed with the reports.
    """

    def __init__(self, domain: int, statistics: DriveStatistics) -> None:
        self.log: Path | None = None
        """Directory of the car log, once the log node has said so."""
        self.log_problem = ""
        """Why there is no log, in the words of the log node."""
        self._statistics = statistics
        self._context = ros.own_context(domain)
        self._node = Node("drive_command", namespace="sim2race", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._enable = self._node.create_client(EnableStateSrv, ENABLE_STATE.name)
        self._subscriptions = [
            ros.subscribe(self._node, DRIVE_REPORT, self._on_drive_report),
            ros.subscribe(self._node, INFERENCE_REPORT, self._on_inference_report),
            ros.subscribe(self._node, TRACK_POSITION, self._on_track_position),
            ros.subscribe(self._node, RUN_INFO, self._on_run_info),
        ]

    def __enter__(self) -> GraphClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def spin(self) -> None:
        """Take in what has arrived; waits a moment if nothing has."""
        self._executor.spin_once(timeout_sec=SPIN_S)

    def spin_until(self, is_done: Callable[[], bool], deadline_s: float) -> bool:
        """Take in what arrives until `is_done`, and say whether that came before the deadline."""
        end_s = time.monotonic() + deadline_s
        while not is_done():
            if time.monotonic() > end_s:
                return False
            self.spin()
        return True

    def is_ready(self, node: GraphNode) -> bool:
        """Say whether the endpoint by which one knows `node` to be ready is there."""
        role, endpoint = node.ready
        if isinstance(endpoint, Service):
            return bool(self._enable.service_is_ready())
        return any(
            (found.node_name, found.node_namespace) == (node.name, f"/{node.namespace}")
            for found in self._endpoints(role, endpoint)
        )

    def hears_everybody(self) -> bool:
        """Say whether frames flow and every report has been heard, so that none is missed in a drive."""
        return self._statistics.has_everything and (self.log is not None or bool(self.log_problem))

    def arm(self) -> bool:
        """Ask the drive to arm, acknowledging a stop, and say whether it did."""
        return self._enable_drive(is_active=True)

    def disarm(self) -> bool:
        """Ask the drive to go to neutral, and say whether it answered."""
        return self._enable_drive(is_active=False)

    def _endpoints(self, role: Role, topic: Topic) -> list[Any]:
        if role is Role.PUBLISHES:
            return list(self._node.get_publishers_info_by_topic(topic.name))
        return list(self._node.get_subscriptions_info_by_topic(topic.name))

    def _enable_drive(self, *, is_active: bool) -> bool:
        answer = self._enable.call_async(EnableStateSrv.Request(is_active=is_active))
        if not self.spin_until(answer.done, SERVICE_DEADLINE_S):
            return False
        return bool(answer.result().error == 0)

    def _on_drive_report(self, report: DriveReport) -> None:
        self._statistics.on_drive_report(
            written_ns=ros.ns_from_time(report.header.stamp),
            source_ns=ros.ns_from_time(report.source_stamp),
            state=report.state,
            reason=report.reason,
            dropped=report.dropped,
        )

    def _on_inference_report(self, report: InferenceReport) -> None:
        self._statistics.on_inference_report(
            frames_in=report.frames_in, dropped_old=report.dropped_old, dropped_bad=report.dropped_bad
        )

    def _on_track_position(self, position: TrackPosition) -> None:
        self._statistics.on_track_position(
            progress_percent=position.progress_percent,
            laps=position.laps,
            last_lap_time_s=position.last_lap_time_s,
            off_track=position.off_track,
        )

    def _on_run_info(self, info: String) -> None:
        said = json.loads(info.data)
        self.log = Path(said["log"]) if said["log"] else None
        self.log_problem = said["log_problem"]
