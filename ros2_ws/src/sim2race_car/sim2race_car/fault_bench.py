"""Brings the faults of `car.fault_matrix` about on a running graph, and sees what comes of each.

Times run from the fault itself, a signal sent or a message spoilt for the first time, to the moment in which
the pulse files read neutral.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from car.errors import Sim2RaceError
from car.fault_matrix import CONSOLE, Fault, Kind, Row, Setting
from car.node_graph import DRIVE
from car.topics import DRIVE_REPORT, LOAD_MODEL, STOP_LOGGING
from sim2race_car import ros
from sim2race_car.bench_graph import BenchGraph, Extra
from sim2race_car.fault_flood import FLOOD
from sim2race_car.fault_injector import ANSWER, ORDER
from sim2race_car.fault_settings import start_console
from sim2race_car.page_hand import PageHand

STOP_DEADLINE_S = 1.5
"""What has not stopped by then does not stop."""
GOES_ON_S = 2.0
"""How long the car must go on under a fault that is none of its business."""
STARVED_S = 4.0
SAYS_WITHIN_S = 1.0
DRIVE_AGAIN_S = 60.0
BY_HAND_S = 0.6
PRESS_S = 4.0
"""After so long a press has armed the car, or will not."""
CONSOLE_DEADLINE_S = 120.0
SETTLE_S = 2.0
"""A console that has just come, or gone, costs everybody a moment of the middleware's time."""
MOST_ATTEMPTS = 3
ORDERS = 10
"""How often an order is repeated: the flood does not answer before it is heard by those whom it floods."""
FRAME_S = 1 / 30
FLOODER = Extra("fault_flood", "sim2race_car.fault_flood")


