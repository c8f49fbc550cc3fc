"""The inference node: pictures in, the whole distribution out, everything counted."""

from __future__ import annotations

import array
import functools
import time
from pathlib import Path
from typing import Any

import pytest
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage
from sim2race_msgs.msg import DriveReport

from car.action_space import ContinuousActionSpace
from car.errors import BadFileError, Sim2RaceError
from car.models import ModelStore
from car.topics import CAMERA, DRIVE_REPORT, INFERENCE_REPORT, LOAD_MODEL, MODEL_ARTIFACT, RL_RESULTS
from sim2race_car import ros
from sim2race_car.inference_node import InferenceNode
from tests.car.policies import make_metadata, save_policy
from tests.car.test_inference import jpeg
from tests.ros2_ws.conftest import Graph


def picture(number: int, data: bytes | None = None, *, age_s: float = 0.0) -> CompressedImage:
    message = CompressedImage(format="jpeg", data=array.array("B", jpeg() if data is None else data))
    message.header.stamp = ros.time_from_ns(time.time_ns() - round(age_s * 1e9))
    message.header.frame_id = str(number)
    return message


def test_a_picture_leads_to_the_whole_distribution(graph: Graph, tmp_path: Path) -> None:
    graph.add(InferenceNode, policy=str(save_policy(tmp_path / "policy.onnx")), max_frame_age_s=5.0)
    results, reports = graph.listen(RL_RESULTS), graph.listen(INFERENCE_REPORT)
    sent = picture(0)
    graph.publish(CAMERA).publish(sent)
    graph.until(lambda: results and reports)
    (result,), report = results, reports[-1]
    assert [row.class_label for row in result.results] == list(range(9))
    assert sum(row.class_prob for row in result.results) == pytest.approx(1.0, abs=1e-5)
    assert {row.x_min for row in result.results} == {-1.0}
    assert result.images[0] == sent
    assert report.source_stamp == sent.header.stamp
    assert ros.ns_from_time(report.header.stamp) >= ros.ns_from_time(sent.header.stamp)
    assert (report.frames_in, report.frames_acted) == (1, 1)
    assert 0.0 < report.inference_ms < 5000.0


def is_counted(reports: list[Any], frames_in: int) -> bool:
    return bool(reports) and reports[-1].frames_in == frames_in


def test_bad_old_and_missing_pictures_are_counted_and_driving_goes_on(graph: Graph, tmp_path: Path) -> None:
    graph.add(InferenceNode, policy=str(save_policy(tmp_path / "policy.onnx")), max_frame_age_s=5.0)
    results, reports = graph.listen(RL_RESULTS), graph.listen(INFERENCE_REPORT)
    camera = graph.publish(CAMERA)
    pictures = [picture(0, b"\xff\xd8cut"), picture(1, age_s=6.0), picture(4)]
    for count, message in zip((1, 2, 5), pictures, strict=True):
        camera.publish(message)
        graph.until(functools.partial(is_counted, reports, count))
    graph.until(lambda: results)
    last = reports[-1]
    assert (last.dropped_malformed, last.dropped_overtaken, last.state) == (1, 2, "acting")
    assert (last.frames_in, last.frames_acted, last.dropped_old, last.dropped_bad) == (5, 1, 3, 1)
    assert len(results) == 1


def drive_report(speed_mps: float) -> DriveReport:
    return DriveReport(state="driving", speed_mps=speed_mps)


