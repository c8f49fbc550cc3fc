"""`sim2race drive`: start the node graph around a simulated car, drive laps, stop in order, say how it went.

Needs no `launch` package: it starts the processes of the same table that the launch files read. ROS 2 is
imported only when a drive begins.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from car.calibration import PulseMap
from car.calibration_store import UNITS, CalibrationStore
from car.drive_report import DriveState
from car.drive_statistics import DriveStatistics, DriveSummary
from car.errors import Sim2RaceError
from car.log_reader import CarLog, read_log
from car.models import chosen_or_bundled
from car.node_graph import LOG, REPLAY_NODE, GraphNode, Value, arguments_of, graph_called, ros_arguments
from car.policy import Policy
from car.process_group import ProcessGroup
from car.pwm import SysfsPwm, make_fake_sysfs, read_sysfs_pwm
from car.replay import agreement
from car.ros_domain import own_domain
from sim2race_car.drive_display import DriveDisplay, print_summary

if TYPE_CHECKING:
    from sim2race_car.graph_client import GraphClient

SIM_CAR = "sim_car"
REPLAY = "replay"
READY_DEADLINE_S = 120.0
"""The first start on a machine compiles the simulator."""
HEAR_DEADLINE_S = 10.0
ARM_DEADLINE_S = 5.0
"""The drive wants to see decisions flow first."""
DISARM_DEADLINE_S = 1.0
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class DriveConfig:
    """Drive a policy around a track, in the same processes as on the car."""

    policy: Path | None = None
    """Policy file to drive; without one the chosen model, or the policy that comes with sim2race. A replay
    takes the log's own."""
    replay: Path | None = None
    """Car log whose frames are replayed in place of a simulated car; track and laps do not count then."""
    track: str = "forever-raceway"
    """Built-in track, or a DeepRacer route file (.npy)."""
    direction: str = "counter-clockwise"
    """counter-clockwise or clockwise."""
    laps: int = 1
    """Laps to drive; 0 drives until the time is over."""
    duration_s: float = 180.0
    """Longest drive."""
    noise: str = "high"
    """Visual noise of the simulated camera: none, low, high or unseen."""
    vehicle: str = "real-car"
    """Preset of the simulated car: real-car, real-car-uncalibrated, aws-v4, aws-v5 or ideal."""
    camera: str | None = None
    """Camera of the simulated car: aws, deepracer-wide, pi-wide or a calibration file; without one, the
    camera that the policy was trained with."""
    vary_vehicle: bool = False
    """Draw the simulated car within its preset's spread."""
    redraw_every_s: float = 0.0
    """Re-draw the surroundings every so many seconds; 0 whenever the car is put on the start line."""
    seed: int = 1
    """Seed of everything random in the simulated car."""
    fps: float = 30.0
    """Camera frames per second."""
    logs: Path = Path("runs/logs")
    """Folder for the car log."""
    calibration: Path | None = None
    """Calibration file; the factory's values without one."""
    mapping: str = UNITS
    """units takes the policy's radians and m/s at their word; community drives as their stack would."""
    max_speed_percent: float = 50.0
    """Maximum speed of the community's mapping."""
    resume: bool = True
    """Arm again after a safety stop, as a person beside the track would; the stops are counted."""


def run(config: DriveConfig) -> int:
    """Drive, print the summary, and return 0 if the laps were driven, 130 after Ctrl-C, else 1."""
    console = Console()
    summary = drive(config, console=console)
    print_summary(summary, console)
    if config.replay and summary.log:
        found = agreement(read_log(config.replay), read_log(summary.log))
        console.print(f"  [bold]decided as the log[/bold]  {found.same} of {found.frames} frames")
    if summary.ended == INTERRUPTED:
        return 130
    return 0 if summary.succeeded else 1


def drive(config: DriveConfig, *, console: Console | None = None) -> DriveSummary:
    """Drive as configured; Ctrl-C ends the drive early and in order.

    Args:
        config: what to drive, where, how far.
        console: shows the progress; nothing is shown without one.

    Raises:
        Sim2RaceError: a file or name is wrong, ROS 2 is missing, or a node did not become ready.
    """
    replayed = read_log(config.replay) if config.replay else None
    policy = Policy.load(_policy(config, replayed))
    pulses = CalibrationStore(config.calibration, policy.action_space, mapping=config.mapping).pulses
    try:
        from sim2race_car.graph_client import GraphClient
    except ImportError as error:
        raise Sim2RaceError(f"ROS 2 is missing ({error}); run make setup, or source your ROS 2.") from error
    statistics = DriveStatistics(has_track=replayed is None)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sim2race-drive-")))
        chip = make_fake_sysfs(folder / "pwm")
        domain = stack.enter_context(own_domain())
        stack.enter_context(_environment(ros_environment(domain, folder)))
        interrupted = stack.enter_context(_signals_as_flag())
        group = stack.enter_context(ProcessGroup(folder))
        # The processes first: rclpy has threads, and a process with threads had better not fork.
        graph = REPLAY if replayed else SIM_CAR
        _start_nodes(group, graph, graph_arguments(config, policy, chip))
        display = stack.enter_context(DriveDisplay(console, laps=config.laps))
        client = stack.enter_context(GraphClient(domain, statistics))
        attempt = _Attempt(config, graph, group, client, statistics, display, interrupted)
        attempt.frames = len(replayed.frames) if replayed else None
        attempt.wait_until_ready()
        ended, succeeded, duration_s = attempt.drive()
        attempt.stop()
        return statistics.summary(
            ended=ended,
            succeeded=succeeded,
            duration_s=duration_s,
            last_pwm_is_neutral=_leave_neutral(chip, pulses),
            log=client.log,
        )


