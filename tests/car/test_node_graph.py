"""The table of node graphs holds together."""

from __future__ import annotations

import importlib.util

import pytest
import yaml

from car.errors import UnknownNameError
from car.node_graph import (
    ARGUMENTS,
    DRIVE,
    GRAPHS,
    INFERENCE,
    GraphNode,
    Value,
    arguments_of,
    graph_called,
    ros_arguments,
)

NODES = {node.full_name: node for graph in GRAPHS.values() for node in graph}


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_every_node_has_a_module_and_takes_what_exists(node: GraphNode) -> None:
    assert importlib.util.find_spec(node.module) is not None
    assert set(node.takes) <= set(ARGUMENTS)


def test_a_graph_is_told_what_its_nodes_take_and_nothing_else() -> None:
    names = [argument.name for argument in arguments_of("car")]
    assert "camera" in names
    assert "track" not in names
    assert "camera" not in [argument.name for argument in arguments_of("sim_car")]


def test_the_simulated_car_does_not_touch_the_real_chip() -> None:
    defaults = {argument.name: argument.default for argument in arguments_of("sim_car")}
    assert not str(defaults["pwm_root"]).startswith("/sys")


def test_values_survive_the_way_through_ros_2s_yaml() -> None:
    path = "/runs/my policy/2018"
    given: dict[str, Value] = {"policy": path, "deadline_s": 1, "auto_arm": True, "calibration": "no"}
    words = ros_arguments(DRIVE, given)
    read = {}
    for word in words[words.index("-p") + 1 :: 2]:
        name, _, value = word.partition(":=")
        read[name] = yaml.safe_load(value)
    assert read["policy"] == path
    assert read["calibration"] == "no"
    assert read["auto_arm"] is True
    assert read["deadline_s"] == 1.0
    assert isinstance(read["deadline_s"], float)
    assert read["max_frame_age_s"] == ARGUMENTS["max_frame_age_s"].default
    assert set(read) == set(DRIVE.takes)


def test_a_node_is_named_as_in_the_table() -> None:
    assert ros_arguments(INFERENCE, {})[:5] == [
        "--ros-args",
        "-r",
        "__node:=inference_node",
        "-r",
        "__ns:=/inference_pkg",
    ]


def test_an_unknown_graph_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'sim_car'"):
        graph_called("simcar")
