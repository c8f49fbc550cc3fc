"""How fast logs open and become video, in how much memory, and how many heat maps a core makes.

This is `sim2race bench console`.

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
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from analysis.bench_log import RATE_HZ, write_bench_log
from analysis.heat_choice import HeatChoice
from analysis.heatmap import heatmaps
from analysis.log_index import index_path, open_log
from analysis.metrics import frame_times_s
from analysis.video import frames_between, write_video
from car.policy import Policy

_OPEN = """
import sys, time
from pathlib import Path
from analysis.console.documents import replay_document
from analysis.log_index import open_log
from analysis.replay import replay
from analysis.run_card import run_card
from car.memory import peak_mib
import sim.track  # A console imports it once.

begun = time.perf_counter()
log = open_log(Path(sys.argv[1]))
opened = time.perf_counter()
replay_document(replay(log))
done = time.perf_counter()
shown_mib = peak_mib()
run_card(log)
print(opened - begun, done - begun, shown_mib, time.perf_counter() - done, peak_mib())
"""
_BATCH = 64
_VIDEO_S = 20.0


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
            found = measure_open(log, cold=kind == "cold")
            table.add_row(f"open, {kind}", f"{found.opened_s:.3f} s")
            table.add_row(f"open and all that the page shows, {kind}", f"{found.shown_s:.3f} s")
            table.add_row(f"peak memory, {kind}", f"{found.shown_mib:.0f} MiB")
            table.add_row(
                f"scorecard, {kind}", f"{found.scored_s:.3f} s, {found.scored_mib:.0f} MiB at the peak"
            )
        size = sum(file.stat().st_size for file in log.iterdir()) / 2**20
        table.add_row("frames, log", f"{frames}, {size:.0f} MiB")
        for name, path in policies.items():
            for method in ("hirescam", "all-layers"):
                rate = maps_per_second(path, seconds=seconds, method=method)
                table.add_row(f"heat maps, {method}, {name}", f"{rate:.0f} 1/s")
        for name, path in policies.items():
            with console.status("Writing a video"):
                times, cpu_times = measure_video(log, path, Path(folder) / "bench.mp4")
            table.add_row(
                f"video with heat map, {name}", f"{times:.1f} x real time, {cpu_times:.1f} x by CPU time"
            )
    console.print(table)
    return 0


class Opening(NamedTuple):
    """What opening a log took."""

    opened_s: float
    """Seconds to open it."""
    shown_s: float
    """Seconds until all that its page shows is there."""
    shown_mib: float
    """Peak memory until then."""
    scored_s: float
    """Seconds that the scorecard took after that."""
    scored_mib: float
    """Peak memory with the scorecard."""


def measure_open(log: Path, *, cold: bool) -> Opening:
    """Open a log in a new process.

    Args:
        log: which.
        cold: whether its index is removed first; the file itself may be in the system's cache either way.
    """
    if cold:
        index_path(log).unlink(missing_ok=True)
    command = [sys.executable, "-c", _OPEN, str(log)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return Opening(*(float(value) for value in answer.stdout.split()))


def measure_video(log_path: Path, policy: Path, output: Path) -> tuple[float, float]:
    """Write twenty seconds of a log as video; return the times of real time by clock and by CPU time."""
    log = open_log(log_path)
    log.policy_path = policy
    rows = frames_between(log, 0.0, _VIDEO_S)
    shown_s = float(frame_times_s(log.frames)[rows[-1]])
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    write_video(log, rows, output, choice=HeatChoice(), done=lambda _: None)
    return shown_s / (time.perf_counter() - begun_s), shown_s / (time.process_time() - begun_cpu_s)


def maps_per_second(policy_path: Path, *, seconds: float, method: str = "hirescam") -> float:
    """Return how many heat maps onnxruntime makes a second on one thread, in batches of 64."""
    policy = Policy.load(policy_path)
    chance = np.random.default_rng(0)
    frames = chance.integers(0, 256, (_BATCH, policy.frames, 120, 160), dtype=np.uint8)
    history = np.zeros((_BATCH, policy.history, 2), np.float32) if policy.history else None
    targets = np.zeros(_BATCH, np.int64)
    heatmaps(policy, frames, targets, method, history=history)
    made, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        heatmaps(policy, frames, targets, method, history=history)
        made += _BATCH
    return made / (time.perf_counter() - begun)
