"""What people expect of a simulator: time that stops, a world that changes, a car that is put somewhere."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from car.pwm import make_fake_sysfs
from car.topics import (
    CAMERA,
    CLOCK,
    GROUND_TRUTH,
    INITIAL_POSE,
    TRACK_POSITION,
    WORLD_PAUSE,
    WORLD_REDRAW,
    WORLD_RESET,
    WORLD_SET_VISIBLE,
    WORLD_STEP,
)
from sim2race_car import ros
from sim2race_sim.sim_car_node import SimCarNode
from sim2race_sim.world_time import WorldTime
from tests.ros2_ws.conftest import Graph


def test_simulated_time_runs_at_its_factor_stands_and_steps() -> None:
    world_time = WorldTime(100.0, factor=2.0)
    assert world_time.read(103.0) == pytest.approx(6.0)
    world_time.pause(103.0)
    assert world_time.read(110.0) == pytest.approx(6.0)
    world_time.step(0.5)
    world_time.resume(110.0)
    assert world_time.read(111.0) == pytest.approx(8.5)


@pytest.fixture
def world(graph: Graph, tmp_path: Path) -> SimCarNode:
    return graph.add(SimCarNode, pwm_root=str(make_fake_sysfs(tmp_path / "pwm")), noise="high", seed=2)


def test_the_world_pauses_and_steps_one_picture_at_a_time(graph: Graph, world: SimCarNode) -> None:
    pictures, ticks = graph.listen(CAMERA), graph.listen(CLOCK)
    graph.until(lambda: len(pictures) >= 3)
    assert ros.ns_from_time(ticks[-1].clock) == pytest.approx(time.time_ns(), abs=1e9)
    assert not graph.call(WORLD_STEP).success
    assert graph.call(WORLD_PAUSE, data=True).success
    graph.turn(0.2)
    seen, stood_ns = len(pictures), ros.ns_from_time(ticks[-1].clock)
    graph.turn(0.2)
    assert len(pictures) == seen
    assert ros.ns_from_time(ticks[-1].clock) == stood_ns
    for _ in range(3):
        before = len(pictures)
        assert graph.call(WORLD_STEP).success
        graph.until(lambda before=before: len(pictures) == before + 1)  # type: ignore[misc]
    assert len(pictures) == seen + 3
    graph.turn(0.1)
    assert ros.ns_from_time(ticks[-1].clock) - stood_ns == pytest.approx(1e8, abs=1.5e7)
    graph.call(WORLD_PAUSE, data=False)
    graph.until(lambda: len(pictures) > seen + 5)


def test_transforms_are_stamped_with_simulated_time_and_the_truth_with_the_wall_clocks(
    graph: Graph, world: SimCarNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The wheels of ROS 2 have no tf2_msgs.
    package = ModuleType("tf2_msgs.msg")
    package.TFMessage = SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, package.__name__, package)
    sent: list[Any] = []
    monkeypatch.setattr(world, "_transforms", SimpleNamespace(publish=sent.append))
    ticks, truths = graph.listen(CLOCK), graph.listen(GROUND_TRUTH)
    graph.call(WORLD_PAUSE, data=True)
    graph.turn(0.6)
    graph.call(WORLD_PAUSE, data=False)
    before = len(sent)
    graph.until(lambda: len(sent) > before + 5)
    (transform,) = sent[-1].transforms
    behind_s = (ros.ns_from_time(ticks[-1].clock) - ros.ns_from_time(transform.header.stamp)) / 1e9
    assert behind_s == pytest.approx(0.0, abs=0.2)
    assert time.time() - ros.ns_from_time(transform.header.stamp) / 1e9 > 0.5
    assert time.time() - ros.ns_from_time(truths[-1].header.stamp) / 1e9 < 0.5
    assert (transform.header.frame_id, transform.child_frame_id) == ("track", "base_link")


def test_objects_are_hidden_by_name_and_a_wrong_name_is_explained(graph: Graph, world: SimCarNode) -> None:
    simulator = world._car.simulator
    before = simulator.look()
    assert graph.call(WORLD_SET_VISIBLE, name="wall", visible=False).success
    assert (simulator.look() != before).any()
    answer = graph.call(WORLD_SET_VISIBLE, name="wal", visible=False)
    assert not answer.success
    assert "Did you mean 'wall'" in answer.message
    palette = simulator.eyes.scene(0).palette.copy()
    assert graph.call(WORLD_REDRAW).success
    assert (simulator.eyes.scene(0).palette != palette).any()
    assert "wall-0" in simulator.eyes.hidden


def test_the_car_is_put_where_it_is_asked_and_back_to_the_start(graph: Graph, world: SimCarNode) -> None:
    truths = graph.listen(GROUND_TRUTH)
    graph.until(lambda: truths)
    start = truths[-1].pose.pose.position
    graph.publish(INITIAL_POSE).publish(_pose(1.0, 1.6, 3.0))
    graph.until(lambda: abs(truths[-1].pose.pose.position.x - 1.0) < 0.01)
    yaw = 2 * math.atan2(truths[-1].pose.pose.orientation.z, truths[-1].pose.pose.orientation.w)
    assert math.cos(yaw - 3.0) == pytest.approx(1.0, abs=1e-3)
    assert graph.call(WORLD_RESET).success
    graph.until(lambda: abs(truths[-1].pose.pose.position.x - start.x) < 0.01)


def test_a_car_that_is_put_back_on_the_road_stays_there(
    graph: Graph, world: SimCarNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim2race_sim.sim_car_node.PUT_BACK_AFTER_S", 0.6)
    places, pose = graph.listen(TRACK_POSITION), graph.publish(INITIAL_POSE)
    pose.publish(_pose(9.0, 9.0, 0.0))
    graph.until(lambda: places and places[-1].off_track)
    x_m, y_m, yaw_rad = world._car.simulator.route_of(0).pose_at(5.0)
    pose.publish(_pose(x_m, y_m, yaw_rad))
    graph.until(lambda: not places[-1].off_track)
    graph.turn(0.8)
    assert places[-1].arc_length_m == pytest.approx(5.0, abs=0.05)


def _pose(x_m: float, y_m: float, yaw_rad: float) -> Any:
    """Return what RViz sends when a pose is clicked."""
    message = ros.interface(INITIAL_POSE.type_name)()
    message.pose.pose.position.x, message.pose.pose.position.y = x_m, y_m
    message.pose.pose.orientation.z = math.sin(yaw_rad / 2)
    message.pose.pose.orientation.w = math.cos(yaw_rad / 2)
    return message
