"""The inference node: pictures in, the whole distribution out, everything counted."""

from __future__ import annotations

import array
import functools
import time
from pathlib import Path
from typing import Any

import pytest
from sensor_msgs.msg import CompressedImage

from car.errors import BadFileError
from car.topics import CAMERA, INFERENCE_REPORT, RL_RESULTS
from sim2race_car import ros
from sim2race_car.inference_node import InferenceNode
from tests.car.policies import save_policy
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
    (result,), (report,) = results, reports
    assert [row.class_label for row in result.results] == list(range(9))
    assert sum(row.class_prob for row in result.results) == pytest.approx(1.0, abs=1e-5)
    assert {row.x_min for row in result.results} == {-1.0}
    assert result.images[0] == sent
    assert report.source_stamp == sent.header.stamp
    assert ros.ns_from_time(report.header.stamp) >= ros.ns_from_time(sent.header.stamp)
    assert (report.frames_in, report.frames_acted) == (1, 1)
    assert 0.0 < report.inference_ms < 5000.0


def is_long(rows: list[Any], count: int) -> bool:
    return len(rows) == count


def test_bad_old_and_missing_pictures_are_counted_and_driving_goes_on(graph: Graph, tmp_path: Path) -> None:
    graph.add(InferenceNode, policy=str(save_policy(tmp_path / "policy.onnx")), max_frame_age_s=5.0)
    results, reports = graph.listen(RL_RESULTS), graph.listen(INFERENCE_REPORT)
    camera = graph.publish(CAMERA)
    pictures = [picture(0, b"\xff\xd8cut"), picture(1, age_s=6.0), picture(4)]
    for count, message in enumerate(pictures, start=1):
        camera.publish(message)
        graph.until(functools.partial(is_long, reports, count))
    graph.until(lambda: results)
    last = reports[-1]
    assert (last.frames_in, last.frames_acted, last.dropped_old, last.dropped_bad) == (5, 1, 3, 1)
    assert len(results) == 1


def test_a_bad_policy_is_refused_before_anything_is_offered(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "policy.onnx"
    path.write_bytes(b"no policy")
    with pytest.raises(BadFileError, match="no valid ONNX"):
        graph.add(InferenceNode, policy=str(path))
