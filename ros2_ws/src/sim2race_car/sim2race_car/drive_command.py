"""`sim2race drive`: start the node graph around a simulated car, drive laps, stop in order, say how it went.

Needs no `launch` package: it starts the processes of the same table that the launch files read. ROS 2 is
imported only when a drive begins.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rich.console import Console

from car.calibration import PulseMap
from car.calibration_store import CalibrationStore
from car.drive_statistics import DriveStatistics, DriveSummary
from car.errors import Sim2RaceError
from car.log_end import write_end
from car.log_reader import CarLog, read_log
from car.models import chosen_or_bundled
from car.node_graph import Value, arguments_of, graph_called, ros_arguments
from car.policy import Policy
from car.process_group import ProcessGroup
from car.pwm import SysfsPwm, make_fake_sysfs, read_sysfs_pwm
from car.replay import agreement
from car.ros_domain import own_domain
from sim2race_car.drive_attempt import INTERRUPTED, DriveAttempt
from sim2race_car.drive_config import DriveConfig as DriveConfig
from sim2race_car.drive_config import check_config
from sim2race_car.drive_config import graph_arguments as graph_arguments
from sim2race_car.drive_display import DriveDisplay, print_summary
from sim2race_car.transport import leave_shared_memory

SIM_CAR = "sim_car"
REPLAY = "replay"


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
        Sim2RaceError: a file, name or number is wrong, ROS 2 is missing, or a node did not become ready.
    """
    check_config(config)
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
        attempt = DriveAttempt(config, graph, group, client, statistics, display, interrupted)
        attempt.frames = len(replayed.frames) if replayed else None
        attempt.wait_until_ready()
        ended, succeeded, duration_s = attempt.drive()
        attempt.stop()
        if client.log is not None:
            # A log that cannot be finished says so by itself; the drive was what it was.
            with suppress(Sim2RaceError):
                write_end(client.log, ended, in_order=succeeded)
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
    together = os.environ | {name: value for name, value in wanted.items() if not os.environ.get(name)}
    leave_shared_memory(together)
    return {name: value for name, value in together.items() if os.environ.get(name) != value}


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