class FaultBench:
    """Brings faults about, one at a time, and puts everything right again; a context manager.

    Args:
        graph: the running graph of the setting.
        policy: file of what decides.
        setting: what runs beside the graph.
    """

    def __init__(self, graph: BenchGraph, policy: Path, setting: Setting) -> None:
        self._graph = graph
        self._policy = policy
        self.setting = setting
        self._stack = ExitStack()
        self._hand: PageHand | None = None
        self._orders = graph.ears.publisher(ORDER)
        self._answers = graph.ears.listen(ANSWER)
        self._bring_about: dict[Kind, Callable[[Fault], Any]] = {
            Kind.NOTHING: self._leave_alone,
            Kind.KILL: self._kill,
            Kind.HANG: self._hang,
            Kind.CAMERA: self._spoil,
            Kind.RESULTS: self._spoil,
            Kind.POLICY: self._corrupt,
            Kind.DISK: self._hurt_disk,
            Kind.LOAD: self._starve,
            Kind.FLOOD: self._flood,
            Kind.OPEN: self._open_and_close,
        }

    def __enter__(self) -> FaultBench:
        if self.setting in (Setting.WATCHED, Setting.BY_HAND):
            start_console(self._graph)
            self._await_console()
        if self.setting is Setting.BY_HAND:
            self._hand = self._stack.enter_context(PageHand(self._graph.group.output(CONSOLE)))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def measure(self, row: Row, trials: int) -> None:
        """Bring a fault about so many times.

        Raises:
            Sim2RaceError: the car does not come to drive again.
        """
        for _ in range(MOST_ATTEMPTS * trials):
            if row.trials == trials:
                return
            self._set_off()
            # A fault comes at any moment of the frame's period.
            self._graph.spin(random.uniform(0.0, FRAME_S))
            with self._bring_about[row.fault.kind](row.fault) as since_s:
                time_s = self._outcome(row.fault, since_s)
                self._graph.spin(0.1)
                if time_s is not None and row.fault.target != DRIVE.name:
                    # On a busy machine its report comes later than the pulses.
                    self._graph.until(self._graph.drive_reason, SAYS_WITHIN_S)
                # Where the car must go on, the words of a stop are those that count.
                if time_s is not None or not row.times_ms:
                    row.drive_says = self._graph.drive_reason()
                    row.others_say = self._what_others_say(row.fault)
            if time_s is not None and time_s < 0.0:
                continue  # it had stopped for another reason, as when the car is put back on the track
            row.trials += 1
            if time_s is not None:
                row.times_ms.append(time_s * 1e3)

    def _set_off(self) -> None:
        """Let the car drive, by its policy or by a hand on the page.

        Raises:
            Sim2RaceError: it does not.
        """
        if self._hand is None:
            self._graph.drive(DRIVE_AGAIN_S)
            return
        end_s = time.monotonic() + DRIVE_AGAIN_S
        while not self._graph.until(lambda: self._graph.pulses.driving_for_s() > BY_HAND_S, PRESS_S):
            if time.monotonic() > end_s:
                raise Sim2RaceError(f"The car cannot be driven from the page: {self._hand.problem}.")
            # A car that has stopped wants a new press, and so does one that has not set off yet.
            self._hand.hold()

    def _await_console(self) -> None:
        """Wait until the console has said where its page is.

        Raises:
            Sim2RaceError: it ended, or did not say so in time.
        """
        output = self._graph.group.output(CONSOLE)
        if not self._graph.until(lambda: "http://" in output.read_text(errors="replace"), CONSOLE_DEADLINE_S):
            said = output.read_text(errors="replace")[-500:].strip() or "it wrote nothing"
            raise Sim2RaceError(f"The console has not started within {CONSOLE_DEADLINE_S:g} s: {said}")
        self._graph.spin(SETTLE_S)
        for ended in self._graph.group.ended():
            if ended.name == CONSOLE:
                raise Sim2RaceError(f"{ended}.")

    def _outcome(self, fault: Fault, since_s: float) -> float | None:
        """Wait for what comes of a fault; returns the time to neutral, None if the car goes on."""
        pulses = self._graph.pulses
        if fault.kind is Kind.LOAD:
            self._graph.spin(STARVED_S)
            return self._oldest_pulse_s(since_s)
        if fault.aim_ms is None:
            self._graph.spin(GOES_ON_S)
            return pulses.neutral_after(since_s) if pulses.was_neutral(since_s) else None
        end_s = since_s + STOP_DEADLINE_S
        while time.monotonic() < end_s and not pulses.is_neutral:
            time.sleep(0.005)
        return pulses.neutral_after(since_s)

    def _oldest_pulse_s(self, since_s: float) -> float:
        """Return the longest time that the wheels obeyed one command, from its writing to the next one."""
        since_ns = time.time_ns() - round((time.monotonic() - since_s) * 1e9)
        driving, oldest_ns, before_ns, commands = False, 0, 0, 0
        for report in list(self._graph.ears.heard[DRIVE_REPORT.name]):
            written_ns = ros.ns_from_time(report.header.stamp)
            if written_ns <= before_ns or written_ns < since_ns:
                continue
            # Where the bench itself missed a report, the time between two says nothing.
            if driving and report.commands - commands <= 1:
                oldest_ns = max(oldest_ns, written_ns - before_ns)
            driving, before_ns, commands = report.state == "driving", written_ns, report.commands
        return oldest_ns / 1e9

    def _what_others_say(self, fault: Fault) -> str:
        said = ""
        if fault.kind is Kind.DISK or fault.target == "bag_log_node":
            said = str(self._graph.run_info().get("log_problem", ""))
        elif fault.kind in (Kind.CAMERA, Kind.POLICY):
            said = self._graph.inference_reason()
        # Folders that end with the bench tell a reader nothing.
        for folder in (self._graph.folder, self._policy.resolve().parent):
            said = said.replace(f"{folder}/", "")
        return said

    @contextmanager
    def _leave_alone(self, fault: Fault) -> Iterator[float]:
        yield time.monotonic()

    @contextmanager
    def _kill(self, fault: Fault) -> Iterator[float]:
        since_s = time.monotonic()
        os.kill(self._graph.group.pid(fault.target), signal.SIGKILL)
        yield since_s
        if self._hand is not None:
            self._hand.let_go()
        if fault.target == CONSOLE:
            start_console(self._graph)
            self._await_console()
        else:
            self._graph.start(fault.target)

    @contextmanager
    def _hang(self, fault: Fault) -> Iterator[float]:
        pid = self._graph.group.pid(fault.target)
        since_s = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        try:
            yield since_s
        finally:
            os.kill(pid, signal.SIGCONT)
            if self._hand is not None:
                self._hand.let_go()

    @contextmanager
    def _spoil(self, fault: Fault) -> Iterator[float]:
        yield self._order(fault.target)
        self._order("")

    @contextmanager
    def _corrupt(self, fault: Fault) -> Iterator[float]:
        content = self._policy.read_bytes()
        since_s = time.monotonic()
        self._policy.write_bytes(b"\0" * 1000 + content[1000 : len(content) // 2])
        try:
            self._graph.ears.call(LOAD_MODEL, artifact_path=str(self._policy.resolve()))
            yield since_s
        finally:
            self._policy.write_bytes(content)

    @contextmanager
    def _hurt_disk(self, fault: Fault) -> Iterator[float]:
        logs, aside = self._graph.folder / "logs", self._graph.folder / "aside"
        pid = self._graph.group.pid("bag_log_node")
        since_s = time.monotonic()
        if fault.target == "full":
            # The disk of one process: no byte beyond the first few of a file.
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
            yield since_s
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            return
        # A file in the folder's place: root may write into a folder that is read-only.
        logs.rename(aside)
        logs.write_text("not a folder")
        self._graph.ears.call(STOP_LOGGING)
        yield since_s
        logs.unlink()
        aside.rename(logs)

    @contextmanager
    def _starve(self, fault: Fault) -> Iterator[float]:
        since_s = time.monotonic()
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(4 * (os.cpu_count() or 1))
        ]
        try:
            yield since_s
        finally:
            for process in busy:
                process.kill()
                process.wait()

    @contextmanager
    def _flood(self, fault: Fault) -> Iterator[float]:
        self._graph.start_extra(FLOODER)
        try:
            # Found by everybody, and the car still drives: a stranger who is only there does no harm.
            self._graph.spin(3.0)
            self._graph.drive(DRIVE_AGAIN_S)
            yield self._order(FLOOD)
        finally:
            self._order("")
            self._graph.group.stop([FLOODER.name])

    @contextmanager
    def _open_and_close(self, fault: Fault) -> Iterator[float]:
        since_s = time.monotonic()
        start_console(self._graph)
        self._await_console()
        self._graph.group.stop([fault.target])
        yield since_s

    def _order(self, word: str) -> float:
        """Tell the injector what to spoil, and return when that took effect, on the monotonic clock.

        Raises:
            Sim2RaceError: nobody answers.
        """
        for _ in range(ORDERS):
            self._answers.clear()
            self._orders.publish(ros.interface(ORDER.type_name)(data=word))
            end_s = time.monotonic() + 2.0
            while time.monotonic() < end_s:
                answers = [json.loads(answer.data) for answer in list(self._answers)]
                # The flood answers to one word only, the injector to all.
                if answers and (word != FLOOD or len(answers) > 1):
                    return max(float(answer["at_s"]) for answer in answers)
                time.sleep(0.001)
        raise Sim2RaceError("The fault injector does not answer.")
