"""Synthetic car logs for tests: drawn pictures of a road, and every topic consistent with every other.

A car follows an oval counter-clockwise. Its pictures are the road ahead through a pinhole camera; its
commands come from a policy that looks at those pictures, or else from the curvature ahead.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from car.action_space import Command, DiscreteActionSpace, default_action_space, to_model_metadata
from car.calibration import default_calibration
from car.log_writer import FLUSH_EVERY_S, LogWriter
from car.messages import header, make, serialize, time_from_ns
from car.policy import Policy
from car.preprocess import frame_from_jpeg, observation
from car.topics import (
    AUTO_DRIVE,
    DEVICE_STATUS,
    DRIVE_REPORT,
    GROUND_TRUTH,
    INFERENCE_REPORT,
    RL_RESULTS,
    RUN_INFO,
    TRACK_POSITION,
    Topic,
)

STARTED_AT = datetime(2026, 1, 2, 3, 4, 5)
STARTED_NS = 1_767_323_045_000_000_000
INFERENCE_DELAY_NS = 12_000_000
WRITE_DELAY_NS = 15_000_000
ROAD_HALF_WIDTH_M = 0.5
OVAL_M = (3.0, 2.0)
STOP_REASON = "no fresh command for 100 ms"


@dataclass(frozen=True)
class SyntheticFrame:
    """What happened at one frame of a synthetic log."""

    stamp_ns: int
    number: int
    jpeg: bytes
    probabilities: NDArray[np.float32]
    action: int
    command: Command
    x_m: float
    y_m: float
    yaw_rad: float
    arc_length_m: float
    lap_length_m: float


def write_synthetic_log(
    folder: Path,
    frames: int = 90,
    policy: Path | None = None,
    *,
    name: str = "synthetic",
    rate_hz: float = 30.0,
    pictures: int | None = None,
    skip: tuple[int, ...] = (),
    finish: bool = True,
) -> Path:
    """Write a car log as the nodes would, and return its directory.

    Args:
        folder: where logs are kept.
        frames: number of camera frames.
        policy: a discrete `policy.onnx` that decides and is copied; without it the road decides.
        name: beginning of the log's name.
        rate_hz: camera rate.
        pictures: number of distinct pictures, repeated in turn; all are distinct by default.
        skip: frame numbers that the camera counted but the policy never saw.
        finish: whether the log is closed, with index and `metadata.yaml`.
    """
    space = Policy.load(policy).action_space if policy else default_action_space()
    run = {
        "policy": {"name": name, "sha256": Policy.load(policy).sha256 if policy else None},
        "action_space": to_model_metadata(space),
        "calibration": default_calibration().to_json(),
        "track": "oval",
        "direction": "counter-clockwise",
        "noise": "none",
        "seed": 0,
    }
    log = LogWriter(folder, name=name, started_at=STARTED_AT, run=run, policy=policy, queue_bytes=2**31)
    _write(log, RUN_INFO, STARTED_NS, make(RUN_INFO.type_name, data=json.dumps(run)))
    _write_drive(log, STARTED_NS, None, "armed", "waiting for the first command", 0)
    last_ns = STARTED_NS
    for count, frame in enumerate(synthetic_frames(frames, policy, rate_hz=rate_hz, pictures=pictures)):
        if frame.number not in skip:
            write_frame(log, frame, count + 1)
        if count % 75 == 0:
            _write_status(log, frame.stamp_ns)
        last_ns = frame.stamp_ns
    _write_drive(log, last_ns + 110_000_000, None, "stopped", STOP_REASON, frames)
    if finish:
        log.close("end of the synthetic drive")
    else:
        _wait_until_flushed(log)
    assert log.dropped == 0
    return log.path


def synthetic_frames(
    frames: int, policy: Path | None = None, *, rate_hz: float = 30.0, pictures: int | None = None
) -> Iterator[SyntheticFrame]:
    """Drive the oval and yield one frame after the other."""
    loaded = Policy.load(policy) if policy else None
    space = loaded.action_space if loaded else default_action_space()
    assert isinstance(space, DiscreteActionSpace)
    oval = _Oval()
    jpegs: list[bytes] = []
    arc_m = 0.0
    for number in range(frames):
        x_m, y_m, yaw_rad = oval.pose(arc_m)
        if pictures is None or number < pictures:
            jpegs.append(_encode(draw_road(oval, arc_m)))
        jpeg = jpegs[number % len(jpegs)]
        if loaded:
            probabilities = loaded.act(observation(frame_from_jpeg(jpeg))[None])
        else:
            probabilities = _follow(space, oval.curvature_1pm(arc_m))
        action = space.choose(probabilities)
        yield SyntheticFrame(
            stamp_ns=STARTED_NS + round((number + 1) * 1e9 / rate_hz),
            number=number,
            jpeg=jpeg,
            probabilities=probabilities,
            action=action,
            command=space.command(action),
            x_m=x_m,
            y_m=y_m,
            yaw_rad=yaw_rad,
            arc_length_m=arc_m % oval.length_m,
            lap_length_m=oval.length_m,
        )
        arc_m += space.command(action).speed_mps / rate_hz


def _wait_until_flushed(log: LogWriter) -> None:
    """Wait until a log that nobody closes has been flushed to its last entry."""
    deadline_s = time.monotonic() + 20.0
    before, unchanged_s = -1, time.monotonic()
    while time.monotonic() - unchanged_s < 2.5 * FLUSH_EVERY_S:
        assert time.monotonic() < deadline_s
        if log.written != before:
            before, unchanged_s = log.written, time.monotonic()
        time.sleep(0.05)


class _Oval:
    """The centre line, driven counter-clockwise, by arc length."""

    def __init__(self) -> None:
        angle = np.linspace(0.0, 2.0 * math.pi, 2001)
        self._points = np.stack([OVAL_M[0] * np.cos(angle), OVAL_M[1] * np.sin(angle)], axis=1)
        steps = np.linalg.norm(np.diff(self._points, axis=0), axis=1)
        self._arc_m = np.concatenate([[0.0], np.cumsum(steps)])
        self.length_m = float(self._arc_m[-1])

    def points(self, arc_m: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return (N, 2) points at arc lengths."""
        wrapped = np.mod(arc_m, self.length_m)
        return np.stack([np.interp(wrapped, self._arc_m, self._points[:, i]) for i in (0, 1)], axis=1)

    def pose(self, arc_m: float) -> tuple[float, float, float]:
        """Return x, y and the direction of travel."""
        here, ahead = self.points(np.array([arc_m, arc_m + 0.01]))
        return float(here[0]), float(here[1]), math.atan2(ahead[1] - here[1], ahead[0] - here[0])

    def curvature_1pm(self, arc_m: float) -> float:
        """Return the curvature half a metre ahead, positive to the left."""
        yaw = [self.pose(arc_m + ahead)[2] for ahead in (0.25, 0.75)]
        return math.remainder(yaw[1] - yaw[0], 2.0 * math.pi) / 0.5


