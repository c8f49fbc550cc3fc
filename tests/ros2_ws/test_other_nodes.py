"""The nodes around the chain from picture to pulse: camera, status, simulated car."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from pathlib import Path

import pytest

from car.action_space import Command
from car.calibration import default_calibration
from car.errors import UnknownNameError
from car.preprocess import frame_from_jpeg
from car.pwm import SysfsPwm, make_fake_sysfs
from car.topics import CAMERA, CAMERA_ABOUT, DEVICE_STATUS, DRIVE_REPORT, GROUND_TRUTH, TRACK_POSITION
from sim2race_car import ros
from sim2race_car.camera_node import CameraNode
from sim2race_car.status_node import StatusNode
from sim2race_sim.sim_car_node import SimCarNode
from tests.car.test_camera import make_video
from tests.ros2_ws.conftest import Graph
from tests.ros2_ws.test_inference_node import picture
from tests.ros2_ws.test_log_node import drive_report


def test_the_camera_numbers_and_stamps_its_pictures(graph: Graph, tmp_path: Path) -> None:
    graph.add(CameraNode, camera=str(make_video(tmp_path / "drive.avi")), fps=60.0)
    pictures = graph.listen(CAMERA)
    graph.until(lambda: len(pictures) >= 5)
    numbers = [int(picture.header.frame_id) for picture in pictures]
    assert numbers == sorted(set(numbers))
    stamps = [ros.ns_from_time(picture.header.stamp) for picture in pictures]
    assert stamps == sorted(stamps)
    assert frame_from_jpeg(pictures[0].data.tobytes()).shape == (120, 160, 3)


def test_the_camera_says_what_its_stamps_mean(graph: Graph, tmp_path: Path) -> None:
    graph.add(CameraNode, camera=str(make_video(tmp_path / "drive.avi")), fps=60.0)
    said = graph.listen(CAMERA_ABOUT)
    graph.until(lambda: said)
    assert "video file" in said[0].data


def test_another_nodes_pictures_are_numbered_and_keep_their_stamps(graph: Graph) -> None:
    graph.add(CameraNode, camera="topic:/camera/image_raw/compressed")
    pictures, said = graph.listen(CAMERA), graph.listen(CAMERA_ABOUT)
    other = graph.publish(replace(CAMERA, name="/camera/image_raw/compressed"))
    sent = [picture(0, age_s=0.1 * age) for age in (2, 1)]
    for count, message in enumerate(sent, start=1):
        message.header.frame_id = "camera"
        other.publish(message)
        graph.until(functools.partial(lambda wanted: len(pictures) == wanted, count))
    assert [message.header.frame_id for message in pictures] == ["0", "1"]
    assert [message.header.stamp for message in pictures] == [message.header.stamp for message in sent]
    graph.until(lambda: said)
    assert "/camera/image_raw/compressed stamps it" in said[0].data


def test_the_status_holds_the_machine_and_the_latency(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim2race_car.status_node.PERIOD_S", 0.1)
    graph.add(StatusNode, output_path=str(tmp_path))
    statuses, reports = graph.listen(DEVICE_STATUS), graph.publish(DRIVE_REPORT)
    for frame in range(10):
        reports.publish(drive_report(1_000_000_000_000 + frame * 33_333_333))
        graph.turn(0.01)
    graph.until(lambda: statuses and statuses[-1].fps_mean > 0.0)
    assert statuses[-1].latency_mean == pytest.approx(7.0)
    assert statuses[-1].fps_mean == pytest.approx(30.0, abs=0.01)
    assert 0.0 < statuses[-1].memory_usage < 100.0


def test_the_simulated_car_stands_until_pulses_move_it(graph: Graph, tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path / "pwm")
    graph.add(SimCarNode, pwm_root=str(chip), noise="none", seed=2)
    pictures, truths, places = (graph.listen(topic) for topic in (CAMERA, GROUND_TRUTH, TRACK_POSITION))
    graph.until(lambda: len(places) >= 3)
    assert places[-1].speed_mps == pytest.approx(0.0, abs=0.01)
    SysfsPwm(chip).write(default_calibration().pwm(Command(0.0, 1.5)))
    graph.until(lambda: places[-1].speed_mps > 0.5)
    assert places[-1].progress_percent > 0.0
    assert (places[-1].laps, places[-1].off_track, places[-1].last_lap_time_s) == (0, False, 0.0)
    first, last = (truths[i].pose.pose.position for i in (0, -1))
    assert math.hypot(last.x - first.x, last.y - first.y) > 0.05
    stamps = {ros.ns_from_time(picture.header.stamp) for picture in pictures}
    assert stamps & {ros.ns_from_time(truth.header.stamp) for truth in truths}
    assert frame_from_jpeg(pictures[-1].data.tobytes()).std() > 5.0


def test_a_simulated_car_off_the_track_is_put_back(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim2race_sim.sim_car_node.PUT_BACK_AFTER_S", 0.2)
    chip = make_fake_sysfs(tmp_path / "pwm")
    graph.add(SimCarNode, pwm_root=str(chip), noise="none")
    places = graph.listen(TRACK_POSITION)
    SysfsPwm(chip).write(default_calibration().pwm(Command(0.35, 3.0)))
    graph.until(lambda: places and places[-1].off_track)
    assert places[-1].status == "off_track"
    graph.until(lambda: not places[-1].off_track)
    assert abs(places[-1].lateral_m) < 0.1


def test_a_track_that_does_not_exist_is_refused_with_the_nearest(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="'trapezoid'"):
        graph.add(SimCarNode, pwm_root=str(tmp_path), track="trapezoidal")