def _policy(config: DriveConfig, replayed: CarLog | None) -> Path:
    """Return the policy to drive: the one that was named, else the log's own, the chosen or the bundled one.

    Raises:
        Sim2RaceError: a log without a policy is to be replayed.
    """
    if config.policy is not None:
        return config.policy
    if replayed is None:
        return chosen_or_bundled()
    if replayed.policy_path is None:
        raise Sim2RaceError(
            f"A drive needs a policy, and the log {replayed.path} has none; expected --policy FILE."
        )
    return replayed.policy_path


def ros_environment(domain: int, folder: Path) -> dict[str, str]:
    """Return what nodes of a drive on one machine need in their environment; what is set already wins."""
    wanted = {
        "ROS_DOMAIN_ID": str(domain),
        # Nobody else on the network shall see, or steer, a car that is a program.
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_LOG_DIR": str(folder),
        "PYTHONUNBUFFERED": "1",
    }
    return {name: value for name, value in wanted.items() if not os.environ.get(name)}


class _Attempt:
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
        if not self._client.spin_until(self._client.hears_everybody, HEAR_DEADLINE_S):
            raise Sim2RaceError(f"All nodes are ready, but nothing was heard within {HEAR_DEADLINE_S:g} s.")
        # A car drives on without its log; who drives at a desk wants to know before.
        if self._client.log is None:
            raise Sim2RaceError(self._client.log_problem)

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
                return (*end, duration_s)
            if self._statistics.state == DriveState.STOPPED.value:
                self._client.arm()

    def stop(self) -> None:
        """Disarm and end the processes, the log last, so that it holds how the others ended."""
        self._statistics.end()
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
        if config.laps and len(statistics.lap_times_s) >= config.laps:
            return f"{config.laps} laps driven" if config.laps > 1 else "1 lap driven", True
        if duration_s >= config.duration_s:
            return f"{config.duration_s:g} s are over", config.laps == 0
        if statistics.state == DriveState.STOPPED.value and not config.resume:
            return f"stopped: {statistics.reason}", False
        return None

    def _has_ended(self, node: GraphNode) -> bool:
        return any(ended.name == node.name and ended.status == 0 for ended in self._group.ended())

    def _describe(self, waiting: list[GraphNode]) -> str:
        words = []
        for node in waiting:
            role, endpoint = node.ready
            words.append(f"{node.name} (until it {role.value} {endpoint.name})")
        return ", ".join(words)


def graph_arguments(config: DriveConfig, policy: Policy, chip: Path) -> dict[str, Value]:
    """Return what the nodes of a drive are told.

    Args:
        config: what to drive, where, how far.
        policy: what decides; the simulated car looks through its camera unless another is named.
        chip: folder that pulses go to.
    """
    return {
        "policy": str(policy.path.resolve()),
        "replay": str(config.replay.resolve()) if config.replay else "",
        "mapping": config.mapping,
        "max_speed_percent": config.max_speed_percent,
        "calibration": str(config.calibration.resolve()) if config.calibration else "",
        "pwm_root": str(chip),
        "output_path": str(config.logs.resolve()),
        "track": config.track,
        "direction": config.direction,
        "noise": config.noise,
        "vehicle": config.vehicle,
        "sim_camera": config.camera if config.camera is not None else policy.metadata.camera,
        "vary_vehicle": config.vary_vehicle,
        "redraw_every_s": config.redraw_every_s,
        "seed": config.seed,
        "fps": config.fps,
    }


def _start_nodes(group: ProcessGroup, graph: str, given: Mapping[str, Value]) -> None:
    arguments = {argument.name: argument.default for argument in arguments_of(graph)} | dict(given)
    for node in graph_called(graph):
        command = [sys.executable, "-m", node.module, *ros_arguments(node, arguments)]
        group.start(node.name, command, os.environ)


def _leave_neutral(chip: Path, pulses: PulseMap) -> bool:
    """Say whether the nodes left neutral behind; if they were killed and did not, put it right."""
    if read_sysfs_pwm(chip) == pulses.neutral:
        return True
    output = SysfsPwm(chip)
    output.write(pulses.neutral)
    output.close()
    return False


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for as long as the block lasts; children and this process's own ROS 2 read them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _signals_as_flag() -> Iterator[list[int]]:
    """Collect signals that ask for the end instead of being thrown out of the middle of stopping."""
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _: received.append(number)) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
