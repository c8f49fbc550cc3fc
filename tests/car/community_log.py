"""Logs as the community's cars write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from car.messages import header, make, serialize, typestore
from car.topics import AUTO_DRIVE, DEVICE_STATUS, RL_RESULTS
from tests.car.logs import synthetic_frames


def write_community_log(
    folder: Path,
    *,
    plugin: StoragePlugin = StoragePlugin.SQLITE3,
    counts_frames: bool = True,
    compression: CompressionMode | None = None,
    outputs: int = 5,
    frames: int = 20,
) -> Path:
    """Write a log as the community's car does: results, auto_drive and a status now and then."""
    path = folder / "Sample-20250101-120000"
    writer = Writer(path, version=8, storage_plugin=plugin)
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    rng = np.random.default_rng(0)
    with writer as bag:
        topics = (AUTO_DRIVE, RL_RESULTS, DEVICE_STATUS)
        connections = {t.name: bag.add_connection(t.name, t.type_name, typestore=typestore()) for t in topics}
        for i, frame in enumerate(synthetic_frames(frames)):
            image = make(
                "sensor_msgs/msg/CompressedImage",
                header=header(frame.stamp_ns, str(700 + 2 * i) if counts_frames else "camera"),
                format="rgb8; jpeg compressed bgr8",
                data=np.frombuffer(frame.jpeg, dtype=np.uint8),
            )
            odds = rng.uniform(-1, 1, 2) if outputs == 2 else rng.dirichlet(np.ones(outputs))
            box = {"x_min": -1.0, "y_min": -1.0, "x_max": -1.0, "y_max": -1.0}
            results = [
                make("deepracer_interfaces_pkg/msg/InferResults", class_label=k, class_prob=float(p), **box)
                for k, p in enumerate(odds)
            ]
            message = make(RL_RESULTS.type_name, results=results, images=[image])
            bag.write(
                connections[RL_RESULTS.name], frame.stamp_ns + 9, serialize(message, RL_RESULTS.type_name)
            )
            drive = make(AUTO_DRIVE.type_name, angle=0.5, throttle=0.25, source_stamp=image.header.stamp)
            bag.write(
                connections[AUTO_DRIVE.name], frame.stamp_ns + 10, serialize(drive, AUTO_DRIVE.type_name)
            )
    return path
