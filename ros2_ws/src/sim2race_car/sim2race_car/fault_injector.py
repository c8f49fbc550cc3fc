"""A node that stands in two lines of the graph and spoils what passes, for `sim2race bench faults`.

It passes on camera frames to the inference node and decisions to the drive node, byte for byte, until it is
told to spoil them. Every order is answered with the time at which it took effect.
"""

from __future__ import annotations

import array
import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
from deepracer_interfaces_pkg.msg import InferResultsArray
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage

from car.priority import CAMERA_LEVEL, raise_priority
from car.topics import CAMERA, RL_RESULTS, RUN_INFO, Durability, Reliability, Topic
from sim2race_car import ros

RAW_CAMERA = replace(CAMERA, name="/sim2race/bench/camera")
RAW_RESULTS = replace(RL_RESULTS, name="/sim2race/bench/rl_results")
ORDER: Topic = replace(
    RUN_INFO, name="/sim2race/bench/order", durability=Durability.VOLATILE, reliability=Reliability.RELIABLE
)
"""What is to be spoilt: a word, or empty for nothing."""
ANSWER: Topic = replace(ORDER, name="/sim2race/bench/answer")
"""JSON: the order and the monotonic clock when it took effect."""
SECOND_NS = 1_000_000_000


class FaultInjector(Node):
    """Passes on, or spoils."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__("fault_injector", namespace="sim2race", **arguments)
        self._order = ""
        self._last_picture = array.array("B")
        self._last_frame = b""
        self._camera = ros.publish(self, CAMERA)
        self._results = ros.publish(self, RL_RESULTS)
        self._answers = ros.publish(self, ANSWER)
        self._listening = [
            ros.subscribe(self, RAW_CAMERA, self._on_frame, raw=True),
            ros.subscribe(self, RAW_RESULTS, self._on_results, raw=True),
            ros.subscribe(self, ORDER, self._on_order),
        ]

    def _on_order(self, order: Any) -> None:
        self._order = order.data
        taken = json.dumps({"order": order.data, "at_s": time.monotonic()})
        self._answers.publish(ros.interface(ANSWER.type_name)(data=taken))

    def _on_frame(self, data: bytes) -> None:
        if self._order in ("stall", "frozen", "past", "future", "malformed"):
            self._spoil_frame(data)
            return
        self._camera.publish(data)
        self._last_picture = array.array("B")
        self._last_frame = data

    def _spoil_frame(self, data: bytes) -> None:
        if self._order == "stall":
            return
        frame: CompressedImage = deserialize_message(data, CompressedImage)
        stamp_ns = ros.ns_from_time(frame.header.stamp)
        if self._order == "frozen":
            if not self._last_picture and self._last_frame:
                self._last_picture = deserialize_message(self._last_frame, CompressedImage).data
            frame.data = self._last_picture
        elif self._order == "malformed":
            frame.data = frame.data[: len(frame.data) // 2]
        else:
            shift_ns = SECOND_NS if self._order == "future" else -SECOND_NS
            frame.header.stamp = ros.time_from_ns(stamp_ns + shift_ns)
        self._camera.publish(frame)

    def _on_results(self, data: bytes) -> None:
        if self._order not in ("nan", "range"):
            self._results.publish(data)
            return
        results: InferResultsArray = deserialize_message(data, InferResultsArray)
        for result in results.results:
            result.class_prob = float("nan") if self._order == "nan" else 7.0 * np.sign(result.class_prob)
        self._results.publish(serialize_message(results))


def main() -> None:
    """Run the node, which must not be a fault of its own on a busy computer."""
    raise_priority(CAMERA_LEVEL)
    ros.run(FaultInjector)


if __name__ == "__main__":
    main()
