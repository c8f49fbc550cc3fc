"""Decoding by columns: the same values as one by one, whatever the strings, and no harm from damage."""

from __future__ import annotations

import numpy as np
import pytest

from car.cdr import decode_columns
from car.messages import deserialize, header, make, serialize, time_from_ns
from car.topics import DRIVE_REPORT, GROUND_TRUTH, TRACK_POSITION


def _report(reason: str, pulse_ns: int) -> bytes:
    message = make(
        DRIVE_REPORT.type_name,
        header=header(5_000_000_000 + pulse_ns, reason[::-1]),
        source_stamp=time_from_ns(7 * pulse_ns),
        inferred_stamp=time_from_ns(0),
        steering_rad=0.25,
        speed_mps=-1.5,
        steering_pulse_ns=pulse_ns,
        motor_pulse_ns=-pulse_ns,
        state="driving",
        reason=reason,
        commands=pulse_ns,
        dropped=3,
    )
    return serialize(message, DRIVE_REPORT.type_name)


REASONS = ["", "a", "no fresh command", "grün", "x" * 300, "b", ""]


def test_columns_hold_what_the_messages_hold_in_their_order() -> None:
    messages = [_report(reason, 100 + i) for i, reason in enumerate(REASONS)]
    columns = decode_columns(messages, DRIVE_REPORT.type_name)
    one_by_one = [deserialize(message, DRIVE_REPORT.type_name) for message in messages]
    np.testing.assert_array_equal(columns.rows, np.arange(7))
    assert list(columns["reason"]) == [message.reason for message in one_by_one] == REASONS
    assert list(columns["header.frame_id"]) == [message.header.frame_id for message in one_by_one]
    np.testing.assert_array_equal(columns["commands"], [message.commands for message in one_by_one])
    np.testing.assert_array_equal(columns["motor_pulse_ns"], -100 - np.arange(7))
    np.testing.assert_array_equal(columns["speed_mps"], -1.5)
    np.testing.assert_array_equal(columns.stamp_ns("source_stamp"), 7 * (100 + np.arange(7)))
    np.testing.assert_array_equal(columns.stamp_ns("header.stamp"), 5_000_000_100 + np.arange(7))


def test_arrays_and_wide_numbers_are_aligned_as_in_cdr() -> None:
    name = GROUND_TRUTH.type_name
    zeros = np.arange(36, dtype=np.float64)
    pose = make(
        "geometry_msgs/msg/Pose",
        position=make("geometry_msgs/msg/Point", x=1.0, y=2.0, z=3.0),
        orientation=make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.6, w=0.8),
    )
    still = make("geometry_msgs/msg/Vector3", x=4.0, y=5.0, z=6.0)
    for frame_id in ("", "t", "track", "a longer name"):
        message = make(
            name,
            header=header(9, frame_id),
            child_frame_id=frame_id * 2,
            pose=make("geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=zeros),
            twist=make(
                "geometry_msgs/msg/TwistWithCovariance",
                twist=make("geometry_msgs/msg/Twist", linear=still, angular=still),
                covariance=zeros,
            ),
        )
        columns = decode_columns([serialize(message, name)], name)
        assert columns["pose.pose.orientation.w"][0] == 0.8
        np.testing.assert_array_equal(columns["twist.covariance"], [zeros])
        assert columns["twist.twist.angular.z"][0] == 6.0


@pytest.mark.parametrize("name", [DRIVE_REPORT.type_name, TRACK_POSITION.type_name, GROUND_TRUTH.type_name])
def test_no_messages_give_empty_columns(name: str) -> None:
    columns = decode_columns([], name)
    assert len(columns) == 0
    assert columns.stamp_ns("header.stamp").shape == (0,)


def test_damaged_messages_are_left_out_and_the_others_stay() -> None:
    whole = _report("fine", 7)
    rng = np.random.default_rng(2)
    messages = [whole, b"", b"\x00\x01", whole[:20], b"\x00\x09" + whole[2:], whole, rng.bytes(len(whole))]
    columns = decode_columns(messages, DRIVE_REPORT.type_name)
    assert {0, 5} <= set(columns.rows) <= {0, 5, 6}
    assert list(columns["reason"][:2]) == ["fine", "fine"]


@pytest.mark.parametrize("seed", range(20))
def test_random_damage_raises_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    messages = []
    for reason in REASONS * 3:
        content = bytearray(_report(reason, 5))
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(0, 256)
        messages.append(bytes(content))
    columns = decode_columns(messages, DRIVE_REPORT.type_name)
    assert len(columns["reason"]) == len(columns["commands"]) == len(columns) <= len(messages)
