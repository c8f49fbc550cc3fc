"""What a person sees while jobs run: a live table in a terminal, a line at every end elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from training.jobs import CACHED, DONE, FAILED, RUNNING, WAITING, Job
from training.run_folder import RunFolder
from training.run_overview import overview
from training.runs_command import duration

INTERVAL_S = 1.0
"""Time between two drawings of the table: each reads the figures of all runs in it."""
ROWS = 30
"""Jobs shown at a time: those that run, then those that ended last, then those that wait."""


class JobDisplay:
    """Shows how jobs go; a context manager, and `watch` is for `run_jobs`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = (
            Live(console=console, refresh_per_second=2, transient=True) if console.is_terminal else None
        )
        self._said: set[str] = set()
        self._drawn_s = 0.0

    def watch(self, jobs: Sequence[Job]) -> None:
        """Show the jobs as they are."""
        for job in jobs:
            if job.state in (DONE, FAILED) and job.name not in self._said:
                self._said.add(job.name)
                words = f": {job.reason}" if job.reason else f" after {duration(job.seconds)}"
                self._console.print(f"{job.name} {job.state}{words}", highlight=False, soft_wrap=True)
        if self._live is not None and time.monotonic() - self._drawn_s > INTERVAL_S:
            self._drawn_s = time.monotonic()
            self._live.update(job_table(jobs))

    def __enter__(self) -> JobDisplay:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()


def job_table(jobs: Sequence[Job]) -> Table:
    """Return the state of jobs, and how far the trainings among them have come."""
    counts = {
        state: sum(job.state == state for job in jobs) for state in (RUNNING, WAITING, CACHED, DONE, FAILED)
    }
    title = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("job", overflow="fold")
    table.add_column("state", no_wrap=True)
    for column in ("time", "steps", "/s", "laps", "expl"):
        table.add_column(column, justify="right", no_wrap=True)
    order = {RUNNING: 0, FAILED: 1, DONE: 2, CACHED: 3}
    for job in sorted(jobs, key=lambda job: order.get(job.state, 4))[:ROWS]:
        table.add_row(job.name, job.state, duration(job.seconds), *_training(job))
    return table


def _training(job: Job) -> list[str]:
    folder = RunFolder(job.folder)
    if not folder.config_path.is_file():
        return []
    run = overview(folder)
    share = f"{100 * run.steps / run.max_steps:.0f}%" if run.max_steps else f"{run.steps:,}"
    return [
        share,
        "-" if run.steps_per_second is None else f"{run.steps_per_second:,.0f}",
        "-" if run.greedy_lap_share is None else f"{run.greedy_lap_share:.0%}",
        "-" if run.exploring_lap_share is None else f"{run.exploring_lap_share:.0%}",
    ]
