"""From the table of node graphs to a launch description; the launch files hold nothing else."""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from car.node_graph import ARGUMENTS, DRIVE, GraphNode, arguments_of, graph_called

CAR = "car"
"""The graph of a real car."""
RESPAWN_DELAY_S = 2.0


def launch_description(graph: str) -> LaunchDescription:
    """Return every argument and every node of a graph.

    Raises:
        UnknownNameError: no such graph.
    """
    arguments = [
        DeclareLaunchArgument(argument.name, default_value=str(argument.default), description=argument.about)
        for argument in arguments_of(graph)
    ]
    return LaunchDescription([*arguments, *(_launch_node(node, graph) for node in graph_called(graph))])


def _launch_node(node: GraphNode, graph: str) -> Node:
    # On a car, what ends is started again: the car stands meanwhile, and until a person arms it. Not so the
    # drive, whose end somebody should look into, and not in a simulation, which is somebody's experiment.
    respawn = graph == CAR and node is not DRIVE
    return Node(
        package=node.package,
        executable=node.executable,
        name=node.name,
        namespace=node.namespace,
        output="screen",
        respawn=respawn,
        respawn_delay=RESPAWN_DELAY_S,
        condition=IfCondition(LaunchConfiguration(node.only_if)) if node.only_if else None,
        # The type is stated, because launch would read a policy called 2018 as a number.
        parameters=[
            {
                name: ParameterValue(LaunchConfiguration(name), value_type=type(ARGUMENTS[name].default))
                for name in node.takes
            }
        ],
    )
