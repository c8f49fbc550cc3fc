"""The inference node: camera frames in, the policy's whole output out, one decision per fresh frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepracer_interfaces_pkg.msg import InferResults, InferResultsArray
from deepracer_interfaces_pkg.srv import LoadModelSrv
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock as RosClock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage
from sim2race_msgs.msg import DriveReport, InferenceReport
from std_msgs.msg import String

from car.clock import SystemClock
from car.drive_report import DriveState
from car.inference import Decision, InferencePipeline, warm_up
from car.models import policy_path
from car.policy import Policy
from car.policy_loader import Loaded, PolicyLoader
from car.priority import CAMERA_LEVEL, raise_priority
from car.replay_start import NOBODY_SENDS
from car.topics import CAMERA, DRIVE_REPORT, INFERENCE_REPORT, LOAD_MODEL, MODEL_ARTIFACT, RL_RESULTS
from sim2race_car import ros

CHECK_EVERY_S = 0.1
SILENCE_S = 1.0
"""Without a frame for so long the node says that it waits."""
NO_FRAMES = "no frames come"


class InferenceNode(Node):
    """Runs a policy; listens to the camera only once the policy is loaded and warm.

    Another policy is loaded beside the running one, by the service `/inference_pkg/load_model` or by setting
    the parameter `policy`; what was wrong with it stands in the report's reason.

    Parameters: `policy` (path of a `policy.onnx`; empty takes the chosen model), `threads`,
    `max_frame_age_s`, `refuse_frozen`.

    Raises:
        Sim2RaceError: the policy breaks its contract, or none is named and none chosen.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("inference_node", namespace="inference_pkg", **arguments)
        self._time = SystemClock()
        threads: int = self.declare_parameter("threads", 1).value
        policy = Policy.load(policy_path(self.declare_parameter("policy", "").value), threads=threads)
        warm_up(policy)
        self.pipeline = InferencePipeline(
            policy,
            self._time,
            max_frame_age_s=self.declare_parameter("max_frame_age_s", 0.1).value,
            refuse_frozen=self.declare_parameter("refuse_frozen", True).value,
        )
        self._loader = PolicyLoader(policy.action_space, self._time, threads=threads)
        self._load_problem = ""
        self._heard_s = self._time.monotonic_s()
        self._results = ros.publish(self, RL_RESULTS)
        self._reports = ros.publish(self, INFERENCE_REPORT)
        self._artifact = ros.publish(self, MODEL_ARTIFACT)
        self._artifact.publish(String(data=str(policy.path)))
        self._drive = ros.subscribe(self, DRIVE_REPORT, self._on_drive_report)
        self._service = ros.serve(self, LOAD_MODEL, self._on_load_model)
        self.add_on_set_parameters_callback(self._on_parameters)
        self._timer = self.create_timer(
            CHECK_EVERY_S, self._check, clock=RosClock(clock_type=ClockType.STEADY_TIME)
        )
        self._camera = ros.subscribe(self, CAMERA, self._on_frame)
        self.get_logger().info(f"ready: {policy.metadata.name} ({policy.sha256[:12]})")

    def _on_frame(self, frame: CompressedImage) -> None:
        self._heard_s = self._time.monotonic_s()
        decision = self.pipeline.offer(
            frame.data.tobytes(), ros.ns_from_time(frame.header.stamp), frame.header.frame_id
        )
        if decision is None:
            self._report("refusing", self.pipeline.problem, frame)
            self.get_logger().warning(f"dropped a frame: {self.pipeline.problem}", throttle_duration_sec=1.0)
            return
        # The report goes first: the drive looks up in it when the decision that follows was taken.
        self._report("acting", self._load_problem, frame, decision)
        results = [
            InferResults(
                class_label=label, class_prob=float(value), x_min=-1.0, y_min=-1.0, x_max=-1.0, y_max=-1.0
            )
            for label, value in enumerate(decision.output)
        ]
        self._results.publish(InferResultsArray(results=results, images=[frame]))

    def _report(
        self,
        state: str,
        reason: str,
        frame: CompressedImage | None = None,
        decision: Decision | None = None,
    ) -> None:
        counts = self.pipeline.counts
        report = InferenceReport(
            frames_in=counts.frames_in,
            frames_acted=counts.acted,
            dropped_old=counts.dropped_old,
            dropped_bad=counts.dropped_bad,
            dropped_overtaken=counts.overtaken,
            dropped_future=counts.future,
            dropped_malformed=counts.malformed,
            dropped_frozen=counts.frozen,
            state=state,
            reason=reason,
            policy_sha256=self.pipeline.policy.sha256,
        )
        if frame is not None:
            report.source_stamp = frame.header.stamp
        if decision is not None:
            report.header.stamp = ros.time_from_ns(decision.inferred_ns)
            report.inference_ms = decision.inference_ms
        self._reports.publish(report)

    def _on_drive_report(self, report: DriveReport) -> None:
        is_driving = report.state == DriveState.DRIVING.value
        # The first decision after arming is obeyed before a report can say so.
        self.pipeline.on_drive(obeyed=is_driving or report.state == DriveState.ARMED.value)
        self.pipeline.frozen_picture.on_drive(report.speed_mps if is_driving else 0.0)

    def _check(self) -> None:
        """Take over a policy that has been loaded, and say so when no frame comes."""
        loaded = self._loader.take()
        if loaded is not None:
            self._take_over(loaded)
        silent_s = self._time.monotonic_s() - self._heard_s
        if silent_s > SILENCE_S:
            self._heard_s = self._time.monotonic_s()
            silence = NO_FRAMES if self._camera.get_publisher_count() else NOBODY_SENDS
            self._report("ready", self._load_problem or silence)

    def _take_over(self, loaded: Loaded) -> None:
        self._load_problem = loaded.problem
        if loaded.policy is None:
            self.get_logger().error(f"the old policy goes on: {loaded.problem}")
        else:
            self.pipeline.use(loaded.policy)
            self._artifact.publish(String(data=str(loaded.path)))
            name, sha256 = loaded.policy.metadata.name, loaded.policy.sha256
            self.get_logger().info(f"another policy decides: {name} ({sha256[:12]})")
        # Between frames, so that it is said even where none come.
        self._report("ready", loaded.problem)

    def _on_load_model(
        self, request: LoadModelSrv.Request, response: LoadModelSrv.Response
    ) -> LoadModelSrv.Response:
        """Answer whether loading has begun; frames go on meanwhile, so how it ends stands in the report."""
        response.error = 0 if self._start_loading(Path(request.artifact_path)) else 1
        return response

    def _on_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name != "policy":
                return SetParametersResult(successful=False, reason=f"{parameter.name} is fixed at the start")
            if not self._start_loading(Path(str(parameter.value))):
                return SetParametersResult(successful=False, reason=self._load_problem)
        return SetParametersResult(successful=True)

    def _start_loading(self, path: Path) -> bool:
        """Begin to load a policy, or say why not; the disk is touched in the background only."""
        has_begun = self._loader.start(path)
        if not has_begun:
            self._load_problem = "another policy is being loaded"
        return has_begun


def main() -> None:
    """Run the node."""
    raise_priority(CAMERA_LEVEL)
    ros.run(InferenceNode)


if __name__ == "__main__":
    main()
