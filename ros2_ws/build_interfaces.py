"""Build the interface packages of this workspace into the virtual environment, once.

ROS 2 usually builds messages with colcon and sources the result. Where ROS 2 itself came from pip there is
nothing to source, so each interface package becomes a wheel that is installed beside it. A wheel is kept
under `.build/interfaces` by the content of its sources, the Python and the ROS 2 it was built against: a
second run, or a second environment of the same kind, compiles nothing.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parent
PACKAGES = ("deepracer_interfaces_pkg", "sim2race_msgs")
CACHE = WORKSPACE.parent / ".build" / "interfaces"

WHEEL_BUILDER_INCLUDE = re.compile(
    r"/opt/python/cp3\d+-cp3\d+t?/(?P<kind>include/python3\.\d+t?|lib/python3\.\d+t?/site-packages/numpy/(_core|core)/include)"
)
"""Where the builder of the ROS 2 wheels had its headers; the wheels' CMake files still point there."""


def repair_include_paths(prefix: Path) -> None:
    """Make the CMake files of the ROS 2 wheels under `prefix` name this Python's headers.

    A system ROS 2 has no such files below the virtual environment, and nothing happens.
    """
    python_include = sysconfig.get_path("include")
    for cmake_file in prefix.glob("share/*/cmake/*_pyExport.cmake"):
        text = cmake_file.read_text()
        repaired = WHEEL_BUILDER_INCLUDE.sub(
            lambda found: python_include if found["kind"].startswith("include") else _numpy_include(), text
        )
        if repaired != text:
            cmake_file.write_text(repaired)


def fingerprint(package: Path) -> str:
    """Return a short hash of everything a wheel of `package` depends on."""
    digest = hashlib.sha256(
        f"{sys.implementation.cache_tag} {sysconfig.get_platform()} {ros_version()}".encode()
    )
    for source in sorted(path for path in package.rglob("*") if path.is_file()):
        digest.update(source.relative_to(package).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def install(package: Path, prefix: Path) -> None:
    """Build the wheel of `package` unless it is kept, and install it unless it is installed."""
    key = fingerprint(package)
    stamp = prefix / "share" / package.name / "sim2race-build.txt"
    if stamp.exists() and stamp.read_text() == key:
        return
    kept = CACHE / f"{package.name}-{key}"
    if not list(kept.glob("*.whl")):
        print(f"Building {package.name} (once, one to three minutes) ...", flush=True)
        started = time.monotonic()
        _build_wheel(package, kept, prefix)
        print(f"Built {package.name} in {time.monotonic() - started:.0f} s.")
    wheel = next(kept.glob("*.whl"))
    _pip("install", "--quiet", "--no-deps", "--no-index", "--force-reinstall", str(wheel))
    stamp.write_text(key)


def _build_wheel(package: Path, kept: Path, prefix: Path) -> None:
    """Compile `package` into a wheel; `kept` appears only when the wheel is whole."""
    aside = kept.with_name(f".{kept.name}.{os.getpid()}")
    sources = aside / "sources"
    # Built from a copy: ament writes an egg-info and caches beside the sources.
    shutil.copytree(package, sources)
    environment = os.environ | {"PATH": f"{prefix / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for variable in ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH"):
        environment[variable] = os.pathsep.join(filter(None, (str(prefix), os.environ.get(variable, ""))))
    try:
        _pip(
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(aside),
            str(sources),
            env=environment,
        )
        shutil.rmtree(sources)
        aside.rename(kept)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _pip(*arguments: str, env: dict[str, str] | None = None) -> None:
    """Run pip of this environment, or stop with its own message."""
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], env=env, check=False)
    if done.returncode:
        sys.exit(f"pip {arguments[0]} failed for the interface packages; the lines above say why.")


def _numpy_include() -> str:
    import numpy

    return numpy.get_include()


def ros_version() -> str:
    """Return what tells one ROS 2 from another: the distribution, and the version of its wheels."""
    distribution = os.environ.get("ROS_DISTRO", "wheels")
    return f"{distribution} {importlib.metadata.version('rclpy')}"


def main() -> None:
    """Install every interface package into the environment of the running Python."""
    prefix = Path(sys.prefix)
    repair_include_paths(prefix)
    for name in PACKAGES:
        install(WORKSPACE / "src" / name, prefix)


if __name__ == "__main__":
    main()
