"""Processes that end together, with their last words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from car.process_group import ProcessGroup

POLITE = """
import time
try:
    print("up", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("bye")
"""
DEAF = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


def start(group: ProcessGroup, name: str, program: str) -> None:
    group.start(name, [sys.executable, "-c", program], os.environ)


def wait_for(path: Path, text: str) -> None:
    end_s = time.monotonic() + 10.0
    while text not in path.read_text():
        assert time.monotonic() < end_s, path.read_text()
        time.sleep(0.01)


def test_all_are_asked_to_end_and_the_deaf_one_is_made_to(tmp_path: Path) -> None:
    group = ProcessGroup(tmp_path)
    start(group, "polite", POLITE)
    start(group, "deaf", DEAF)
    for name in ("polite", "deaf"):
        wait_for(group.output(name), "up")
    assert group.stop(deadline_s=0.5) == ["deaf"]
    ended = {process.name: process for process in group.ended()}
    assert (ended["polite"].status, ended["polite"].last_words) == (0, "bye")
    assert str(ended["deaf"]) == "deaf was ended by SIGKILL: up"


def test_some_can_be_ended_before_the_others(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path) as group:
        for name in ("first", "last"):
            start(group, name, POLITE)
            wait_for(group.output(name), "up")
        assert group.stop(["first"]) == []
        assert [process.name for process in group.ended()] == ["first"]
        last = group.pid("last")
    assert not psutil.pid_exists(last)


def test_one_that_fails_is_quoted(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path) as group:
        start(group, "node", "import sys; print('No track is called x.', file=sys.stderr); sys.exit(2)")
        end_s = time.monotonic() + 10.0
        while not group.ended() and time.monotonic() < end_s:
            time.sleep(0.01)
        (ended,) = group.ended()
    assert str(ended) == "node ended with status 2: No track is called x."


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_children_of_a_killed_parent_end_too(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import os, sys, time\nfrom pathlib import Path\nfrom car.process_group import ProcessGroup\n"
        "group = ProcessGroup(Path(sys.argv[1]))\n"
        "group.start('child', [sys.executable, '-c', 'import time; time.sleep(60)'], os.environ)\n"
        "print(group.pid('child'), flush=True)\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(number)
    parent.wait(10.0)
    parent.stdout.close()
    psutil.wait_procs([child], timeout=10.0)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
