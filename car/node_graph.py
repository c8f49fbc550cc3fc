"""The node graphs, described once: which nodes, what they are told, how one sees that they are ready.

Launch files and `sim2race drive` both build from this table. No ROS here, and nothing is started here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from car.errors import unknown_name
from car.topics import CAMERA, DRIVE_REPORT, ENABLE_STATE, Service, Topic

Value = str | int | float | bool


class Role(Enum):
    """What a node does with the endpoint by which one sees that it is ready."""

    PUBLISHES = "publishes"
    SUBSCRIBES = "subscribes to"
    SERVES = "serves"


@dataclass(frozen=True)
class Argument:
    """One thing that a graph can be told; nodes that take it have a parameter of the same name."""

    name: str
    default: Value
    """Also says the type."""
    about: str


@dataclass(frozen=True)
class GraphNode:
    """One process of a graph."""

    name: str
    """Name in the ROS 2 graph."""
    namespace: str
    """Namespace in the ROS 2 graph."""
    package: str
    executable: str
    """Name of the executable, and of the Python module in the package."""
    takes: tuple[str, ...]
    """Names of the arguments that it is told."""
    ready: tuple[Role, Topic | Service]
    """A node makes this endpoint last, after everything slow is done."""

    @property
    def module(self) -> str:
        """What `python -m` runs."""
        return f"{self.package}.{self.executable}"

    @property
    def full_name(self) -> str:
        """Name with the namespace, as ROS 2 writes it."""
        return f"/{self.namespace}/{self.name}"


ARGUMENTS: dict[str, Argument] = {
    argument.name: argument
    for argument in (
        Argument("policy", "policy.onnx", "Policy file"),
        Argument("calibration", "", "Calibration file; empty takes the factory's values"),
        Argument("pwm_root", "/sys/class/pwm", "Folder of the PWM chip"),
        Argument("output_path", "logs", "Folder that car logs are written to"),
        Argument("fps", 30.0, "Camera frames per second"),
        Argument("camera", "/dev/video0", "V4L2 device, or a video file"),
        Argument("threads", 1, "Threads that the policy may use"),
        Argument("max_frame_age_s", 0.1, "A frame older than this is dropped"),
        Argument("deadline_s", 0.1, "Longest time without a fresh command before the car stops"),
        Argument("speed_limit_mps", 4.0, "No command is faster than this"),
        Argument("auto_arm", False, "Drive without being armed by a person"),
        Argument("track", "forever-raceway", "Track of the simulated car"),
        Argument("direction", "counter-clockwise", "counter-clockwise or clockwise"),
        Argument("noise", "high", "Visual noise of the simulated camera: none, low or high"),
        Argument("vehicle", "real-car", "Vehicle preset of the simulated car"),
        Argument("seed", 1, "Seed of everything random in the simulated car"),
    )
}

SIM_CAR = GraphNode(
    "sim_car_node",
    "sim2race",
    package="sim2race_sim",
    executable="sim_car_node",
    takes=("track", "direction", "noise", "vehicle", "seed", "fps", "calibration", "pwm_root"),
    ready=(Role.PUBLISHES, CAMERA),
)
CAMERA_NODE = GraphNode(
    "camera_node",
    "camera_pkg",
    package="sim2race_car",
    executable="camera_node",
    takes=("camera", "fps"),
    ready=(Role.PUBLISHES, CAMERA),
)
INFERENCE = GraphNode(
    "inference_node",
    "inference_pkg",
    package="sim2race_car",
    executable="inference_node",
    takes=("policy", "threads", "max_frame_age_s"),
    ready=(Role.SUBSCRIBES, CAMERA),
)
DRIVE = GraphNode(
    "drive_node",
    "ctrl_pkg",
    package="sim2race_car",
    executable="drive_node",
    takes=(
        "policy",
        "calibration",
        "pwm_root",
        "speed_limit_mps",
        "deadline_s",
        "max_frame_age_s",
        "auto_arm",
    ),
    ready=(Role.SERVES, ENABLE_STATE),
)
LOG = GraphNode(
    "bag_log_node",
    "logging_pkg",
    package="sim2race_car",
    executable="log_node",
    takes=("policy", "calibration", "output_path"),
    ready=(Role.SUBSCRIBES, DRIVE_REPORT),
)
STATUS = GraphNode(
    "device_status_node",
    "device_info_pkg",
    package="sim2race_car",
    executable="status_node",
    takes=("output_path",),
    ready=(Role.SUBSCRIBES, DRIVE_REPORT),
)
SIM_LOG = replace(LOG, takes=(*LOG.takes, "track", "direction", "noise", "seed"))

GRAPHS: dict[str, tuple[GraphNode, ...]] = {
    "car": (LOG, STATUS, DRIVE, INFERENCE, CAMERA_NODE),
    "sim_car": (SIM_LOG, STATUS, DRIVE, INFERENCE, SIM_CAR),
}
"""Nodes in the order of their start: the log before what it logs, the frames last."""

GRAPH_DEFAULTS: dict[str, dict[str, Value]] = {
    "car": {},
    "sim_car": {"pwm_root": "/tmp/sim2race-pwm"},
}
"""Where a graph's default is another than the table's."""


def graph_called(name: str) -> tuple[GraphNode, ...]:
    """Return the nodes of a graph.

    Raises:
        UnknownNameError: no such graph; names the nearest.
    """
    if name not in GRAPHS:
        raise unknown_name("node graph", name, GRAPHS)
    return GRAPHS[name]


def arguments_of(graph: str) -> list[Argument]:
    """Return what a graph can be told and its defaults, in the order of the table."""
    taken = {name for node in graph_called(graph) for name in node.takes}
    defaults = GRAPH_DEFAULTS[graph]
    return [
        replace(argument, default=defaults.get(argument.name, argument.default))
        for argument in ARGUMENTS.values()
        if argument.name in taken
    ]


def ros_arguments(node: GraphNode, values: Mapping[str, Value]) -> list[str]:
    """Return the command line arguments that give `node` its name and parameters.

    Args:
        node: the node to start.
        values: arguments by name; those that are missing keep the default, those that it does not take are
            for others.
    """
    words = ["--ros-args", "-r", f"__node:={node.name}", "-r", f"__ns:=/{node.namespace}"]
    for name in node.takes:
        default = ARGUMENTS[name].default
        value = type(default)(values.get(name, default))
        # ROS 2 reads values as YAML: without quotes a path like 2018 would be a number.
        words += ["-p", f"{name}:={json.dumps(value)}"]
    return words
