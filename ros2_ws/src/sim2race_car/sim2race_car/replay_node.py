"""The replay node: a car log in the place of the camera."""

from __future__ import annotations

import array
from pathlib import Path
from typing import Any

from rclpy.clock import Clock as RosClock
from rclpy.clock import ClockType
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage

from car.clock import SystemClock
from car.log_reader import read_log
from car.replay import LogReplay
from car.topics import CAMERA, DRIVE_REPORT
from sim2race_car import ros

LOOK_EVERY_S = 0.002
SETTLE_S = 1.0
"""After the drive and the policy are there: the log shall hear the first frame, too."""


class ReplayNode(Node):
    """Publishes a log's frames with stamps of now, and ends when they are over.

    Parameters: `replay` (path of the log).

    Raises:
        Sim2RaceError: there is no log, or it has no frames.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("replay_node", namespace="camera_pkg", **arguments)
        path = Path(self.declare_parameter("replay", "").value)
        self._time = SystemClock()
        self._replay = LogReplay(read_log(path), self._time)
        self._begin_s: float | None = None
        self._pictures = ros.publish(self, CAMERA)
        # The drive's reports are listened for, not to: by them one sees that it is there.
        self._timer = self.create_timer(
            LOOK_EVERY_S, self._on_time, clock=RosClock(clock_type=ClockType.STEADY_TIME)
        )
        self.get_logger().info(f"ready: {len(self._replay)} frames of {path.name}")

    def _on_time(self) -> None:
        if not self._everybody_listens():
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

    def _everybody_listens(self) -> bool:
        """Say whether the replay may begin, and once it may, stay with that."""
        now_s = self._time.monotonic_s()
        if self._begin_s is None and self._pictures.get_subscription_count():
            if not self.count_publishers(DRIVE_REPORT.name):
                return False
            self._begin_s = now_s + SETTLE_S
        return self._begin_s is not None and now_s >= self._begin_s


def main() -> None:
    """Run the node."""
    ros.run(ReplayNode)


if __name__ == "__main__":
    main()
