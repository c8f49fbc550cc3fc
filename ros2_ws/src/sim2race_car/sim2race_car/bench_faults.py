"""`sim2race bench faults`: bring every fault about on the running graph, and measure the way to neutral.

The graph is that of `sim2race drive`, every node a process of its own around the simulated car, with one more
process that can spoil frames and decisions on their way.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.table import Table

from car.errors import unknown_name
from car.fault_matrix import FAULTS, HEADINGS, Fault, Kind, Row, markdown
from car.files import write_atomically
from sim2race_car.fault_bench import FaultBench
from sim2race_car.fault_settings import graph_for


def run_faults(
    console: Console,
    policy: Path,
    *,
    trials: int,
    only: Sequence[str] = (),
    markdown_file: Path | None = None,
) -> int:
    """Measure, print the matrix, and return 0 if every aim is met, else 1.

    Args:
        console: is shown the progress and the table.
        policy: what drives meanwhile.
        trials: how often every fault is brought about.
        only: names of faults; all of them if empty.
        markdown_file: where the table goes as Markdown.

    Raises:
        Sim2RaceError: no such fault, or the graph does not come to drive.
    """
    rows = [Row(fault) for fault in _chosen(only)]
    with ExitStack() as running:
        bench: FaultBench | None = None
        for number, row in enumerate(rows, start=1):
            with console.status(f"{row.fault.about} ..."):
                if bench is None or bench.setting is not row.fault.setting:
                    running.close()
                    graph = running.enter_context(graph_for(row.fault.setting, policy))
                    bench = running.enter_context(FaultBench(graph, policy, row.fault.setting))
                bench.measure(row, trials)
            console.print(f"{row.fault.name}: {row.verdict}", highlight=False)
            # After every row, so that an hour of them is not lost with the last one.
            if markdown_file is not None:
                write_atomically(markdown_file, markdown(rows[:number]))
            if row.fault.kind is Kind.KILL:
                # In a graph that had lost dozens of nodes to kill -9, a new one got no frames any more.
                running.close()
                bench = None
    _print(console, rows)
    return 0 if all(row.is_met for row in rows) else 1


def _chosen(only: Sequence[str]) -> list[Fault]:
    names = [fault.name for fault in FAULTS]
    for name in only:
        if name not in names:
            raise unknown_name("fault", name, names)
    return [fault for fault in FAULTS if not only or fault.name in only]


def _print(console: Console, rows: list[Row]) -> None:
    table = Table(box=None, padding=(0, 1))
    for heading in HEADINGS:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*row.cells(), style="" if row.is_met else "red")
    console.print(table, highlight=False)
