"""The status node: the computer's health, its latency, the battery, and which node is ready or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepracer_interfaces_pkg.msg import DeviceStatusMsg
from deepracer_interfaces_pkg.srv import BatteryLevelSrv
from rclpy.clock import Clock as RosClock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import BatteryState
from sim2race_msgs.msg import DriveReport

from car.battery import percent_of_level
from car.clock import SystemClock
from car.drive_report import DriveState
from car.health import RecentLatency, read_health
from car.topics import BATTERY, BATTERY_LEVEL, DEVICE_STATUS, DRIVE_REPORT, READINESS
from sim2race_car import ros
from sim2race_car.readiness_watch import ReadinessWatch, diagnostics

PERIOD_S = 2.5
"""As in the community's stack."""
LOOK_EVERY_S = 0.5
BATTERY_EVERY_S = 5.0


class StatusNode(Node):
    """Publishes the device status, the battery where the community's node knows it, and who is ready.

    Readiness is published when it changes, and with every device status.

    Parameters: `output_path` (whose disk is watched).
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("device_status_node", namespace="device_info_pkg", **arguments)
        self._disk = Path(self.declare_parameter("output_path", "/").value)
        self._time = SystemClock()
        self._latency = RecentLatency()
        self._status = ros.publish(self, DEVICE_STATUS)
        self._battery = ros.publish(self, BATTERY)
        self._readiness = ros.publish(self, READINESS)
        self._watch = ReadinessWatch(self)
        self._said: object = None
        self._battery_level = self.create_client(BatteryLevelSrv, BATTERY_LEVEL.name)
        self._reports = ros.subscribe(self, DRIVE_REPORT, self._on_drive_report)
        steady = RosClock(clock_type=ClockType.STEADY_TIME)
        self._timers = [
            self.create_timer(PERIOD_S, self._publish, clock=steady),
            self.create_timer(LOOK_EVERY_S, self._look, clock=steady),
            self.create_timer(BATTERY_EVERY_S, self._ask_battery, clock=steady),
        ]

    def _on_drive_report(self, report: DriveReport) -> None:
        if report.state == DriveState.DRIVING.value:
            self._latency.add(
                source_ns=ros.ns_from_time(report.source_stamp),
                written_ns=ros.ns_from_time(report.header.stamp),
            )

    def _look(self) -> None:
        """Publish who is ready, and say it in the journal, when it has changed."""
        rows = [(row.part, row.level, row.reason) for row in self._watch.look()]
        now = rows, self._watch.readiness.car
        if now == self._said:
            return
        self._said = now
        self._publish_readiness()
        self.get_logger().info(self._watch.readiness.summary)

    def _publish_readiness(self) -> None:
        self._readiness.publish(diagnostics(self._watch.readiness, self._time.wall_ns()))

    def _ask_battery(self) -> None:
        if self._battery_level.service_is_ready():
            self._battery_level.call_async(BatteryLevelSrv.Request()).add_done_callback(self._on_battery)

    def _on_battery(self, answer: Future) -> None:
        level = answer.result().level
        self._battery.publish(BatteryState(percentage=percent_of_level(level) / 100.0, present=level >= 0))

    def _publish(self) -> None:
        health = read_health(self._disk if self._disk.exists() else Path("/"))
        self._status.publish(
            DeviceStatusMsg(
                cpu_percent=health.cpu_percent,
                cpu_temp=health.cpu_temperature_c,
                cpu_freq=health.cpu_frequency_mhz,
                cpu_freq_max=health.cpu_frequency_max_mhz,
                memory_usage=health.memory_used_percent,
                free_disk=health.disk_free_percent,
                latency_mean=self._latency.mean_ms,
                latency_p95=self._latency.p95_ms,
                fps_mean=self._latency.fps,
            )
        )
        self._publish_readiness()


def main() -> None:
    """Run the node."""
    ros.run(StatusNode)


if __name__ == "__main__":
    main()
