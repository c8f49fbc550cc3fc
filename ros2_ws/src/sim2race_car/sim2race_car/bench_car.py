"""`sim2race bench car`: drive the whole graph for minutes, and count, time and weigh everything."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table
from sim2race_msgs.msg import DriveReport, InferenceReport

from car.drive_report import DriveState
from car.drive_trace import DriveTrace, FrameTotals, ProcessTrace
from car.files import write_atomically
from car.topics import DRIVE_REPORT, INFERENCE_REPORT
from sim2race_car import ros
from sim2race_car.bench_graph import BenchGraph

SAMPLE_S = 5.0
SETTLE_S = 2.0
"""Not counted: the first frames after the start find cold caches."""


def run_car(
    console: Console,
    policy: Path,
    *,
    duration_s: float,
    fps: float,
    load: bool,
    markdown_file: Path | None = None,
) -> int:
    """Drive, print what it came to, and return 0 if every aim is met, else 1.

    Args:
        console: is shown the progress and the tables.
        policy: what drives.
        duration_s: how long.
        fps: frames per second of the camera.
        load: whether another program keeps one core busy.
        markdown_file: where the tables go as Markdown.

    Raises:
        Sim2RaceError: the graph does not come to drive.
    """
    with BenchGraph(policy, arguments={"fps": fps}) as graph, _busy(load):
        graph.drive()
        graph.spin(SETTLE_S)
        with console.status(f"driving for {duration_s:.0f} s ..."):
            trace = _drive(graph, DriveTrace(fps=fps, loaded=load), duration_s)
    _print(console, trace)
    if markdown_file is not None:
        write_atomically(markdown_file, _markdown(trace))
    return 0 if all(is_met for _, _, is_met in trace.verdicts()) else 1


def _drive(graph: BenchGraph, trace: DriveTrace, duration_s: float) -> DriveTrace:
    """Let it drive, armed again after every stop, and take down what is seen."""
    processes = {name: psutil.Process(graph.group.pid(name)) for name in graph.nodes}
    trace.processes = [ProcessTrace(name) for name in processes]
    heard = graph.ears.heard
    for reports in heard.values():
        reports.clear()
    graph.until(lambda: heard[INFERENCE_REPORT.name], 5.0)
    before = _totals(heard[INFERENCE_REPORT.name][-1])
    since_ns, started_s = time.time_ns(), time.monotonic()
    next_sample_s = started_s
    while time.monotonic() - started_s < duration_s:
        if time.monotonic() >= next_sample_s:
            next_sample_s += SAMPLE_S
            for row in trace.processes:
                _sample(row, processes[row.name])
        report = graph.ears.last(DRIVE_REPORT)
        if report is not None and report.state not in (DriveState.DRIVING.value, DriveState.ARMED.value):
            graph.drive(steady_s=0.05)
        graph.spin(0.1)
    trace.duration_s = time.monotonic() - started_s
    trace.frames = _totals(heard[INFERENCE_REPORT.name][-1]).since(before)
    _take_down(trace, list(heard[INFERENCE_REPORT.name]), list(heard[DRIVE_REPORT.name]), since_ns)
    return trace


def _take_down(
    trace: DriveTrace, decisions: list[InferenceReport], reports: list[DriveReport], since_ns: int
) -> None:
    """Turn reports into times; a report that repeats a command is no second one."""
    for decision in decisions:
        source_ns, inferred_ns = (
            ros.ns_from_time(at) for at in (decision.source_stamp, decision.header.stamp)
        )
        if source_ns >= since_ns and inferred_ns:
            trace.to_inferred_ms.append((inferred_ns - source_ns) / 1e6)
    newest_ns, state = since_ns, ""
    for report in reports:
        source_ns, written_ns = (ros.ns_from_time(at) for at in (report.source_stamp, report.header.stamp))
        if report.state == DriveState.STOPPED.value and state != report.state:
            trace.stops.append(report.reason)
        state = report.state
        if state == DriveState.DRIVING.value and source_ns > newest_ns:
            newest_ns = source_ns
            trace.obeyed += 1
            trace.to_written_ms.append((written_ns - source_ns) / 1e6)
            trace.written_s.append(written_ns / 1e9)


def _totals(report: InferenceReport) -> FrameTotals:
    return FrameTotals(
        frames_in=report.frames_in,
        acted=report.frames_acted,
        overtaken=report.dropped_overtaken,
        too_old=report.dropped_old - report.dropped_overtaken,
        future=report.dropped_future,
        malformed=report.dropped_malformed,
        frozen=report.dropped_frozen,
        failed=report.dropped_bad - report.dropped_future - report.dropped_malformed - report.dropped_frozen,
    )


def _sample(row: ProcessTrace, process: psutil.Process) -> None:
    with process.oneshot():
        times = process.cpu_times()
        row.at_s.append(time.monotonic())
        row.cpu_s.append(times.user + times.system)
        row.memory_mib.append(process.memory_info().rss / 2**20)


@contextmanager
def _busy(load: bool) -> Iterator[None]:
    """Keep one core busy, as another program of the same priority would."""
    if not load:
        yield
        return
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def _growth(row: ProcessTrace) -> str:
    growth = row.growth_mib_per_hour
    return f"{growth:+.1f} MiB/h" if math.isfinite(growth) else "too short to tell"


def _tables(trace: DriveTrace) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    aims = [(what, how, "met" if is_met else "not met") for what, how, is_met in trace.verdicts()]
    processes = [
        (
            row.name,
            f"{row.cpu_percent:.0f} %",
            f"{row.memory_mib[-1]:.0f} MiB",
            _growth(row),
        )
        for row in trace.processes
        if row.at_s
    ]
    return [
        (("aim", "came out", "verdict"), list(aims)),
        (("what", "how much"), list(trace.rows())),
        (("process", "CPU of a core", "memory", "growth"), list(processes)),
    ]


def _print(console: Console, trace: DriveTrace) -> None:
    for headings, rows in _tables(trace):
        table = Table(box=None, padding=(0, 2))
        for heading in headings:
            table.add_column(heading)
        for row in rows:
            table.add_row(*row, style="red" if row[-1] == "not met" else "")
        console.print(table, highlight=False)
        console.print()
    console.print(f"{os.cpu_count()} cores; ceiling: {_ceiling(trace)}", highlight=False)


def _ceiling(trace: DriveTrace) -> str:
    """Say where the frame rate ends: at the machine's cores, or at the slowest process."""
    busiest = max(trace.processes, key=lambda row: row.cpu_percent)
    total = sum(row.cpu_percent for row in trace.processes)
    by_process = trace.fps * 100.0 / busiest.cpu_percent
    by_machine = trace.fps * 100.0 * (os.cpu_count() or 1) / total
    return (
        f"about {min(by_process, by_machine):.0f} frames/s, reckoned from the processor's time, where "
        + (f"{busiest.name} fills a core" if by_process < by_machine else "all cores are full")
        + f" (it takes {busiest.cpu_percent:.0f} % of one now, all together {total:.0f} %)"
    )


def _markdown(trace: DriveTrace) -> str:
    parts = []
    for headings, rows in _tables(trace):
        lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
        parts.append("\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n")
    return "\n".join(parts) + f"\nCeiling: {_ceiling(trace)}.\n"
