"""Message definitions and their bytes without ROS, so that a log describes itself and any machine reads it.

The text below is what a log carries; `ros2_ws/src` holds the same definitions for the ROS 2 build, and a test
compares the two by ROS 2's own type hash. Standard messages come with the rosbags package.
"""

from __future__ import annotations

import functools
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

DEFINITIONS: dict[str, str] = {
    "deepracer_interfaces_pkg/msg/InferResults": """\
int32 class_label
float32 class_prob
float32 x_min
float32 y_min
float32 x_max
float32 y_max
""",
    "deepracer_interfaces_pkg/msg/InferResultsArray": """\
InferResults[] results
sensor_msgs/CompressedImage[] images
""",
    "deepracer_interfaces_pkg/msg/ServoCtrlMsg": """\
float32 angle
float32 throttle
builtin_interfaces/Time source_stamp
""",
    "deepracer_interfaces_pkg/msg/DeviceStatusMsg": """\
float32 cpu_percent
float32 cpu_temp
float32 cpu_freq
float32 cpu_freq_max
float32 memory_usage
float32 free_disk
float32 latency_mean
float32 latency_p95
float32 fps_mean
""",
    "sim2race_msgs/msg/DriveReport": """\
std_msgs/Header header
builtin_interfaces/Time source_stamp
builtin_interfaces/Time inferred_stamp
float32 steering_rad
float32 speed_mps
int32 steering_pulse_ns
int32 motor_pulse_ns
string state
string reason
uint32 commands
uint32 dropped
""",
    "sim2race_msgs/msg/InferenceReport": """\
std_msgs/Header header
builtin_interfaces/Time source_stamp
uint64 frames_in
uint64 frames_acted
uint64 dropped_old
uint64 dropped_bad
float32 inference_ms
uint64 dropped_overtaken
uint64 dropped_future
uint64 dropped_malformed
uint64 dropped_frozen
string state
string reason
string policy_sha256
""",
    "sim2race_msgs/msg/TrackPosition": """\
std_msgs/Header header
float32 progress_percent
float32 lateral_m
float32 arc_length_m
float32 speed_mps
uint32 laps
float32 lap_time_s
float32 last_lap_time_s
bool off_track
string status
""",
}


@functools.cache
def typestore() -> Typestore:
    """Return ROS 2 Jazzy's types and ours; shared, not to be changed."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types: dict[str, Any] = {}
    for name, text in DEFINITIONS.items():
        types.update(get_types_from_msg(text, name))
    store.register(types)
    return store


def make(type_name: str, **fields: Any) -> Any:
    """Return a message of the type, as in `make("std_msgs/msg/String", data="hello")`."""
    return typestore().types[type_name](**fields)


def serialize(message: object, type_name: str) -> bytes:
    """Return the CDR bytes of `message`, equal to what rclpy would send."""
    return bytes(typestore().serialize_cdr(message, type_name))


def deserialize(data: bytes | memoryview, type_name: str) -> Any:
    """Return the message in the CDR bytes `data`."""
    return typestore().deserialize_cdr(data, type_name)


def time_from_ns(stamp_ns: int) -> Any:
    """Return `stamp_ns`, nanoseconds since the epoch, as a ROS 2 time."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    return make("builtin_interfaces/msg/Time", sec=seconds, nanosec=nanoseconds)


def ns_from_time(stamp: Any) -> int:
    """Return a ROS 2 time as nanoseconds since the epoch."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def header(stamp_ns: int, frame_id: str) -> Any:
    """Return a ROS 2 header."""
    return make("std_msgs/msg/Header", stamp=time_from_ns(stamp_ns), frame_id=frame_id)
