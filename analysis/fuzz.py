"""`sim2race bench fuzz`: damaged and hostile files by the thousand, opened as the console opens them.

A case is at fault when what opens it dies, raises anything but a refusal in one line, takes more than two
seconds of processor time, needs more memory than a whole log of an hour does, or leaves a file outside of the
store. Cases follow from a seed and a number; a fault names both.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.fuzz_report import FuzzReport, read_report

SLOW_S = 2.0
"""Processor time that a case may take."""
HANG_S = 60.0
"""Time on the clock after which a process is taken for hung: a busy machine may stretch two seconds."""
SAID_EVERY = 100
"""Cases after which a run says how far it is, and keeps what it has found."""
GROWTH_MIB = 400.0
"""Memory that a case may add to what the process has when it is ready."""


def run_fuzz(
    console: Console, *, policy: Path, files: int, seed: int, first: int = 0, report: Path | None = None
) -> int:
    """Run cases, print a table, and return 1 if there was a fault.

    Args:
        console: where to print.
        policy: a `policy.onnx` to damage and to lie beside logs.
        files: number of cases.
        seed: of all of them.
        first: number of the first case.
        report: where what has been found is kept as JSON; cases that it holds already are not run again.

    Raises:
        BadFileError: that file is of other cases.
    """
    found = fuzz(policy, range(first, first + files), seed, console=console, report=report)
    console.print(found.table(f"{found.cases} files, seed {seed}"))
    console.print(found.figures())
    for fault in found.faults[:20]:
        console.print(f"Fault in case {fault['number']} ({fault['kind']}, {fault['how']}):", style="bold")
        console.print(str(fault["text"])[-1500:], markup=False, highlight=False)
    return 1 if found.faults else 0


def fuzz(
    policy: Path,
    numbers: range,
    seed: int,
    *,
    console: Console | None = None,
    report: Path | None = None,
) -> FuzzReport:
    """Run cases in a process that is watched, and started anew when it dies or hangs; see `run_fuzz`."""
    found = read_report(report, seed=seed, first=numbers.start) if report else FuzzReport()
    opener: _Opener | None = None
    with tempfile.TemporaryDirectory(prefix="sim2race-fuzz-") as folder:
        for number in numbers[found.cases :]:
            opener = opener or _Opener(Path(folder), policy, seed)
            outcome = opener.open(number)
            _judge(outcome, opener, found)
            if opener.must_end:
                opener.end()
                opener = None
            if found.cases % SAID_EVERY == 0:
                if report:
                    report.parent.mkdir(parents=True, exist_ok=True)
                    found.write(report, seed=seed, first=numbers.start)
                if console:
                    console.print(f"{found.cases} of {len(numbers)}: {found.figures()}", highlight=False)
        if opener is not None:
            opener.end()
    if report:
        found.write(report, seed=seed, first=numbers.start)
    return found


def _judge(outcome: dict[str, Any], opener: _Opener, found: FuzzReport) -> None:
    """Count an outcome, and find what it has done beside its own account of it."""
    cpu_s, peak_mib = float(outcome.get("cpu_s", 0.0)), float(outcome.get("peak_mib", 0.0))
    found.cpu_s[outcome["kind"]] = found.cpu_s.get(outcome["kind"], 0.0) + cpu_s
    found.slowest_s, found.peak_mib = max(found.slowest_s, cpu_s), max(found.peak_mib, peak_mib)
    if outcome["result"] != "fault":
        problem = ""
        if cpu_s > SLOW_S:
            problem = f"It took {cpu_s:.1f} s of processor time."
        elif peak_mib > opener.ready_mib + GROWTH_MIB:
            problem = f"Memory grew to {peak_mib:.0f} MiB."
            opener.must_end = True  # The peak would be blamed on those that come after.
        elif strangers := opener.strangers():
            problem = f"It left files where none should be: {', '.join(strangers)[:500]}."
            opener.must_end = True
        if problem:
            outcome = {**outcome, "result": "fault", "text": problem}
    found.results[outcome["kind"], outcome["result"]] += 1
    if outcome["result"] == "fault":
        found.faults.append(outcome)


class _Opener:
    """The process that opens cases, in a folder of its own.

    Args:
        folder: for all processes.
        policy: see `run_fuzz`.
        seed: see `run_fuzz`.
    """

    def __init__(self, folder: Path, policy: Path, seed: int) -> None:
        self._home = Path(tempfile.mkdtemp(dir=folder))
        self._temporary = self._home / "tmp"
        self._temporary.mkdir()
        command = [sys.executable, "-m", "analysis.fuzz_open", str(self._home), str(policy), str(seed)]
        environment = {**os.environ, "TMPDIR": str(self._temporary)}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        self._complaints: list[str] = []
        for stream, keep in (
            (self._process.stdout, self._answers.put),
            (self._process.stderr, self._complain),
        ):
            assert stream is not None
            threading.Thread(target=lambda s=stream, k=keep: [k(line) for line in s], daemon=True).start()
        self.ready_mib = float(json.loads(self._answers.get(timeout=300.0))["ready"])
        """Memory that the process has before its first case."""
        self._known: set[Path] = set(self._outside())
        self.must_end = False
        """Whether another process must go on."""

    def open(self, number: int) -> dict[str, Any]:
        """Have one case opened; a death or a hang is a fault."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{number}\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._answers.get(timeout=HANG_S))
            return answer
        except (queue.Empty, BrokenPipeError, ValueError):
            self.must_end = True
            died = self._process.poll()
            said = "".join(self._complaints[-5:])
            text = f"It hung for {HANG_S:.0f} s." if died is None else f"The process died with {died}. {said}"
            return {"number": number, "kind": "?", "how": "?", "result": "fault", "text": text}

    def strangers(self) -> list[str]:
        """Return files outside of the store: beside it, and in the folder for temporary files."""
        return [str(path) for path in self._outside() if path not in self._known]

    def _outside(self) -> list[Path]:
        store = self._home / "outer"
        beside = [path for path in store.iterdir() if path.name != "store"]
        return [*self._home.iterdir(), *beside, *self._temporary.iterdir()]

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _complain(self, line: str) -> None:
        self._complaints.append(line[:500])
        del self._complaints[:-50]
