"""Interface packages are compiled once, and again only when something changed."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from ros2_ws import build_interfaces

CMAKE = """INTERFACE_INCLUDE_DIRECTORIES "/opt/python/cp311-cp311/include/python3.11;\
/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include"
"""


def test_the_wheels_cmake_files_are_pointed_to_this_python(tmp_path: Path) -> None:
    path = tmp_path / "share" / "some_msgs" / "cmake" / "export_some_msgs_pyExport.cmake"
    path.parent.mkdir(parents=True)
    path.write_text(CMAKE)
    build_interfaces.repair_include_paths(tmp_path)
    expected = f'"{sysconfig.get_path("include")};{np.get_include()}"'
    assert path.read_text() == f"INTERFACE_INCLUDE_DIRECTORIES {expected}\n"


def test_a_package_is_known_by_its_content(tmp_path: Path) -> None:
    message = tmp_path / "msg" / "A.msg"
    message.parent.mkdir()
    message.write_text("float32 x\n")
    before = build_interfaces.fingerprint(tmp_path)
    assert build_interfaces.fingerprint(tmp_path) == before
    message.write_text("float64 x\n")
    assert build_interfaces.fingerprint(tmp_path) != before
    message.write_text("float32 x\n")
    message.rename(message.with_name("B.msg"))
    assert build_interfaces.fingerprint(tmp_path) != before


def test_what_is_installed_is_neither_built_nor_installed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = build_interfaces.WORKSPACE / "src" / "sim2race_msgs"
    stamp = tmp_path / "share" / "sim2race_msgs" / "sim2race-build.txt"
    stamp.parent.mkdir(parents=True)
    stamp.write_text(build_interfaces.fingerprint(package))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("pip was run"))
    build_interfaces.install(package, tmp_path)


def test_the_environment_of_these_tests_is_up_to_date() -> None:
    for name in build_interfaces.PACKAGES:
        stamp = Path(sys.prefix) / "share" / name / "sim2race-build.txt"
        assert stamp.read_text() == build_interfaces.fingerprint(build_interfaces.WORKSPACE / "src" / name)
