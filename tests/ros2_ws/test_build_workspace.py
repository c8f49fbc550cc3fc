"""The colcon build of the workspace: where it lies, what it finds, and that a failure is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ros2_ws import build_workspace


def test_another_ros_builds_somewhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    here = build_workspace.folder()
    assert here == build_workspace.folder()
    assert here.parent.name == "colcon"
    monkeypatch.setattr(build_workspace, "ros_version", lambda: "kilted 9.1.2")
    assert build_workspace.folder() != here


def test_packages_beside_this_python_are_found_before_a_sourced_ros(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", "/opt/ros/jazzy")
    monkeypatch.delenv("CMAKE_PREFIX_PATH", raising=False)
    found = build_workspace.environment()
    assert found["AMENT_PREFIX_PATH"] == f"{sys.prefix}{os.pathsep}/opt/ros/jazzy"
    assert found["CMAKE_PREFIX_PATH"] == sys.prefix
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.prefix) / "bin")


def test_what_colcon_refuses_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_workspace, "folder", lambda: tmp_path)
    with pytest.raises(SystemExit, match=r"(?s)invalid choice: 'biuld'.*colcon biuld failed"):
        build_workspace.colcon("biuld")