def test_the_same_picture_before_a_moving_car_brings_no_more_commands_and_a_reason(
    graph: Graph, tmp_path: Path
) -> None:
    graph.add(InferenceNode, policy=str(save_policy(tmp_path / "policy.onnx")), max_frame_age_s=5.0)
    results, reports = graph.listen(RL_RESULTS), graph.listen(INFERENCE_REPORT)
    camera, drive = graph.publish(CAMERA), graph.publish(DRIVE_REPORT)
    drive.publish(drive_report(1.0))
    camera.publish(picture(0))
    graph.until(lambda: results)
    graph.turn(0.4)
    # The drive says again that it drives: on a busy machine the first word is old by now.
    drive.publish(drive_report(1.0))
    graph.turn(0.05)
    camera.publish(picture(1))
    graph.until(lambda: reports[-1].dropped_frozen == 1)
    assert (reports[-1].state, len(results)) == ("refusing", 1)
    assert "has been the same for" in reports[-1].reason
    drive.publish(drive_report(0.0))
    graph.turn(0.1)
    camera.publish(picture(2, jpeg(1)))
    graph.until(lambda: len(results) == 2)


def test_another_policy_is_loaded_beside_the_running_one(graph: Graph, tmp_path: Path) -> None:
    node = graph.add(InferenceNode, policy=str(save_policy(tmp_path / "policy.onnx")), max_frame_age_s=5.0)
    artifacts = graph.listen(MODEL_ARTIFACT)
    first = node.pipeline.policy
    other = save_policy(tmp_path / "other.onnx", make_metadata(name="other", seed=7))
    assert graph.call(LOAD_MODEL, artifact_path=str(other)).error == 0
    graph.until(lambda: node.pipeline.policy.metadata.name == "other")
    graph.until(lambda: artifacts and artifacts[-1].data == str(other))
    node.set_parameters([Parameter("policy", value=str(tmp_path / "policy.onnx"))])
    graph.until(lambda: node.pipeline.policy.sha256 == first.sha256)


@pytest.mark.parametrize("what", ["missing", "damaged", "other actions"])
def test_a_bad_file_leaves_the_old_policy_running_and_says_why(
    graph: Graph, tmp_path: Path, what: str
) -> None:
    path = save_policy(tmp_path / "policy.onnx")
    node = graph.add(InferenceNode, policy=str(path), max_frame_age_s=5.0)
    results, reports = graph.listen(RL_RESULTS), graph.listen(INFERENCE_REPORT)
    bad = tmp_path / "bad.onnx"
    if what == "damaged":
        bad.write_bytes(path.read_bytes()[:5000])
    elif what == "other actions":
        save_policy(bad, make_metadata(ContinuousActionSpace(-0.3, 0.3, 0.5, 2.0)))
    assert graph.call(LOAD_MODEL, artifact_path=str(bad)).error == 0
    expected = {"missing": "does not exist", "damaged": "no valid ONNX", "other actions": "action space"}
    graph.until(lambda: reports and expected[what] in reports[-1].reason)
    graph.publish(CAMERA).publish(picture(0))
    graph.until(lambda: results)
    assert node.pipeline.policy.metadata.name == "tiny"
    graph.until(lambda: reports[-1].frames_acted == 1)
    assert expected[what] in reports[-1].reason


def test_without_a_policy_the_chosen_model_drives(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Sim2RaceError, match="No model is chosen"):
        graph.add(InferenceNode)
    store = ModelStore()
    store.install(save_policy(tmp_path / "policy.onnx"), name="first", frames=20)
    store.choose("first")
    assert graph.add(InferenceNode).pipeline.policy.path == store.path("first")


def test_a_node_without_frames_says_that_it_waits(graph: Graph, tmp_path: Path) -> None:
    graph.add(InferenceNode, policy=str(save_policy(tmp_path / "policy.onnx")))
    reports = graph.listen(INFERENCE_REPORT)
    graph.until(lambda: reports)
    assert (reports[0].state, reports[0].reason) == ("ready", "nobody sends frames")
    ros.publish(graph.tester, CAMERA)
    graph.until(lambda: reports[-1].reason == "no frames come")


def test_a_bad_policy_is_refused_before_anything_is_offered(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "policy.onnx"
    path.write_bytes(b"no policy")
    with pytest.raises(BadFileError, match="no valid ONNX"):
        graph.add(InferenceNode, policy=str(path))
