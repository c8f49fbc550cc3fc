"""Launch files and `sim2race drive` start the same nodes with the same parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from car.node_graph import GraphNode, arguments_of, graph_called, ros_arguments
from tests.launch.recorder import record

FOLDER = Path(__file__).parents[2] / "launch"
FILES = {"car": FOLDER / "car.launch.py", "sim_car": FOLDER / "sim_car.launch.py"}


def told_by_drive(graph: str, node: GraphNode, **given: str) -> dict[str, Any]:
    """Return the parameters that `sim2race drive` would give a node."""
    values = {argument.name: argument.default for argument in arguments_of(graph)} | given
    words = ros_arguments(node, values)
    pairs = (word.partition(":=") for word in words[words.index("-p") + 1 :: 2])
    return {name: yaml.safe_load(value) for name, _, value in pairs}


@pytest.mark.parametrize("graph", FILES)
def test_a_launch_file_starts_what_the_table_says(graph: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = {node.full_name: node for node in record(FILES[graph], monkeypatch)}
    table = {node.full_name: node for node in graph_called(graph)}
    assert started.keys() == table.keys()
    for name, node in table.items():
        assert (started[name].package, started[name].executable) == (node.package, node.executable)
        assert started[name].parameters == told_by_drive(graph, node)


def test_arguments_reach_every_node_that_takes_them_with_their_types(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"policy": "2018", "fps": "60.0", "auto_arm": "true", "track": "trapezoid"}
    nodes = {node.executable: node.parameters for node in record(FILES["sim_car"], monkeypatch, **given)}
    assert nodes["inference_node"]["policy"] == nodes["drive_node"]["policy"] == "2018"
    assert nodes["sim_car_node"]["fps"] == 60.0
    assert nodes["drive_node"]["auto_arm"] is True
    assert nodes["sim_car_node"]["track"] == nodes["log_node"]["track"] == "trapezoid"


def test_an_argument_that_no_node_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=r"not declared.*track"):
        record(FILES["car"], monkeypatch, track="trapezoid")


@pytest.mark.parametrize("graph", FILES)
def test_ros_2s_own_launch_takes_the_files(graph: str) -> None:
    pytest.importorskip(
        "launch_ros", reason="ROS 2's launch is not on PyPI; it is there where ROS 2 is installed"
    )
    import launch
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    description = get_launch_description_from_python_launch_file(str(FILES[graph]))
    names = {argument.name for argument in description.get_launch_arguments()}
    assert names == {argument.name for argument in arguments_of(graph)}
    nodes = [entity for entity in description.entities if isinstance(entity, launch.actions.ExecuteProcess)]
    assert len(nodes) == len(graph_called(graph))
