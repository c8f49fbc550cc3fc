"""A page's eyes and hand on a running graph: listens as a keep-last-1 peer, arms, steers, disarms.

Whoever listens is handed plain values, so that nothing beyond this module needs ROS 2.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any, Protocol

import rclpy
from deepracer_interfaces_pkg.msg import DeviceStatusMsg, InferResultsArray
from deepracer_interfaces_pkg.srv import ActiveStateSrv, EnableStateSrv, NavThrottleSrv
from nav_msgs.msg import Odometry
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage
from sim2race_msgs.msg import DriveReport, InferenceReport, TrackPosition
from std_msgs.msg import String

from car.drive_report import DriveMode
from car.raw_log import number_of
from car.topics import (
    CAMERA,
    DEVICE_STATUS,
    DRIVE_REPORT,
    ENABLE_STATE,
    GROUND_TRUTH,
    INFERENCE_REPORT,
    MAX_SPEED,
    RL_RESULTS,
    RUN_INFO,
    TRACK_POSITION,
    VEHICLE_STATE,
)
from sim2race_car import ros
from sim2race_car.live_guard import BEAT_S, HELD, RELEASED
from sim2race_car.live_stick import LiveStick

GUARD_DEADLINE_S = 15.0
SERVICE_DEADLINE_S = 2.0


class Listener(Protocol):
    """Who is told; called from the client's thread and must be quick."""

    def on_decision(self, jpeg: bytes, captured_ns: int, outputs: list[float], number: int) -> None:
        """A frame with what the policy said about it; `number` is the camera's count, -1 if none."""

    def on_camera(self, jpeg: bytes, captured_ns: int, number: int) -> None:
        """A frame of the camera."""

    def on_report(self, name: str, content: dict[str, Any]) -> None:
        """A report: drive, inference, place or device."""

    def on_run(self, run: dict[str, Any]) -> None:
        """What the graph says of its run."""


