"""The camera node: a V4L2 camera, a video file or another node's pictures, with the time of their capture."""

from __future__ import annotations

import array
import threading
from typing import Any

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String

from car.camera import CameraFrame, VideoCamera
from car.clock import SystemClock
from car.priority import CAMERA_LEVEL, raise_priority
from car.topics import CAMERA, CAMERA_ABOUT
from sim2race_car import ros

TOPIC_PREFIX = "topic:"
"""As in `topic:/camera/image_raw/compressed`, where camera_ros publishes."""
BY_OTHER_NODE = "as the node that publishes {} stamps it; camera_ros, with use_node_time: at its arrival"


class CameraNode(Node):
    """Publishes what the camera sees; offers the topic once the first picture has come.

    Parameters: `camera` (device, video file, or `topic:` and the compressed pictures of another node), `fps`.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("camera_node", namespace="camera_pkg", **arguments)
        source: str = self.declare_parameter("camera", "/dev/video0").value
        fps: float = self.declare_parameter("fps", 30.0).value
        self._frame_number = 0
        self._about = ""
        self._abouts = ros.publish(self, CAMERA_ABOUT)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        if source.startswith(TOPIC_PREFIX):
            self._pass_on(source.removeprefix(TOPIC_PREFIX))
            return
        self._device = VideoCamera(source, fps, SystemClock())
        first = self._device.read()
        if first is None:
            self.get_logger().warning(f"no picture from {source} yet; waiting for it")
        while first is None:
            first = self._device.read()
        self._pictures = ros.publish(self, CAMERA)
        self._publish(first)
        self._thread = threading.Thread(target=self._read_and_publish, name="camera", daemon=True)
        self._thread.start()

    def destroy_node(self) -> None:
        """Let go of the camera, then leave the graph."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)
            self._device.close()
        super().destroy_node()

    def _pass_on(self, topic: str) -> None:
        """Number another node's pictures and keep its stamps; best effort hears every publisher."""
        newest_only = QoSProfile(
            history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT
        )
        self._pictures = ros.publish(self, CAMERA)
        self._other = self.create_subscription(CompressedImage, topic, self._on_picture, newest_only)
        self._say(BY_OTHER_NODE.format(topic))

    def _on_picture(self, picture: CompressedImage) -> None:
        picture.header.frame_id = str(self._frame_number)
        self._frame_number += 1
        self._pictures.publish(picture)

    def _read_and_publish(self) -> None:
        while not self._ending.is_set():
            frame = self._device.read()
            if frame is None:
                self.get_logger().warning(
                    "no picture; the camera is being opened again", throttle_duration_sec=5.0
                )
            elif not self._ending.is_set():
                self._publish(frame)

    def _publish(self, frame: CameraFrame) -> None:
        message = CompressedImage(format="jpeg", data=array.array("B", frame.jpeg))
        message.header.stamp = ros.time_from_ns(frame.captured_ns)
        message.header.frame_id = str(self._frame_number)
        self._frame_number += 1
        self._pictures.publish(message)
        self._say(self._device.stamp_meaning)

    def _say(self, meaning: str) -> None:
        """Say what a stamp means, at the start and whenever that changes."""
        if meaning != self._about:
            self._about = meaning
            self.get_logger().info(f"pictures are stamped {meaning}")
            self._abouts.publish(String(data=meaning))


def main() -> None:
    """Run the node."""
    raise_priority(CAMERA_LEVEL)
    ros.run(CameraNode)


if __name__ == "__main__":
    main()
