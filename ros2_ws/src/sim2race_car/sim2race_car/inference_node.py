"""The inference node: camera frames in, the policy's whole output out, one decision per fresh frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepracer_interfaces_pkg.msg import InferResults, InferResultsArray
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage
from sim2race_msgs.msg import InferenceReport

from car.clock import SystemClock
from car.inference import InferencePipeline
from car.policy import Policy
from car.topics import CAMERA, INFERENCE_REPORT, RL_RESULTS
from sim2race_car import ros


class InferenceNode(Node):
    """Runs a policy; listens to the camera only once the policy is loaded and warm.

    Parameters: `policy` (path of a `policy.onnx`), `threads`, `max_frame_age_s`.

    Raises:
        BadFileError: the policy breaks its contract.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("inference_node", namespace="inference_pkg", **arguments)
        self._policy = Policy.load(
            Path(self.declare_parameter("policy", "policy.onnx").value),
            threads=self.declare_parameter("threads", 1).value,
        )
        self.pipeline = InferencePipeline(
            self._policy,
            SystemClock(),
            max_frame_age_s=self.declare_parameter("max_frame_age_s", 0.1).value,
        )
        self.pipeline.warm_up()
        self._results = ros.publish(self, RL_RESULTS)
        self._reports = ros.publish(self, INFERENCE_REPORT)
        self._camera = ros.subscribe(self, CAMERA, self._on_frame)
        self.get_logger().info(f"ready: {self._policy.metadata.name} ({self._policy.sha256[:12]})")

    def _on_frame(self, frame: CompressedImage) -> None:
        decision = self.pipeline.offer(
            frame.data.tobytes(), ros.ns_from_time(frame.header.stamp), frame.header.frame_id
        )
        counts = self.pipeline.counts
        report = InferenceReport(
            source_stamp=frame.header.stamp,
            frames_in=counts.frames_in,
            frames_acted=counts.acted,
            dropped_old=counts.dropped_old,
            dropped_bad=counts.dropped_bad,
        )
        if decision is None:
            self._reports.publish(report)
            self.get_logger().warning(f"dropped a frame: {self.pipeline.problem}", throttle_duration_sec=1.0)
            return
        report.header.stamp = ros.time_from_ns(decision.inferred_ns)
        report.inference_ms = decision.inference_ms
        # The report goes first: the drive looks up in it when the decision that follows was taken.
        self._reports.publish(report)
        results = [
            InferResults(
                class_label=label, class_prob=float(value), x_min=-1.0, y_min=-1.0, x_max=-1.0, y_max=-1.0
            )
            for label, value in enumerate(decision.output)
        ]
        self._results.publish(InferResultsArray(results=results, images=[frame]))


def main() -> None:
    """Run the node."""
    ros.run(InferenceNode)


if __name__ == "__main__":
    main()
