"""The status node: the health of the computer, and the latency it achieves, every few seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepracer_interfaces_pkg.msg import DeviceStatusMsg
from rclpy.node import Node
from sim2race_msgs.msg import DriveReport

from car.drive import DriveState
from car.health import RecentLatency, read_health
from car.topics import DEVICE_STATUS, DRIVE_REPORT
from sim2race_car import ros

PERIOD_S = 2.5
"""As in the community's stack."""


class StatusNode(Node):
    """Publishes the device status.

    Parameters: `output_path` (whose disk is watched).
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("device_status_node", namespace="device_info_pkg", **arguments)
        self._disk = Path(self.declare_parameter("output_path", "/").value)
        self._latency = RecentLatency()
        self._status = ros.publish(self, DEVICE_STATUS)
        self._reports = ros.subscribe(self, DRIVE_REPORT, self._on_drive_report)
        self._timer = self.create_timer(PERIOD_S, self._publish)

    def _on_drive_report(self, report: DriveReport) -> None:
        if report.state == DriveState.DRIVING.value:
            self._latency.add(
                source_ns=ros.ns_from_time(report.source_stamp),
                written_ns=ros.ns_from_time(report.header.stamp),
            )

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


def main() -> None:
    """Run the node."""
    ros.run(StatusNode)


if __name__ == "__main__":
    main()
