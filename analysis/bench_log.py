"""A long synthetic log to measure with: a car on a real track, every topic of a drive, noise as pictures."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from car.action_space import (
    ActionSpace,
    Command,
    DiscreteActionSpace,
    default_action_space,
    to_model_metadata,
)
from car.log_writer import LogWriter
from car.messages import header, make, serialize, time_from_ns
from car.topics import DRIVE_REPORT, GROUND_TRUTH, INFERENCE_REPORT, RL_RESULTS, TRACK_POSITION, Topic
from sim.track import Track, load_track

RATE_HZ = 30.0
SPEED_MPS = 1.2
_PICTURES = 48
_STARTED_NS = 1_767_323_045_000_000_000


def write_bench_log(
    folder: Path,
    *,
    frames: int,
    name: str = "bench",
    weave_m: float = 0.05,
    policy: Path | None = None,
    space: ActionSpace | None = None,
) -> Path:
    """Write a log of a car that weaves about the centre line of the Forever Raceway.

    Args:
        folder: where logs are kept.
        frames: number of frames, 30 a second.
        name: beginning of the log's name.
        weave_m: amplitude of the weave.
        policy: a `policy.onnx` to lie beside it.
        space: what its random actions mean; the usual discrete actions when not given.

    Returns:
        The log's folder.
    """
    space = space or default_action_space()
    track = load_track("forever-raceway")
    run = {"name": name, "action_space": to_model_metadata(space), "track": track.name}
    started = datetime.fromtimestamp(_STARTED_NS / 1e9, tz=timezone.utc)
    log = LogWriter(folder, name=name, started_at=started, run=run, policy=policy, queue_bytes=2**31)
    chance = np.random.default_rng(0)
    jpegs = [_jpeg(chance) for _ in range(_PICTURES)]
    for number in range(frames):
        stamp_ns = _STARTED_NS + round(number * 1e9 / RATE_HZ)
        outputs, command = _decide(space, chance)
        _write_decision(log, number, stamp_ns, jpegs[number % _PICTURES], outputs, command)
        _write_place(log, track, number, stamp_ns, weave_m)
    log.close("end of the bench drive")
    return log.path


def _decide(space: ActionSpace, chance: np.random.Generator) -> tuple[NDArray[np.float32], Command]:
    """Return the outputs of a policy that guesses, and the command that they mean."""
    if isinstance(space, DiscreteActionSpace):
        probabilities = chance.dirichlet(np.full(space.size, 0.3)).astype(np.float32)
        return probabilities, space.command(space.choose(probabilities))
    values = chance.uniform(-1.0, 1.0, 2).astype(np.float32)
    return values, space.command(values)


def _write_decision(
    log: LogWriter, number: int, stamp_ns: int, jpeg: bytes, outputs: NDArray[np.float32], command: Command
) -> None:
    image = make(
        "sensor_msgs/msg/CompressedImage",
        header=header(stamp_ns, str(number)),
        format="jpeg",
        data=np.frombuffer(jpeg, np.uint8),
    )
    boxes = {"x_min": -1.0, "y_min": -1.0, "x_max": -1.0, "y_max": -1.0}
    results = [
        make("deepracer_interfaces_pkg/msg/InferResults", class_label=i, class_prob=float(p), **boxes)
        for i, p in enumerate(outputs)
    ]
    inferred_ns, written_ns = stamp_ns + 12_000_000, stamp_ns + 15_000_000
    source = time_from_ns(stamp_ns)
    _write(log, RL_RESULTS, inferred_ns, results=results, images=[image])
    _write(
        log,
        INFERENCE_REPORT,
        inferred_ns,
        header=header(inferred_ns, ""),
        source_stamp=source,
        frames_in=number + 1,
        frames_acted=number + 1,
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
    _write(
        log,
        DRIVE_REPORT,
        written_ns,
        header=header(written_ns, ""),
        source_stamp=source,
        inferred_stamp=time_from_ns(inferred_ns),
        steering_rad=command.steering_rad,
        speed_mps=command.speed_mps,
        steering_pulse_ns=1_450_000,
        motor_pulse_ns=1_446_000,
        state="driving",
        reason="",
        commands=number + 1,
        dropped=0,
    )


def _write_place(log: LogWriter, track: Track, number: int, stamp_ns: int, weave_m: float) -> None:
    driven_m = number / RATE_HZ * SPEED_MPS
    arc_m = driven_m % track.length_m
    lateral_m = weave_m * float(np.sin(driven_m * 4.0))
    x, y, yaw = track.pose_at(arc_m, lateral_m)
    turned = make(
        "geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=float(np.sin(yaw / 2)), w=float(np.cos(yaw / 2))
    )
    place = make("geometry_msgs/msg/Point", x=x, y=y, z=0.0)
    still = make("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0)
    speed = make("geometry_msgs/msg/Vector3", x=SPEED_MPS, y=0.0, z=0.0)
    unknown = np.zeros(36)
    pose = make("geometry_msgs/msg/Pose", position=place, orientation=turned)
    twist = make("geometry_msgs/msg/Twist", linear=speed, angular=still)
    _write(
        log,
        GROUND_TRUTH,
        stamp_ns,
        header=header(stamp_ns, "track"),
        child_frame_id="car",
        pose=make("geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=unknown),
        twist=make("geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=unknown),
    )
    _write(
        log,
        TRACK_POSITION,
        stamp_ns,
        header=header(stamp_ns, "track"),
        progress_percent=100.0 * arc_m / track.length_m,
        lateral_m=lateral_m,
        arc_length_m=arc_m,
        speed_mps=SPEED_MPS,
        laps=int(driven_m // track.length_m),
        lap_time_s=arc_m / SPEED_MPS,
        last_lap_time_s=track.length_m / SPEED_MPS,
        off_track=False,
        status="in_progress",
    )


def _write(log: LogWriter, topic: Topic, stamp_ns: int, **content: Any) -> None:
    log.write(topic.name, stamp_ns, serialize(make(topic.type_name, **content), topic.type_name))


def _jpeg(chance: np.random.Generator) -> bytes:
    """Return noise as smooth as a scene, so that it packs to what a frame does (some 4 kB)."""
    coarse = chance.integers(0, 256, (15, 20, 3), dtype=np.uint8)
    _, packed = cv2.imencode(".jpg", cv2.resize(coarse, (160, 120)), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return packed.tobytes()
