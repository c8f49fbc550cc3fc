"""What a person sees while a policy trains: a live line in a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from training.evaluation import Evaluation
from training.learner import UpdateReport
from training.teacher import TeacherReport

PLAIN_INTERVAL_S = 15.0
"""Time between lines where there is no terminal to redraw."""


class TrainingDisplay:
    """Shows how a training goes; use it as a context manager."""

    def __init__(self, console: Console, *, total_steps: int) -> None:
        """Prepare the display.

        Args:
            console: where to write.
            total_steps: steps at which the bar is full.
        """
        self._console = console
        self._greedy = "-"
        self._last_line_s = time.monotonic()
        self._progress = Progress(
            TextColumn("training"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("training", total=total_steps, figures="first rollout")

    def __enter__(self) -> TrainingDisplay:
        """Start the live line."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the live line, leaving its last state."""
        self._progress.stop()

    def show_update(self, report: UpdateReport) -> None:
        """Show the figures of one rollout and update."""
        figures = (
            f"{report.steps:,} steps, {report.steps_per_second:,.0f}/s | exploring: "
            f"progress {report.progress:.0f} %, laps {report.lap_share:.0%}, entropy {report.entropy:.2f} | "
            f"greedy laps {self._greedy}"
        )
        self._progress.update(self._task, completed=report.steps)
        self._line(figures)

    def _line(self, figures: str) -> None:
        """Show figures in the live line, or now and then as a line of their own."""
        self._progress.update(self._task, figures=figures)
        if not self._console.is_terminal and time.monotonic() - self._last_line_s > PLAIN_INTERVAL_S:
            self._last_line_s = time.monotonic()
            self._console.print(f"training: {figures}", highlight=False, soft_wrap=True)

    def show_teacher(self, report: TeacherReport, *, total_steps: int) -> None:
        """Show how far the teacher is."""
        self._line(
            f"teacher: {report.steps:,} of {total_steps:,} steps, {report.steps / report.seconds:,.0f}/s | "
            f"exploring: progress {report.progress:.0f} %, laps {report.lap_share:.0%}"
        )

    def show_evaluation(self, who: str, evaluation: Evaluation) -> None:
        """Show a greedy evaluation, which stays on the screen."""
        total = evaluation.total
        self._greedy = f"{total.lap_share:.0%}"
        parts = [f"{row.track} {row.direction} {row.completed}/{row.attempted}" for row in evaluation.rows]
        lap = "" if total.mean_lap_s is None else f", mean lap {total.mean_lap_s:.1f} s"
        self.say(f"{who}: {', '.join(parts)} laps{lap}")

    def show(self, table: Table) -> None:
        """Print a table that stays."""
        self._console.print(table)

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self._console.print(text, highlight=False, soft_wrap=True)
