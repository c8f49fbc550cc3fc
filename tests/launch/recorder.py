"""Stands in for the packages `launch` and `launch_ros`, which ROS 2 has and PyPI does not.

It knows exactly the classes and keywords that launch files may use here, with the real names and meanings,
and refuses everything else with a TypeError or an ImportError, as the real packages would.
"""

from __future__ import annotations

import runpy
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml


@dataclass(frozen=True)
class LaunchConfiguration:
    variable_name: str


@dataclass(frozen=True)
class IfCondition:
    predicate_expression: LaunchConfiguration

    def evaluate(self, values: dict[str, str]) -> bool:
        """Decide as launch does, which takes only words for yes and no."""
        word = values[self.predicate_expression.variable_name].strip().lower()
        assert word in ("true", "1", "false", "0"), f"{word!r} is no condition"
        return word in ("true", "1")


@dataclass(frozen=True)
class ParameterValue:
    value: LaunchConfiguration
    _: Any = field(default=None, init=False, repr=False)
    value_type: type = field(default=str, kw_only=True)


@dataclass(frozen=True)
class DeclareLaunchArgument:
    name: str
    default_value: str = field(kw_only=True)
    description: str = field(kw_only=True)

    def __post_init__(self) -> None:
        assert isinstance(self.default_value, str), "launch takes text as a default"


@dataclass(frozen=True, kw_only=True)
class Node:
    package: str
    executable: str
    name: str
    namespace: str
    output: str
    parameters: list[dict[str, ParameterValue]]
    condition: IfCondition | None = None
    respawn: bool = False
    respawn_delay: float | None = None


@dataclass(frozen=True)
class LaunchDescription:
    entities: list[DeclareLaunchArgument | Node]


MODULES: dict[str, tuple[type, ...]] = {
    "launch": (LaunchDescription,),
    "launch.actions": (DeclareLaunchArgument,),
    "launch.conditions": (IfCondition,),
    "launch.substitutions": (LaunchConfiguration,),
    "launch_ros": (),
    "launch_ros.actions": (Node,),
    "launch_ros.parameter_descriptions": (ParameterValue,),
}


@dataclass(frozen=True)
class StartedNode:
    """What launch would start."""

    package: str
    executable: str
    full_name: str
    parameters: dict[str, Any]
    respawn: bool


def record(path: Path, monkeypatch: pytest.MonkeyPatch, **arguments: str) -> list[StartedNode]:
    """Return the nodes that a launch file starts when it is given `arguments`."""
    for name, classes in MODULES.items():
        module = ModuleType(name)
        for made in classes:
            setattr(module, made.__name__, made)
        monkeypatch.setitem(sys.modules, name, module)
    # Imported anew, with these classes, and forgotten again, so that nobody else gets them.
    sys.modules.pop("sim2race_car.launching", None)
    description = runpy.run_path(str(path))["generate_launch_description"]()
    sys.modules.pop("sim2race_car.launching")
    declared = [entity for entity in description.entities if isinstance(entity, DeclareLaunchArgument)]
    values = {argument.name: argument.default_value for argument in declared}
    assert len(values) == len(declared), "an argument is declared twice"
    assert arguments.keys() <= values.keys(), f"not declared: {arguments.keys() - values.keys()}"
    values.update(arguments)
    return [
        _start(entity, values)
        for entity in description.entities
        if isinstance(entity, Node) and (entity.condition is None or entity.condition.evaluate(values))
    ]


def _start(node: Node, values: dict[str, str]) -> StartedNode:
    return StartedNode(
        package=node.package,
        executable=node.executable,
        full_name=f"/{node.namespace}/{node.name}",
        parameters={
            name: _typed(parameter, values) for group in node.parameters for name, parameter in group.items()
        },
        respawn=node.respawn,
    )


def _typed(parameter: ParameterValue, values: dict[str, str]) -> Any:
    """Read text as launch does: as it is for a string, else as YAML that has to have the type."""
    text = values[parameter.value.variable_name]
    if parameter.value_type is str:
        return text
    value = yaml.safe_load(text)
    assert isinstance(value, parameter.value_type), f"{text!r} is no {parameter.value_type.__name__}"
    return value
