"""The topic table: the community's names stay as they are, and nothing before the wheels queues."""

from __future__ import annotations

import pytest

from car.errors import UnknownNameError
from car.topics import (
    AUTO_DRIVE,
    CAMERA,
    LOGGED_TOPICS,
    MANUAL_DRIVE,
    RL_RESULTS,
    SERVICES,
    SERVO_MSG,
    TOPICS,
    Durability,
    topic_called,
)


def test_nothing_on_the_way_to_the_wheels_can_queue() -> None:
    for topic in (CAMERA, RL_RESULTS, AUTO_DRIVE, SERVO_MSG, MANUAL_DRIVE):
        assert topic.depth == 1
        assert topic.durability is Durability.VOLATILE, "a late subscriber must not get an old command"


def test_the_community_finds_its_names() -> None:
    theirs = {
        "/camera_pkg/display_mjpeg/compressed",
        "/inference_pkg/rl_results",
        "/deepracer_navigation_pkg/auto_drive",
        "/ctrl_pkg/servo_msg",
        "/webserver_pkg/manual_drive",
        "/device_info_pkg/device_status",
    }
    assert theirs <= TOPICS.keys()
    services = {"/ctrl_pkg/enable_state", "/ctrl_pkg/vehicle_state", "/logging_pkg/stop_logging"}
    assert services <= SERVICES.keys()


def test_a_log_holds_each_picture_once() -> None:
    assert RL_RESULTS in LOGGED_TOPICS
    assert CAMERA not in LOGGED_TOPICS


def test_a_misspelt_topic_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean '/ctrl_pkg/servo_msg'"):
        topic_called("/ctrl_pkg/servo_mgs")