class _Guard:
    """The process that disarms when this one no longer can; told several times a second that it still can."""

    def __init__(self, domain: int | None) -> None:
        environment = dict(os.environ)
        if domain is not None:
            environment["ROS_DOMAIN_ID"] = str(domain)
        command = [sys.executable, "-m", "sim2race_car.live_guard"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
        self._held = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="live-guard", daemon=True)
        self._thread.start()

    def hold(self) -> None:
        self._held.set()

    def release(self) -> None:
        self._held.clear()

    @property
    def is_there(self) -> bool:
        return self._process.poll() is None and self._thread.is_alive()

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(GUARD_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _beat(self) -> None:
        assert self._process.stdin is not None
        pipe = self._process.stdin.fileno()
        # Without its reader there is nobody to tell, and the console's own watch is still there.
        with contextlib.suppress(OSError):
            while not self._ended.wait(BEAT_S):
                os.write(pipe, HELD if self._held.is_set() else RELEASED)
            os.write(pipe, RELEASED)


class LiveClient:
    """A node of its own, turned by a thread of its own; a context manager.

    Args:
        listener: who is told.
        domain: ROS 2 domain of the graph; `ROS_DOMAIN_ID` or 0 when not given.
    """

    def __init__(self, listener: Listener, domain: int | None = None) -> None:
        self._listener = listener
        self._context = ros.own_context(domain)
        self._node = Node("console", namespace="sim2race", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._enable = self._node.create_client(EnableStateSrv, ENABLE_STATE.name)
        self._mode = self._node.create_client(ActiveStateSrv, VEHICLE_STATE.name)
        self._max_speed = self._node.create_client(NavThrottleSrv, MAX_SPEED.name)
        self._stick = LiveStick(self._node)
        self._reason = ""
        self._subscriptions = [
            ros.subscribe(self._node, RL_RESULTS, self._on_results),
            ros.subscribe(self._node, CAMERA, self._on_camera),
            ros.subscribe(self._node, DRIVE_REPORT, self._on_drive),
            ros.subscribe(self._node, INFERENCE_REPORT, self._on_inference),
            ros.subscribe(self._node, TRACK_POSITION, self._on_place),
            ros.subscribe(self._node, GROUND_TRUTH, self._on_pose),
            ros.subscribe(self._node, DEVICE_STATUS, self._on_device),
            ros.subscribe(self._node, RUN_INFO, self._on_run),
        ]
        self._guard = _Guard(domain)
        self._thread = threading.Thread(target=self._turn, name="live-graph", daemon=True)
        self._thread.start()

    def __enter__(self) -> LiveClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._guard.close()
        self._stick.close()
        self._executor.shutdown()
        self._thread.join(SERVICE_DEADLINE_S)
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def arm(self) -> str:
        """Ask the drive to arm, acknowledging a stop; returns "" or why not."""
        if not self._guard.is_there:
            return "the console's guard process has ended; start the console again"
        self._guard.hold()
        problem = self._ask(self._enable, EnableStateSrv.Request(is_active=True))
        if problem:
            self._guard.release()
        return problem

    def disarm(self) -> str:
        """Ask the drive to go to neutral; returns "" or why not."""
        problem = self._ask(self._enable, EnableStateSrv.Request(is_active=False))
        if not problem:
            self._guard.release()
        return problem

    def set_manual(self, manual: bool) -> str:
        """Let a person drive, or the policy; disarms. Returns "" or why not."""
        mode = DriveMode.MANUAL if manual else DriveMode.AUTONOMOUS
        problem = self._ask(self._mode, ActiveStateSrv.Request(state=int(mode)))
        if not manual:
            self._stick.leave()
        elif not problem:
            self._stick.take()
        return problem

    def steer(self, angle: float, throttle: float) -> None:
        """Say where the stick is, each -1..1, + is left and forward."""
        self._stick.hold(angle, throttle)

    def set_max_speed(self, share: float) -> str:
        """Limit the policy's speed to a share of the greatest; returns "" or why not."""
        return self._ask(self._max_speed, NavThrottleSrv.Request(throttle=share))

    def _ask(self, client: Any, question: Any) -> str:
        """Call a service from any thread but the client's own; returns "" or why it was not done."""
        if not client.service_is_ready():
            return "the drive node is not there"
        answered = threading.Event()
        answer = client.call_async(question)
        answer.add_done_callback(lambda _: answered.set())
        if not answered.wait(SERVICE_DEADLINE_S):
            client.remove_pending_request(answer)
            return f"the drive node has not answered within {SERVICE_DEADLINE_S:g} s"
        if answer.result().error:
            return self._reason or "the drive node refuses"
        return ""

    def _turn(self) -> None:
        with contextlib.suppress(ExternalShutdownException):  # This is how it ends.
            self._executor.spin()

    def _on_results(self, results: InferResultsArray) -> None:
        if not results.images:
            return
        image = results.images[0]
        outputs = [float(result.class_prob) for result in results.results]
        self._listener.on_decision(
            bytes(image.data), ros.ns_from_time(image.header.stamp), outputs, number_of(image.header.frame_id)
        )

    def _on_camera(self, image: CompressedImage) -> None:
        self._listener.on_camera(
            bytes(image.data), ros.ns_from_time(image.header.stamp), number_of(image.header.frame_id)
        )

    def _on_drive(self, report: DriveReport) -> None:
        self._reason = report.reason
        written_ns, source_ns = ros.ns_from_time(report.header.stamp), ros.ns_from_time(report.source_stamp)
        content = {
            "state": report.state,
            "reason": report.reason,
            "steering_rad": float(report.steering_rad),
            "speed_mps": float(report.speed_mps),
            "latency_ms": (written_ns - source_ns) / 1e6 if source_ns else None,
            "dropped": int(report.dropped),
            "stamp_ns": written_ns,
            "source_ns": source_ns,
        }
        self._listener.on_report("drive", content)

    def _on_inference(self, report: InferenceReport) -> None:
        content = {
            "state": report.state,
            "reason": report.reason,
            "inference_ms": float(report.inference_ms),
            "dropped": int(report.dropped_old + report.dropped_bad),
        }
        self._listener.on_report("inference", content)

    def _on_place(self, place: TrackPosition) -> None:
        content = {
            "progress_percent": float(place.progress_percent),
            "laps": int(place.laps),
            "lap_time_s": float(place.lap_time_s),
            "last_lap_time_s": float(place.last_lap_time_s),
            "speed_mps": float(place.speed_mps),
            "off_track": bool(place.off_track),
            "stamp_ns": ros.ns_from_time(place.header.stamp),
        }
        self._listener.on_report("place", content)

    def _on_pose(self, odometry: Odometry) -> None:
        at = odometry.pose.pose.position
        self._listener.on_report("pose", {"x_m": float(at.x), "y_m": float(at.y)})

    def _on_device(self, status: DeviceStatusMsg) -> None:
        fields = ("cpu_percent", "cpu_temp", "latency_mean", "latency_p95", "fps_mean")
        self._listener.on_report("device", {name: float(getattr(status, name)) for name in fields})

    def _on_run(self, info: String) -> None:
        try:
            run = json.loads(info.data)
        except ValueError:
            return
        if isinstance(run, dict):
            self._listener.on_run(run)
