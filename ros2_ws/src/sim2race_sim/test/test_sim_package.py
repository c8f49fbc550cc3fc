"""The package as colcon installed it: its executables are there, start, and say what is missing."""

from __future__ import annotations

import ast
import os
import subprocess
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ament_index_python import get_package_prefix

PACKAGE = "sim2race_sim"
SOURCE = Path(__file__).parents[1]
NODES = ("sim_car_node",)
ROS_PACKAGES = ("_msgs", "_srvs", "_interfaces", "_interfaces_pkg")


def executable(name: str) -> Path:
    """Return where colcon installs a node."""
    return Path(get_package_prefix(PACKAGE)) / "lib" / PACKAGE / name


@pytest.mark.parametrize("name", NODES)
def test_a_node_is_installed_and_can_be_imported(name: str) -> None:
    assert os.access(executable(name), os.X_OK)
    assert callable(import_module(f"{PACKAGE}.{name}").main)


def test_an_installed_node_starts_and_refuses_what_is_not_there_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [executable("sim_car_node"), "--ros-args", "-p", "track:=trapezoidal"],
        env=os.environ | {"ROS_LOG_DIR": str(tmp_path), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
        capture_output=True,
        text=True,
        timeout=30.0,
        check=False,
    )
    assert done.returncode == 2
    assert "Did you mean 'trapezoid'" in done.stderr.strip().splitlines()[-1]


def test_package_xml_names_every_ros_package_that_the_nodes_import() -> None:
    manifest = ElementTree.parse(SOURCE / "package.xml")
    named = {str(element.text) for element in manifest.iter() if element.tag.endswith("depend")}
    imported = set()
    for path in (SOURCE / PACKAGE).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.split(".")[0])
    needed = {name for name in imported if name == "rclpy" or name.endswith(ROS_PACKAGES)}
    assert needed <= named
