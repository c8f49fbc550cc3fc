"""How fast logs open, in how much memory, and how many heat maps a core makes: `sim2race bench console`.

Opening is measured in a process of its own each time, which is what a person waits for after a click in a
console that has just been started, and whose peak memory can be told apart.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from analysis.bench_log import RATE_HZ, write_bench_log
from analysis.log_index import index_path
from car.policy import Policy

_OPEN = """
import re, sys, time
from pathlib import Path
from analysis.console.documents import replay_document
from analysis.log_index import open_log
from analysis.replay import replay
import sim.track  # A console imports it once.
begun = time.perf_counter()
log = open_log(Path(sys.argv[1]))
opened = time.perf_counter()
replay_document(replay(log))
done = time.perf_counter()
peak_kib = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]
print(opened - begun, done - begun, int(peak_kib) / 1024)
"""
_BATCH = 64


def run_bench(console: Console, *, minutes: float, seconds: float, policies: Mapping[str, Path]) -> int:
    """Measure and print.

    Args:
        console: where to print.
        minutes: length of the log.
        seconds: time spent on each network.
        policies: name to `policy.onnx` of the networks whose heat maps are timed.
    """
    table = Table("Measure", "Value", title=f"Console, a log of {minutes:g} minutes, one core")
    with tempfile.TemporaryDirectory(prefix="sim2race-bench-") as folder:
        frames = round(minutes * 60 * RATE_HZ)
        with console.status("Writing the log"):
            log = write_bench_log(Path(folder), frames=frames)
        for kind in track(("cold", "warm"), description="Opening", console=console, transient=True):
            opened_s, shown_s, peak_mib = measure_open(log, cold=kind == "cold")
            table.add_row(f"open, {kind}", f"{opened_s:.3f} s")
            table.add_row(f"open and all that the page shows, {kind}", f"{shown_s:.3f} s")
            table.add_row(f"peak memory, {kind}", f"{peak_mib:.0f} MiB")
        size = sum(file.stat().st_size for file in log.iterdir()) / 2**20
    table.add_row("frames, log", f"{frames}, {size:.0f} MiB")
    for name, path in policies.items():
        table.add_row(f"heat maps, {name}", f"{maps_per_second(path, seconds=seconds):.0f} 1/s")
    console.print(table)
    return 0


def measure_open(log: Path, *, cold: bool) -> tuple[float, float, float]:
    """Open a log in a new process.

    Args:
        log: which.
        cold: whether its index is removed first; the file itself may be in the system's cache either way.

    Returns:
        Seconds to open it, seconds until all that its page shows is there, and peak memory in MiB.
    """
    if cold:
        index_path(log).unlink(missing_ok=True)
    command = [sys.executable, "-c", _OPEN, str(log)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    opened_s, shown_s, peak_mib = (float(value) for value in answer.stdout.split())
    return opened_s, shown_s, peak_mib


def maps_per_second(policy_path: Path, *, seconds: float) -> float:
    """Return how many heat maps onnxruntime makes a second on one thread, in batches of 64."""
    policy = Policy.load(policy_path)
    chance = np.random.default_rng(0)
    frames = chance.integers(0, 256, (_BATCH, policy.frames, 120, 160), dtype=np.uint8)
    history = np.zeros((_BATCH, policy.history, 2), np.float32) if policy.history else None
    targets = np.zeros(_BATCH, np.int64)
    policy.explain(frames, targets, history)
    made, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        policy.explain(frames, targets, history)
        made += _BATCH
    return made / (time.perf_counter() - begun)
