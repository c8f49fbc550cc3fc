"""Build and test this workspace with colcon, as on a car, also where ROS 2 itself came from pip.

The result lies in `.build/colcon`, by Python and ROS 2. Compiling the messages takes a minute or two the
first time and nothing after that. The nodes' packages run on the environment's own Python, so it is the one
that runs colcon: `python -m ros2_ws.build_workspace`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from ros2_ws.build_interfaces import WORKSPACE, repair_include_paths, ros_version

PREFIX = Path(sys.prefix)
DEADLINE_S = 900.0
"""Far longer than a cold build takes on two cores."""


def folder() -> Path:
    """Return where this Python and this ROS 2 build."""
    what = f"{sys.executable} {sys.implementation.cache_tag} {sysconfig.get_platform()} {ros_version()}"
    return WORKSPACE.parent / ".build" / "colcon" / hashlib.sha256(what.encode()).hexdigest()[:12]


def environment() -> dict[str, str]:
    """Return variables by which colcon and CMake find the packages beside this Python."""
    values = os.environ | {"PATH": f"{PREFIX / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    for name in ("AMENT_PREFIX_PATH", "CMAKE_PREFIX_PATH"):
        values[name] = os.pathsep.join(filter(None, (str(PREFIX), os.environ.get(name, ""))))
    return values


def colcon(*words: str) -> None:
    """Run colcon on the workspace, or stop with what it said.

    What it says on the way is shown only if it fails.
    """
    base = folder()
    base.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "colcon", "--log-base", str(base / "log"), *words]
    try:
        done = subprocess.run(
            command,
            cwd=WORKSPACE,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        sys.exit(f"colcon {words[0]} was not done after {DEADLINE_S:g} s.")
    if done.returncode:
        sys.exit(f"{done.stdout}\ncolcon {words[0]} failed; the lines above say why.")


def main() -> None:
    """Build everything, then run the tests that lie in the packages."""
    started_s = time.monotonic()
    base = folder()
    if not (base / "install").exists():
        print("Building the ROS 2 workspace with colcon (once, one to three minutes) ...", flush=True)
    repair_include_paths(PREFIX)
    bases = ("--build-base", str(base / "build"), "--install-base", str(base / "install"))
    colcon("build", *bases, "--cmake-args", "-GNinja", "-DBUILD_TESTING=OFF")
    built_s = time.monotonic()
    colcon("test", *bases, "--return-code-on-test-failure")
    summary = subprocess.run(
        [sys.executable, "-m", "colcon", "test-result", "--test-result-base", str(base / "build")],
        cwd=base,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    if not summary.startswith("Summary: ") or summary.startswith("Summary: 0 tests"):
        sys.exit(f"colcon ran no tests: {summary}")
    tested_s = time.monotonic()
    print(
        f"colcon build {built_s - started_s:.0f} s, colcon test {tested_s - built_s:.0f} s. {summary}",
        flush=True,
    )


if __name__ == "__main__":
    main()
