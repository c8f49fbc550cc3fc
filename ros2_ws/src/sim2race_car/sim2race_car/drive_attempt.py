"""One drive of `sim2race drive`, from the first process to the last: wait, arm, drive, stop in order."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from car.drive_report import DriveState
from car.drive_statistics import DriveStatistics
from car.errors import Sim2RaceError
from car.node_graph import LOG, REPLAY_NODE, GraphNode, graph_called
from car.process_group import ProcessGroup
from car.replay_start import DEADLINE_S
from sim2race_car.drive_config import DriveConfig
from sim2race_car.drive_display import DriveDisplay

if TYPE_CHECKING:
    from sim2race_car.graph_client import GraphClient

READY_DEADLINE_S = 120.0
"""The first start on a machine compiles the simulator."""
HEAR_DEADLINE_S = 10.0
ARM_DEADLINE_S = 5.0
"""The drive wants to see decisions flow first."""
DISARM_DEADLINE_S = 1.0
ROLL_OUT_S = 0.3
"""A log shows a crossing by a frame on either side of the line, and the log node may be a little behind."""
ROLL_OUT_FRAMES = 2
"""At least, however few frames a second has."""
INTERRUPTED = "interrupted"


class DriveAttempt:
    """One drive, from the first process to the last."""

    def __init__(
        self,
        config: DriveConfig,
        graph: str,
        group: ProcessGroup,
        client: GraphClient,
        statistics: DriveStatistics,
        display: DriveDisplay,
        interrupted: list[int],
    ) -> None:
        self._config = config
        self._nodes = graph_called(graph)
        self.frames: int | None = None
        """Frames after which the drive is over."""
        self._roll_out_ends: int | None = None
        """Count of frames at which the car stops behind the line, once the last lap is driven."""
        self._group = group
        self._client = client
        self._statistics = statistics
        self._display = display
        self._interrupted = interrupted

    def wait_until_ready(self) -> None:
        """Wait for every node.

        Raises:
            Sim2RaceError: a node ended, or is not ready in time; says which and why.
            KeyboardInterrupt: somebody lost patience.
        """
        waiting = list(self._nodes)
        end_s = time.monotonic() + READY_DEADLINE_S
        while waiting:
            for ended in self._group.ended():
                raise Sim2RaceError(ended.last_words if ended.status == 2 else f"{ended}.")
            if self._interrupted:
                raise KeyboardInterrupt
            if time.monotonic() > end_s:
                raise Sim2RaceError(f"Not ready after {READY_DEADLINE_S:.0f} s: {self._describe(waiting)}.")
            self._display.show_waiting([node.name for node in waiting])
            self._client.spin()
            waiting = [node for node in waiting if not self._client.is_ready(node)]
        self._hear_everybody()
        # A car drives on without its log; who drives at a desk wants to know before.
        if self._client.log is None:
            raise Sim2RaceError(self._client.log_problem)

    def _hear_everybody(self) -> None:
        # A replay sends no frame before its audience is complete, and has a deadline of its own for that.
        patience_s = HEAR_DEADLINE_S if self.frames is None else HEAR_DEADLINE_S + DEADLINE_S
        if not self._client.spin_until(
            lambda: self._client.hears_everybody() or bool(self._group.ended()), patience_s
        ):
            raise Sim2RaceError(f"All nodes are ready, but nothing was heard within {patience_s:g} s.")
        for ended in self._group.ended():
            if not self._has_ended(REPLAY_NODE):
                raise Sim2RaceError(ended.last_words if ended.status == 2 else f"{ended}.")

    def drive(self) -> tuple[str, bool, float]:
        """Arm and drive to the end; returns why it ended, whether that was the aim, and how long it took."""
        self._statistics.begin()
        if not self._client.spin_until(self._client.arm, ARM_DEADLINE_S):
            raise Sim2RaceError(f"The drive cannot be armed: {self._statistics.reason}.")
        started_s = time.monotonic()
        while True:
            self._client.spin()
            duration_s = time.monotonic() - started_s
            self._display.show_driving(self._statistics)
            end = self._end(duration_s)
            if end is not None:
                self._statistics.end(replayed=self.frames if end[1] else None)
                return (*end, duration_s)
            if self._statistics.state == DriveState.STOPPED.value:
                self._client.arm()

    def stop(self) -> None:
        """Disarm and end the processes, the log last, so that it holds how the others ended."""
        if not any(ended.name == "drive_node" for ended in self._group.ended()):
            self._client.disarm()
            self._client.spin_until(
                lambda: self._statistics.state != DriveState.DRIVING.value, DISARM_DEADLINE_S
            )
        self._group.stop(node.name for node in self._nodes if node.name != LOG.name)
        self._group.stop()

    def _end(self, duration_s: float) -> tuple[str, bool] | None:
        """Return why the drive is over and whether that was the aim, or None while it goes on."""
        config, statistics = self._config, self._statistics
        if self._interrupted:
            return INTERRUPTED, False
        if self.frames is not None:
            if statistics.frames_seen >= self.frames or self._has_ended(REPLAY_NODE):
                return "the log is over", True
            config = replace(config, laps=0, duration_s=math.inf)
        for ended in self._group.ended():
            return str(ended), False
        has_laps = 0 < config.laps <= len(statistics.lap_times_s)
        is_late = duration_s >= config.duration_s
        is_stopped = statistics.state == DriveState.STOPPED.value and not config.resume
        if has_laps and (self._has_rolled_out() or is_late or is_stopped):
            return f"{config.laps} laps driven" if config.laps > 1 else "1 lap driven", True
        if is_late:
            return f"{config.duration_s:g} s are over", config.laps == 0
        if is_stopped:
            return f"stopped: {statistics.reason}", False
        return None

    def _has_rolled_out(self) -> bool:
        """Say whether the frames behind the line have come that let the log show the last crossing."""
        seen = self._statistics.frames_seen
        if self._roll_out_ends is None:
            self._roll_out_ends = seen + max(ROLL_OUT_FRAMES, math.ceil(ROLL_OUT_S * self._config.fps))
        return seen >= self._roll_out_ends

    def _has_ended(self, node: GraphNode) -> bool:
        return any(ended.name == node.name and ended.status == 0 for ended in self._group.ended())

    def _describe(self, waiting: list[GraphNode]) -> str:
        words = []
        for node in waiting:
            role, endpoint = node.ready
            words.append(f"{node.name} (until it {role.value} {endpoint.name})")
        return ", ".join(words)
