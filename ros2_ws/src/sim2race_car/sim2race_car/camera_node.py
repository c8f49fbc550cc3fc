"""The camera node: a V4L2 camera, or a video file, as compressed pictures with the time of their capture."""

from __future__ import annotations

import array
import threading
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage

from car.camera import CameraFrame, VideoCamera
from car.clock import SystemClock
from car.topics import CAMERA
from sim2race_car import ros


class CameraNode(Node):
    """Publishes what the camera sees; offers the topic once the first picture has come.

    Parameters: `camera` (device or video file), `fps`.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("camera_node", namespace="camera_pkg", **arguments)
        source: str = self.declare_parameter("camera", "/dev/video0").value
        self._device = VideoCamera(source, self.declare_parameter("fps", 30.0).value, SystemClock())
        self._frame_number = 0
        first = self._device.read()
        if first is None:
            self.get_logger().warning(f"no picture from {source} yet; waiting for it")
        while first is None:
            first = self._device.read()
        self._pictures = ros.publish(self, CAMERA)
        self._publish(first)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read_and_publish, name="camera", daemon=True)
        self._thread.start()

    def destroy_node(self) -> None:
        """Let go of the camera, then leave the graph."""
        self._ending.set()
        self._thread.join(timeout=1.0)
        self._device.close()
        super().destroy_node()

    def _read_and_publish(self) -> None:
        while not self._ending.is_set():
            frame = self._device.read()
            if frame is None:
                self.get_logger().warning("no picture; the camera is being opened again")
            elif not self._ending.is_set():
                self._publish(frame)

    def _publish(self, frame: CameraFrame) -> None:
        message = CompressedImage(format="jpeg", data=array.array("B", frame.jpeg))
        message.header.stamp = ros.time_from_ns(frame.captured_ns)
        message.header.frame_id = str(self._frame_number)
        self._frame_number += 1
        self._pictures.publish(message)


def main() -> None:
    """Run the node."""
    ros.run(CameraNode)


if __name__ == "__main__":
    main()
