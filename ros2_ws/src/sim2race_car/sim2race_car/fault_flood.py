"""A stranger who floods the topic of decisions with orders of his own, for `sim2race bench faults`."""

from __future__ import annotations

import json
import time
from typing import Any

from deepracer_interfaces_pkg.msg import InferResults, InferResultsArray
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage

from car.topics import RL_RESULTS
from sim2race_car import ros
from sim2race_car.fault_injector import ANSWER, ORDER

FLOOD = "flood"
PERIOD_S = 0.0005
"""Two thousand decisions a second, as far as the machine lets it."""
LISTENERS = 2
"""Drive and log; before they are found, a flood would reach nobody."""
KNOWN_S = 1.0
"""How long they must have been found: finding is mutual, and takes a moment more."""


class FaultFlood(Node):
    """Waits for the order, and then speaks without end.

    Parameters: `actions` (how many outputs a decision has).
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("fault_flood", namespace="sim2race", **arguments)
        count: int = self.declare_parameter("actions", 9).value
        self._decision = InferResultsArray(
            results=[
                InferResults(class_label=label, class_prob=1.0 if label == 0 else 0.0)
                for label in range(count)
            ],
            images=[CompressedImage(format="jpeg")],
        )
        self._results = ros.publish(self, RL_RESULTS)
        self._answers = ros.publish(self, ANSWER)
        self._orders = ros.subscribe(self, ORDER, self._on_order)
        self._found_s: float | None = None
        self._looking = self.create_timer(0.1, self._look_for_listeners)

    def _look_for_listeners(self) -> None:
        if self._found_s is None and self._results.get_subscription_count() >= LISTENERS:
            self._found_s = time.monotonic()

    def _on_order(self, order: Any) -> None:
        is_known = self._found_s is not None and time.monotonic() - self._found_s > KNOWN_S
        if order.data != FLOOD or not is_known:
            return
        # The answer tells when the first word was spoken, which on a busy computer may be much later.
        taken = json.dumps({"order": order.data, "at_s": time.monotonic()})
        self._speak()
        self._answers.publish(ros.interface(ANSWER.type_name)(data=taken))
        self._timer = self.create_timer(PERIOD_S, self._speak)

    def _speak(self) -> None:
        self._decision.images[0].header.stamp = ros.time_from_ns(time.time_ns())
        self._results.publish(self._decision)


def main() -> None:
    """Run the node."""
    ros.run(FaultFlood)


if __name__ == "__main__":
    main()
