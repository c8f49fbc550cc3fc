"""The replay node: not one frame before everybody hears it, and then every frame from the first."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from sim2race_msgs.msg import DriveReport, InferenceReport
from std_msgs.msg import String

from car.errors import Sim2RaceError
from car.replay_start import LOG_NEEDS, NOBODY_SENDS, ReplayStart
from car.topics import CAMERA, DRIVE_REPORT, INFERENCE_REPORT, RUN_INFO
from sim2race_car import replay_node
from sim2race_car.replay_node import ReplayNode
from tests.car.logs import write_synthetic_log
from tests.ros2_ws.conftest import Graph


class _Audience:
    """Inference, drive and log, as far as anybody can tell from their reports."""

    def __init__(self, graph: Graph) -> None:
        self._inference = graph.publish(INFERENCE_REPORT)
        self._drive = graph.publish(DRIVE_REPORT)
        self._log = graph.publish(RUN_INFO)

    def report(self, *, inference: str = "no frames come", hears: tuple[str, ...] = LOG_NEEDS) -> None:
        self._inference.publish(InferenceReport(state="ready", reason=inference))
        self._drive.publish(DriveReport(state="disarmed"))
        self._log.publish(String(data=json.dumps({"log": "a/log", "hears": hears})))


def test_it_waits_until_inference_and_log_hear_it_and_begins_with_the_first_frame(
    graph: Graph, tmp_path: Path
) -> None:
    # Slow frames, so that on a busy machine, too, the first one is heard before the second one is due.
    graph.add(ReplayNode, replay=str(write_synthetic_log(tmp_path, frames=30, rate_hz=0.5)))
    pictures: list[Any] = graph.listen(CAMERA)
    audience = _Audience(graph)
    audience.report(inference=NOBODY_SENDS)
    graph.turn(1.3)
    audience.report(hears=LOG_NEEDS[:1])
    graph.turn(1.3)
    assert pictures == []
    audience.report()
    graph.until(lambda: pictures)
    assert pictures[0].header.frame_id == "0"


def test_without_a_log_nobody_waits_for_one(graph: Graph, tmp_path: Path) -> None:
    graph.add(ReplayNode, replay=str(write_synthetic_log(tmp_path, frames=30)), logging=False)
    pictures: list[Any] = graph.listen(CAMERA)
    _Audience(graph).report(hears=())
    graph.until(lambda: pictures)


def test_an_audience_that_does_not_come_ends_it_with_the_reason(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_node, "ReplayStart", functools.partial(ReplayStart, deadline_s=0.5))
    graph.add(ReplayNode, replay=str(write_synthetic_log(tmp_path, frames=3)))
    with pytest.raises(Sim2RaceError, match="the inference node is not there; the drive node is not there"):
        graph.turn(5.0)
