"""A node that only looks and listens, for `sim2race status`."""

from __future__ import annotations

from types import TracebackType

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from car.readiness import PartStatus, Readiness
from sim2race_car import ros
from sim2race_car.readiness_watch import ReadinessWatch

SPIN_S = 0.05


class StatusClient:
    """A context manager, in a context of its own that leaves the signals to its owner.

    Args:
        domain: ROS 2 domain of the car.
    """

    def __init__(self, domain: int) -> None:
        self._context = ros.own_context(domain)
        self._node = Node("status_command", namespace="sim2race", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._watch = ReadinessWatch(self._node)

    def __enter__(self) -> StatusClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    @property
    def readiness(self) -> Readiness:
        """What has been heard so far."""
        return self._watch.readiness

    def look(self) -> list[PartStatus]:
        """Listen for a moment, and return the table."""
        self._executor.spin_once(timeout_sec=SPIN_S)
        return self._watch.look()