def draw_road(oval: _Oval, arc_m: float) -> NDArray[np.uint8]:
    """Draw the road ahead as (120, 160, 3) RGB: grey between white borders, a dashed centre line, a sky."""
    image = np.full((120, 160, 3), (60, 90, 60), dtype=np.uint8)
    image[:38] = (40, 45, 60)
    ahead = np.arange(0.0, 4.0, 0.05)
    center = oval.points(arc_m + ahead)
    yaw = np.unwrap([oval.pose(arc_m + float(s))[2] for s in ahead])
    normal = np.stack([-np.sin(yaw), np.cos(yaw)], axis=1)
    left, right, middle = (
        _project(center + offset * normal, oval.pose(arc_m))
        for offset in (ROAD_HALF_WIDTH_M, -ROAD_HALF_WIDTH_M, 0.0)
    )
    cv2.fillPoly(image, [np.concatenate([left, right[::-1]])], (100, 100, 98), cv2.LINE_AA)
    for border in (left, right):
        cv2.polylines(image, [border], False, (250, 250, 235), 2, cv2.LINE_AA)
    for start in range(0, len(middle) - 3, 6):
        cv2.polylines(image, [middle[start : start + 3]], False, (220, 160, 20), 1, cv2.LINE_AA)
    return image


def _project(points: NDArray[np.float64], pose: tuple[float, float, float]) -> NDArray[np.int32]:
    """Return pixels of points on the ground, for a camera 18 cm up that looks 14 degrees down."""
    x_m, y_m, yaw_rad = pose
    dx, dy = points[:, 0] - x_m, points[:, 1] - y_m
    forward = np.maximum(math.cos(yaw_rad) * dx + math.sin(yaw_rad) * dy, 0.12)
    left = -math.sin(yaw_rad) * dx + math.cos(yaw_rad) * dy
    pitch = math.radians(14.0)
    depth = forward * math.cos(pitch) + 0.18 * math.sin(pitch)
    down = 0.18 * math.cos(pitch) - forward * math.sin(pitch)
    pixels = np.stack([80.0 - 126.0 * left / depth, 60.0 + 126.0 * down / depth], axis=1)
    return np.clip(pixels, -2000, 2000).round().astype(np.int32)


def _follow(space: DiscreteActionSpace, curvature_1pm: float) -> NDArray[np.float32]:
    """Return probabilities that favour the wheel angle of a curve, for a wheelbase of 16.5 cm."""
    wanted_rad = math.atan(0.165 * curvature_1pm)
    logits = -(((space.table()[:, 0] - wanted_rad) / 0.08) ** 2)
    odds = np.exp(logits)
    return np.asarray(odds / odds.sum(), dtype=np.float32)


