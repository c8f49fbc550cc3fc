"""The node graph of `sim2race drive` under a bench: nodes that can be hit, and ears everywhere."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

from car.calibration import default_calibration
from car.drive_statistics import DriveStatistics
from car.errors import Sim2RaceError
from car.node_graph import GraphNode, Value, graph_called, ros_arguments
from car.process_group import ProcessGroup
from car.pulse_watch import PulseWatch, look_first
from car.pwm import SysfsPwm, make_fake_sysfs
from car.ros_domain import own_domain
from car.topics import DRIVE_REPORT, INFERENCE_REPORT, RUN_INFO, Service, Topic
from sim2race_car import ros
from sim2race_car.drive_command import ros_environment
from sim2race_car.graph_client import GraphClient

GRAPH = "sim_car"
READY_DEADLINE_S = 120.0
"""The first start on a machine compiles the simulator."""
MEMORY = Path("/dev/shm")
KEPT = 100_000
"""Reports that are remembered: most of an hour."""


@dataclass(frozen=True)
class Extra:
    """A process of the bench's own in the graph."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()


class Ears:
    """Hears the reports, in a thread and a context of its own; a context manager."""

    def __init__(
        self, domain: int, topics: Sequence[Topic] = (DRIVE_REPORT, INFERENCE_REPORT, RUN_INFO)
    ) -> None:
        self.heard: dict[str, deque[Any]] = {topic.name: deque(maxlen=KEPT) for topic in topics}
        """Messages by topic, the newest last."""
        self._context = ros.own_context(domain)
        self._node = Node("bench", namespace="sim2race", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        for topic in topics:
            ros.subscribe(self._node, topic, _into(self.heard[topic.name]))
        self._thread = threading.Thread(target=self._listen, name="ears", daemon=True)
        self._thread.start()

    def last(self, topic: Topic) -> Any:
        """Return the last message of a topic, or None."""
        heard = self.heard[topic.name]
        return heard[-1] if heard else None

    def listen(self, topic: Topic) -> deque[Any]:
        """Return what fills with the messages of one more topic."""
        heard: deque[Any] = deque(maxlen=KEPT)
        ros.subscribe(self._node, topic, _into(heard))
        return heard

    def publisher(self, topic: Topic) -> Any:
        """Return a publisher of the bench's own."""
        return ros.publish(self._node, topic)

    def call(self, service: Service, deadline_s: float = 3.0, **fields: Any) -> Any:
        """Call a service; None if it does not answer before the deadline."""
        kind = ros.interface(service.type_name)
        client = self._node.create_client(kind, service.name)
        try:
            if not client.wait_for_service(deadline_s):
                return None
            answer = client.call_async(kind.Request(**fields))
            end_s = time.monotonic() + deadline_s
            while not answer.done() and time.monotonic() < end_s:
                time.sleep(0.01)
            return answer.result() if answer.done() else None
        finally:
            self._node.destroy_client(client)

    def close(self) -> None:
        """Hear no more."""
        self._executor.shutdown()
        self._thread.join(timeout=2.0)
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _listen(self) -> None:
        look_first()
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return


class BenchGraph:
    """The graph of a simulated car, driven by nobody; a context manager.

    Args:
        policy: what decides.
        arguments: of the graph, by name; the rest keeps its default.
        remap: topics by node name, as in `{"sim_car_node": {"/camera": "/other"}}`.
        extras: processes of the bench's own, started first.
        nodes: the graph; a simulated car by default.
    """

    def __init__(
        self,
        policy: Path,
        *,
        arguments: Mapping[str, Value] | None = None,
        remap: Mapping[str, Mapping[str, str]] | None = None,
        extras: Sequence[Extra] = (),
        nodes: Sequence[GraphNode] | None = None,
    ) -> None:
        self._policy = policy
        self._given = dict(arguments or {})
        self._remap = remap or {}
        self._extras = extras
        self._stack = ExitStack()
        self.statistics = DriveStatistics()
        self.nodes = {node.name: node for node in nodes or graph_called(GRAPH)}

    def __enter__(self) -> BenchGraph:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self) -> None:
        stack = self._stack
        look_first()
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sim2race-bench-")))
        # In memory, as sysfs is: on a disk, a log that is being synced would hold up the pulses.
        memory = MEMORY if MEMORY.is_dir() else None
        pwm = stack.enter_context(tempfile.TemporaryDirectory(prefix="sim2race-bench-", dir=memory))
        self.chip = make_fake_sysfs(Path(pwm) / "pwm")
        neutral = default_calibration().neutral
        SysfsPwm(self.chip).write(neutral)
        domain = stack.enter_context(own_domain())
        self.environment = {
            **os.environ,
            **ros_environment(domain, self.folder),
            "ROS_DOMAIN_ID": str(domain),
        }
        self.group = stack.enter_context(ProcessGroup(self.folder))
        for extra in self._extras:
            self.start_extra(extra)
        for name in self.nodes:
            self.start(name)
        stack.enter_context(_environment(self.environment))
        self.ears = Ears(domain)
        stack.callback(self.ears.close)
        self.client = stack.enter_context(GraphClient(domain, self.statistics))
        self.pulses = stack.enter_context(PulseWatch(self.chip, neutral))

    def arguments(self) -> dict[str, Value]:
        """Return what the nodes are told."""
        return {
            "policy": str(self._policy.resolve()),
            "pwm_root": str(self.chip),
            "output_path": str(self.folder / "logs"),
            "noise": "low",
            **self._given,
        }

    def start(self, name: str) -> None:
        """Start a node, or start it again after its end."""
        node: GraphNode = self.nodes[name]
        words = ros_arguments(node, self.arguments())
        for old, new in self._remap.get(name, {}).items():
            words += ["-r", f"{old}:={new}"]
        self.group.start(name, [sys.executable, "-m", node.module, *words], self.environment)

    def start_extra(self, extra: Extra) -> None:
        """Start a process of the bench's own."""
        command = [sys.executable, "-m", extra.module, *extra.arguments]
        self.group.start(extra.name, command, self.environment)

    def drive(self, deadline_s: float = READY_DEADLINE_S, *, steady_s: float = 0.6) -> None:
        """Arm, as often as it takes, until the car has been driving for a moment.

        Raises:
            Sim2RaceError: it does not come to drive; says what the nodes say.
        """
        end_s = time.monotonic() + deadline_s
        while self.pulses.driving_for_s() < steady_s:
            if time.monotonic() > end_s:
                raise Sim2RaceError(f"The car does not drive after {deadline_s:g} s: {self._state()}.")
            for ended in self.group.ended():
                if ended.name in self.nodes:
                    raise Sim2RaceError(f"{ended}.")
            if self.pulses.is_neutral and self._is_ready_to_arm():
                self.client.arm()
            self.spin(0.05)

    def spin(self, duration_s: float) -> None:
        """Take in what arrives, for a while."""
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self.client.spin()

    def until(self, is_done: Callable[[], object], deadline_s: float) -> bool:
        """Take in what arrives until `is_done`, and say whether that came before the deadline."""
        return self.client.spin_until(lambda: bool(is_done()), deadline_s)

    def drive_reason(self) -> str:
        """Return why the car is not driving, in the words of the drive."""
        report = self.ears.last(DRIVE_REPORT)
        return "" if report is None else str(report.reason)

    def inference_reason(self) -> str:
        """Return why frames are not acted on, in the words of the inference."""
        report = self.ears.last(INFERENCE_REPORT)
        return "" if report is None else str(report.reason)

    def run_info(self) -> dict[str, Any]:
        """Return what the log node says of the run."""
        info = self.ears.last(RUN_INFO)
        return {} if info is None else dict(json.loads(info.data))

    def _is_ready_to_arm(self) -> bool:
        report = self.ears.last(INFERENCE_REPORT)
        return report is not None and report.state == "acting"

    def _state(self) -> str:
        drive, inference = self.drive_reason() or "no word", self.inference_reason() or "no word"
        return f"the drive says {drive!r}, the inference {inference!r}"


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Let this process's own ROS 2 read the same variables as the nodes."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _into(heard: deque[Any]) -> Callable[[Any], None]:
    """Return a callback that keeps what comes; rclpy wants a signature, which a deque's own has not."""

    def keep(message: Any) -> None:
        heard.append(message)

    return keep
