"""The replay node: a car log in the place of the camera."""

from __future__ import annotations

import array
import json
from pathlib import Path
from typing import Any

from rclpy.clock import Clock as RosClock
from rclpy.clock import ClockType
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage
from sim2race_msgs.msg import DriveReport, InferenceReport
from std_msgs.msg import String

from car.clock import SystemClock
from car.log_reader import read_log
from car.replay import LogReplay
from car.replay_start import ReplayStart
from car.topics import CAMERA, DRIVE_REPORT, INFERENCE_REPORT, RUN_INFO
from sim2race_car import ros

LOOK_EVERY_S = 0.002


class ReplayNode(Node):
    """Publishes a log's frames with stamps of now, and ends when they are over.

    It begins when everybody who shall hear the first frame does, see `car.replay_start`.

    Parameters: `replay` (path of the log), `logging` (whether a log node shall hear the replay).

    Raises:
        Sim2RaceError: there is no log, or it has no frames; while it runs, that its audience has not come.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("replay_node", namespace="camera_pkg", **arguments)
        path = Path(self.declare_parameter("replay", "").value)
        self._time = SystemClock()
        self._replay = LogReplay(read_log(path), self._time)
        self._start = ReplayStart(self._time, logging=self.declare_parameter("logging", True).value)
        self._heard = [
            ros.subscribe(self, INFERENCE_REPORT, self._on_inference),
            ros.subscribe(self, DRIVE_REPORT, self._on_drive),
            ros.subscribe(self, RUN_INFO, self._on_run_info),
        ]
        self._pictures = ros.publish(self, CAMERA)
        self._timer = self.create_timer(
            LOOK_EVERY_S, self._on_time, clock=RosClock(clock_type=ClockType.STEADY_TIME)
        )
        self.get_logger().info(f"ready: {len(self._replay)} frames of {path.name}")

    def _on_inference(self, report: InferenceReport) -> None:
        self._start.on_inference(report.reason)

    def _on_drive(self, report: DriveReport) -> None:
        self._start.on_drive()

    def _on_run_info(self, info: String) -> None:
        self._start.on_log(json.loads(info.data).get("hears", []))

    def _on_time(self) -> None:
        if not self._start.has_begun():
            missing = "; ".join(self._start.missing())
            if missing:
                self.get_logger().info(f"waiting: {missing}", throttle_duration_sec=2.0)
            return
        frame = self._replay.due()
        if frame is not None:
            message = CompressedImage(format="jpeg", data=array.array("B", frame.jpeg))
            message.header.stamp = ros.time_from_ns(self._time.wall_ns())
            message.header.frame_id = str(frame.number)
            self._pictures.publish(message)
        elif self._replay.is_over:
            self.get_logger().info("the log is over")
            self._timer.cancel()
            self.context.try_shutdown()


def main() -> None:
    """Run the node."""
    ros.run(ReplayNode)


if __name__ == "__main__":
    main()
