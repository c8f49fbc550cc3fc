"""Message definitions: one truth for logs and for ROS 2, and bytes that ROS 2 reads."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from car.messages import (
    DEFINITIONS,
    deserialize,
    header,
    make,
    ns_from_time,
    serialize,
    time_from_ns,
    typestore,
)
from car.topics import TOPICS

WORKSPACE = Path(__file__).parents[2] / "ros2_ws" / "src"


@pytest.mark.parametrize("name", DEFINITIONS)
def test_the_definition_in_the_log_is_the_one_that_ros_2_builds(name: str) -> None:
    built = get_typestore(Stores.ROS2_JAZZY)
    for path in WORKSPACE.glob("*/msg/*.msg"):
        built.register(get_types_from_msg(path.read_text(), f"{path.parts[-3]}/msg/{path.stem}"))
    assert typestore().fielddefs[name] == built.fielddefs[name]
    assert typestore().hash_rihs01(name) == built.hash_rihs01(name)


def test_every_topic_has_a_definition() -> None:
    for topic in TOPICS.values():
        assert topic.type_name in typestore().fielddefs, topic.name


def test_a_time_keeps_every_nanosecond() -> None:
    for stamp_ns in (0, 1, 999_999_999, 1_760_000_000_123_456_789):
        assert ns_from_time(time_from_ns(stamp_ns)) == stamp_ns


def test_a_message_comes_back_as_it_was() -> None:
    name = "deepracer_interfaces_pkg/msg/InferResultsArray"
    image = make(
        "sensor_msgs/msg/CompressedImage",
        header=header(123_456_789_012, "42"),
        format="jpeg",
        data=np.frombuffer(b"\xff\xd8picture\xff\xd9", dtype=np.uint8),
    )
    result = make(
        "deepracer_interfaces_pkg/msg/InferResults",
        class_label=3,
        class_prob=0.25,
        x_min=-1.0,
        y_min=-1.0,
        x_max=-1.0,
        y_max=-1.0,
    )
    back = deserialize(serialize(make(name, results=[result], images=[image]), name), name)
    assert back.results[0].class_label == 3
    assert back.results[0].class_prob == 0.25
    assert back.images[0].header.frame_id == "42"
    assert ns_from_time(back.images[0].header.stamp) == 123_456_789_012
    assert bytes(back.images[0].data) == b"\xff\xd8picture\xff\xd9"


def test_ros_2_reads_our_bytes_and_we_read_its() -> None:
    rclpy = import_module("rclpy.serialization")
    image_class = import_module("sensor_msgs.msg").CompressedImage
    name = "sensor_msgs/msg/CompressedImage"
    jpeg = np.array([255, 216, 255, 217], dtype=np.uint8)
    ours = serialize(make(name, header=header(5_000_000_007, "12"), format="jpeg", data=jpeg), name)

    theirs = image_class(format="jpeg", data=jpeg.tobytes())
    theirs.header.frame_id = "12"
    theirs.header.stamp.sec, theirs.header.stamp.nanosec = 5, 7

    assert rclpy.deserialize_message(ours, image_class) == theirs
    # Not byte for byte: ROS 2 leaves whatever was in memory between the fields.
    assert serialize(deserialize(rclpy.serialize_message(theirs), name), name) == ours
