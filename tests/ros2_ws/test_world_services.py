"""What people expect of a simulator: time that stops, a world that changes, a car that is put somewhere."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from car.pwm import make_fake_sysfs
from car.topics import (
    CAMERA,
    CLOCK,
    GROUND_TRUTH,
    INITIAL_POSE,
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
    time = WorldTime(100.0, factor=2.0)
    assert time.read(103.0) == pytest.approx(6.0)
    time.pause(103.0)
    assert time.read(110.0) == pytest.approx(6.0)
    time.step(0.5)
    time.resume(110.0)
    assert time.read(111.0) == pytest.approx(8.5)


@pytest.fixture
def world(graph: Graph, tmp_path: Path) -> SimCarNode:
    return graph.add(SimCarNode, pwm_root=str(make_fake_sysfs(tmp_path / "pwm")), noise="high", seed=2)


def test_the_world_pauses_and_steps_one_picture_at_a_time(graph: Graph, world: SimCarNode) -> None:
    pictures, ticks = graph.listen(CAMERA), graph.listen(CLOCK)
    graph.until(lambda: len(pictures) >= 3)
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
    message = ros.interface(INITIAL_POSE.type_name)()
    message.pose.pose.position.x, message.pose.pose.position.y = 1.0, 1.6
    message.pose.pose.orientation.z, message.pose.pose.orientation.w = math.sin(1.5), math.cos(1.5)
    graph.publish(INITIAL_POSE).publish(message)
    graph.until(lambda: abs(truths[-1].pose.pose.position.x - 1.0) < 0.01)
    yaw = 2 * math.atan2(truths[-1].pose.pose.orientation.z, truths[-1].pose.pose.orientation.w)
    assert math.cos(yaw - 3.0) == pytest.approx(1.0, abs=1e-3)
    assert graph.call(WORLD_RESET).success
    graph.until(lambda: abs(truths[-1].pose.pose.position.x - start.x) < 0.01)
