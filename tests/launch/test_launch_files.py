"""Launch files and `sim2race drive` start the same nodes with the same parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from car.node_graph import GraphNode, arguments_of, graph_called, ros_arguments
from tests.launch.recorder import record

FOLDER = Path(__file__).parents[2] / "launch"
FILES = {graph: FOLDER / f"{graph}.launch.py" for graph in ("car", "sim_car", "replay")}


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
    given = {
        "policy": "2018",
        "fps": "60.0",
        "auto_arm": "true",
        "track": "trapezoid",
        "sim_camera": "lens.yaml",
        "vary_vehicle": "true",
        "redraw_every_s": "5.0",
        "real_time_factor": "0.5",
    }
    nodes = {node.executable: node.parameters for node in record(FILES["sim_car"], monkeypatch, **given)}
    assert nodes["inference_node"]["policy"] == nodes["drive_node"]["policy"] == "2018"
    assert nodes["sim_car_node"]["fps"] == 60.0
    assert nodes["sim_car_node"]["sim_camera"] == "lens.yaml"
    assert nodes["sim_car_node"]["vary_vehicle"] is True
    assert nodes["sim_car_node"]["redraw_every_s"] == 5.0
    assert nodes["sim_car_node"]["real_time_factor"] == 0.5
    assert nodes["drive_node"]["auto_arm"] is True
    assert nodes["sim_car_node"]["track"] == nodes["log_node"]["track"] == "trapezoid"


def test_without_logging_there_is_no_log_node(monkeypatch: pytest.MonkeyPatch) -> None:
    started = {node.executable for node in record(FILES["car"], monkeypatch, logging="false")}
    table = {node.executable for node in graph_called("car")}
    assert table - started == {"log_node"}


def test_on_a_car_whatever_ends_is_started_again_but_the_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_car = {node.executable: node.respawn for node in record(FILES["car"], monkeypatch)}
    assert {name for name, respawn in on_a_car.items() if not respawn} == {"drive_node"}
    assert not any(node.respawn for node in record(FILES["sim_car"], monkeypatch))


def test_what_a_person_sets_on_a_car_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "fps": "60.0",
        "camera": "/dev/video2",
        "policy": "fast.onnx",
        "calibration": "car.json",
        "pwm_root": "/sys/class/pwm@i2c-0+gpio514",
        "mapping": "community",
        "max_speed_percent": "30.0",
        "mode": "manual",
    }
    nodes = {node.executable: node.parameters for node in record(FILES["car"], monkeypatch, **given)}
    assert nodes["camera_node"]["fps"] == 60.0
    assert nodes["camera_node"]["camera"] == "/dev/video2"
    for name in ("policy", "calibration", "pwm_root", "mapping", "mode"):
        assert nodes["drive_node"][name] == given[name]
    assert nodes["drive_node"]["max_speed_percent"] == 30.0


def test_a_replay_touches_no_car(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = {
        node.executable: node.parameters for node in record(FILES["replay"], monkeypatch, replay="a/log")
    }
    assert nodes["replay_node"] == {"replay": "a/log", "logging": True}
    assert nodes["drive_node"]["pwm_root"] == "dry-run"
    assert nodes["drive_node"]["auto_arm"] is True
    assert nodes["inference_node"]["refuse_frozen"] is False


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