def _encode(image_rgb: NDArray[np.uint8]) -> bytes:
    ok, data = cv2.imencode(".jpg", image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    assert ok
    return bytes(data)


def write_frame(log: LogWriter, frame: SyntheticFrame, count: int) -> None:
    """Write everything that the nodes say about one frame; `count` is the number of frames so far."""
    inferred_ns = frame.stamp_ns + INFERENCE_DELAY_NS
    source = time_from_ns(frame.stamp_ns)
    _write_ground_truth(log, frame)
    image = make(
        "sensor_msgs/msg/CompressedImage",
        header=header(frame.stamp_ns, str(frame.number)),
        format="jpeg",
        data=np.frombuffer(frame.jpeg, dtype=np.uint8),
    )
    boxes = {"x_min": -1.0, "y_min": -1.0, "x_max": -1.0, "y_max": -1.0}
    results = [
        make("deepracer_interfaces_pkg/msg/InferResults", class_label=i, class_prob=float(p), **boxes)
        for i, p in enumerate(frame.probabilities)
    ]
    _write(log, RL_RESULTS, inferred_ns, make(RL_RESULTS.type_name, results=results, images=[image]))
    angle = frame.command.steering_rad / math.radians(20.0)
    servo = make(
        AUTO_DRIVE.type_name, angle=angle, throttle=frame.command.speed_mps / 1.3, source_stamp=source
    )
    _write(log, AUTO_DRIVE, inferred_ns, servo)
    report = make(
        INFERENCE_REPORT.type_name,
        header=header(inferred_ns, ""),
        source_stamp=source,
        frames_in=count,
        frames_acted=count,
        dropped_old=0,
        dropped_bad=0,
        inference_ms=3.5,
        dropped_overtaken=0,
        dropped_future=0,
        dropped_malformed=0,
        dropped_frozen=0,
        state="acting",
        reason="",
        policy_sha256="",
    )
    _write(log, INFERENCE_REPORT, inferred_ns, report)
    _write_drive(log, frame.stamp_ns + WRITE_DELAY_NS, frame, "driving", "", count)


def _write_drive(
    log: LogWriter, stamp_ns: int, frame: SyntheticFrame | None, state: str, reason: str, commands: int
) -> None:
    command = frame.command if frame else Command(0.0, 0.0)
    pwm = default_calibration().pwm(command)
    report = make(
        DRIVE_REPORT.type_name,
        header=header(stamp_ns, ""),
        source_stamp=time_from_ns(frame.stamp_ns if frame else 0),
        inferred_stamp=time_from_ns(frame.stamp_ns + INFERENCE_DELAY_NS if frame else 0),
        steering_rad=command.steering_rad,
        speed_mps=command.speed_mps,
        steering_pulse_ns=pwm.steering_ns,
        motor_pulse_ns=pwm.motor_ns,
        state=state,
        reason=reason,
        commands=commands,
        dropped=0,
    )
    _write(log, DRIVE_REPORT, stamp_ns, report)


def _write_ground_truth(log: LogWriter, frame: SyntheticFrame) -> None:
    zeros = np.zeros(36, dtype=np.float64)
    half = frame.yaw_rad / 2.0
    pose = make(
        "geometry_msgs/msg/Pose",
        position=make("geometry_msgs/msg/Point", x=frame.x_m, y=frame.y_m, z=0.0),
        orientation=make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=math.sin(half), w=math.cos(half)),
    )
    twist = make(
        "geometry_msgs/msg/Twist",
        linear=make("geometry_msgs/msg/Vector3", x=frame.command.speed_mps, y=0.0, z=0.0),
        angular=make("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0),
    )
    odometry = make(
        GROUND_TRUTH.type_name,
        header=header(frame.stamp_ns, "track"),
        child_frame_id="base_link",
        pose=make("geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=zeros),
        twist=make("geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=zeros),
    )
    _write(log, GROUND_TRUTH, frame.stamp_ns, odometry)
    position = make(
        TRACK_POSITION.type_name,
        header=header(frame.stamp_ns, "track"),
        progress_percent=100.0 * frame.arc_length_m / frame.lap_length_m,
        lateral_m=0.0,
        arc_length_m=frame.arc_length_m,
        speed_mps=frame.command.speed_mps,
        laps=0,
        lap_time_s=(frame.stamp_ns - STARTED_NS) / 1e9,
        last_lap_time_s=0.0,
        off_track=False,
        status="in_progress",
    )
    _write(log, TRACK_POSITION, frame.stamp_ns, position)


def _write_status(log: LogWriter, stamp_ns: int) -> None:
    status = make(
        DEVICE_STATUS.type_name,
        cpu_percent=41.0,
        cpu_temp=55.5,
        cpu_freq=1500.0,
        cpu_freq_max=1800.0,
        memory_usage=37.0,
        free_disk=80.0,
        latency_mean=15.0,
        latency_p95=19.0,
        fps_mean=30.0,
    )
    _write(log, DEVICE_STATUS, stamp_ns, status)


def _write(log: LogWriter, topic: Topic, stamp_ns: int, message: Any) -> None:
    log.write(topic.name, stamp_ns, serialize(message, topic.type_name))
