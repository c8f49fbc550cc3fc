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
    only_if: str = ""
    """Name of an argument without which this node is not started; empty if it always is."""

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
        Argument("policy", "", "Policy file; empty takes the model chosen by sim2race models"),
        Argument("calibration", "", "Calibration file; empty takes the factory's values"),
        Argument("mapping", "units", "units (radians and m/s), or community (as their stack drives)"),
        Argument("max_speed_percent", 50.0, "Maximum speed of the community's mapping"),
        Argument("mode", "autonomous", "Who drives at first: manual, autonomous or calibration"),
        Argument("pwm_root", "/sys/class/pwm", "Where pulses go: FOLDER, FOLDER@BUS, pca9685 or dry-run"),
        Argument("logging", True, "Write a car log"),
        Argument("output_path", "logs", "Folder that car logs are written to"),
        Argument("fps", 30.0, "Camera frames per second"),
        Argument("camera", "/dev/video0", "V4L2 device, or a video file"),
        Argument("threads", 1, "Threads that the policy may use"),
        Argument("max_frame_age_s", 0.1, "A frame older than this is dropped"),
        Argument("refuse_frozen", True, "Drop a picture that is the one before, while the car moves"),
        Argument("deadline_s", 0.1, "Longest time without a fresh command before the car stops"),
        Argument("manual_deadline_s", 0.5, "Longest silence of a stick without stamps"),
        Argument("speed_limit_mps", 4.0, "No command is faster than this"),
        Argument("battery_min_percent", 10.0, "The car stops below this; 0 never"),
        Argument("auto_arm", False, "Drive without being armed by a person"),
        Argument("track", "forever-raceway", "Track of the simulated car"),
        Argument("direction", "counter-clockwise", "counter-clockwise or clockwise"),
        Argument("noise", "high", "Visual noise of the simulated camera: none, low, high or unseen"),
        Argument("vehicle", "real-car", "Vehicle preset of the simulated car"),
        Argument("sim_camera", "aws", "Camera of the simulated car: a preset, or a calibration file"),
        Argument("vary_vehicle", False, "Draw the simulated car within its preset's spread at every reset"),
        Argument("redraw_every_s", 0.0, "Re-draw its surroundings every so many seconds; 0 at every reset"),
        Argument("real_time_factor", 1.0, "Simulated seconds per real one"),
        Argument("seed", 1, "Seed of everything random in the simulated car"),
        Argument("replay", "", "Car log whose frames are replayed"),
    )
}

SIM_CAR = GraphNode(
    "sim_car_node",
    "sim2race",
    package="sim2race_sim",
    executable="sim_car_node",
    takes=(
        "track",
        "direction",
        "noise",
        "vehicle",
        "sim_camera",
        "vary_vehicle",
        "redraw_every_s",
        "real_time_factor",
        "seed",
        "fps",
        "calibration",
        "pwm_root",
    ),
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
REPLAY_NODE = GraphNode(
    "replay_node",
    "camera_pkg",
    package="sim2race_car",
    executable="replay_node",
    takes=("replay", "logging"),
    ready=(Role.PUBLISHES, CAMERA),
)
INFERENCE = GraphNode(
    "inference_node",
    "inference_pkg",
    package="sim2race_car",
    executable="inference_node",
    takes=("policy", "threads", "max_frame_age_s", "refuse_frozen"),
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
        "mapping",
        "max_speed_percent",
        "mode",
        "pwm_root",
        "speed_limit_mps",
        "deadline_s",
        "manual_deadline_s",
        "max_frame_age_s",
        "battery_min_percent",
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
    only_if="logging",
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
    "replay": (LOG, STATUS, DRIVE, INFERENCE, REPLAY_NODE),
}
"""Nodes in the order of their start: the log before what it logs, the frames last."""

GRAPH_DEFAULTS: dict[str, dict[str, Value]] = {
    "car": {},
    "sim_car": {"pwm_root": "/tmp/sim2race-pwm"},
    # In a recording the car may stand while the wheels of the replay are told to turn.
    "replay": {"pwm_root": "dry-run", "auto_arm": True, "refuse_frozen": False},
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
    taken = {name for node in graph_called(graph) for name in (*node.takes, node.only_if)}
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
