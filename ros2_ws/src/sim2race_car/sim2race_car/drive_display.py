"""What a person sees while the node graph drives, and the table at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from car.drive_statistics import DriveStatistics, DriveSummary

SHOW_EVERY_S = 0.2


class DriveDisplay:
    """One line that moves; a context manager.

    Args:
        console: where to; None shows nothing.
        laps: how many are driven; 0 for as many as the time allows.
    """

    def __init__(self, console: Console | None, *, laps: int) -> None:
        self._laps = laps
        self._shown_s = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            console=console,
            disable=console is None,
            transient=True,
        )
        self._task = self._bar.add_task("starting the nodes", total=100.0, facts="")

    def __enter__(self) -> DriveDisplay:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def show_waiting(self, names: Sequence[str]) -> None:
        """Say which nodes are not ready yet."""
        self._bar.update(self._task, description=f"waiting for {', '.join(names)}")

    def show_driving(self, statistics: DriveStatistics) -> None:
        """Say how far the car is and how well the graph keeps up; a few times a second is enough."""
        now_s = time.monotonic()
        if now_s - self._shown_s < SHOW_EVERY_S:
            return
        self._shown_s = now_s
        lap = len(statistics.lap_times_s) + 1
        if self._laps:  # The car rolls on a little behind the line.
            lap = min(lap, self._laps)
        latency = statistics.latency
        facts = [f"{statistics.fps:.1f} fps", f"{latency.p50_ms:.1f} ms"] if latency else []
        if statistics.off_tracks:
            facts.append(f"{statistics.off_tracks} off track")
        self._bar.update(
            self._task,
            description=f"lap {lap} of {self._laps}" if self._laps else f"lap {lap}",
            completed=statistics.progress_percent,
            facts=", ".join(facts) or statistics.reason,
        )


def print_summary(summary: DriveSummary, console: Console) -> None:
    """Print a drive as a table."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, value in _rows(summary):
        table.add_row(f"[bold]{name}[/bold]", value)
    console.print(table)


def _rows(summary: DriveSummary) -> list[tuple[str, str]]:
    times = ", ".join(f"{time_s:.2f} s" for time_s in summary.lap_times_s)
    latency = summary.latency
    rows = [
        ("ended", summary.ended),
        ("laps", f"{summary.laps}{f' ({times})' if times else ''}, off track {summary.off_tracks} times"),
        (
            "frames",
            f"{summary.frames_published} published, {summary.frames_acted} acted on, "
            f"{summary.fps:.1f} per second",
        ),
        (
            "dropped",
            f"{summary.frames_dropped_old} old, {summary.frames_dropped_bad} bad, "
            f"{summary.commands_dropped} decisions not obeyed",
        ),
        (
            "camera to PWM",
            f"p50 {latency.p50_ms:.1f} ms, p99 {latency.p99_ms:.1f} ms, max {latency.max_ms:.1f} ms"
            if latency
            else "no command",
        ),
        ("safety stops", "; ".join(summary.stops) or "none"),
        ("last PWM", "neutral" if summary.last_pwm_is_neutral else "was not neutral; put right"),
        ("log", str(summary.log or "none")),
    ]
    return rows
