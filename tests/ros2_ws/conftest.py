"""A graph of its own for every test: nodes in this process, in a domain that nobody else uses."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

from car.ros_domain import own_domain
from car.topics import Service, Topic
from sim2race_car import ros
from sim2race_car.transport import leave_shared_memory

DEADLINE_S = 10.0
AnyNode = TypeVar("AnyNode", bound=Node)


class Graph:
    """Nodes and an executor to turn them; `tester` is a node to speak and listen with."""

    def __init__(self, domain: int) -> None:
        self.context = ros.own_context(domain)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._nodes: list[Node] = []
        self.tester = self.add(Node, "tester")

    def add(self, node_class: Callable[..., AnyNode], *names: str, **parameters: Any) -> AnyNode:
        """Start a node with parameters."""
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        node = node_class(*names, context=self.context, parameter_overrides=overrides)
        self._nodes.append(node)
        self._executor.add_node(node)
        return node

    def remove(self, node: Node) -> None:
        """End a node in order."""
        self._nodes.remove(node)
        self._executor.remove_node(node)
        node.destroy_node()

    def publish(self, topic: Topic) -> Any:
        """Return the tester's publisher of a topic, once somebody listens."""
        publisher = ros.publish(self.tester, topic)
        self.until(lambda: publisher.get_subscription_count() > 0)
        return publisher

    def listen(self, topic: Topic) -> list[Any]:
        """Return a list that fills with what arrives on a topic, once somebody speaks there."""
        heard: list[Any] = []
        ros.subscribe(self.tester, topic, heard.append)
        self.until(lambda: self.tester.count_publishers(topic.name) > 0)
        return heard

    def call(self, service: Service, **fields: Any) -> Any:
        """Call a service and return its answer."""
        kind = ros.interface(service.type_name)
        client = self.tester.create_client(kind, service.name)
        self.until(client.service_is_ready)
        answer = client.call_async(kind.Request(**fields))
        self.until(answer.done)
        return answer.result()

    def until(self, is_done: Callable[[], Any], deadline_s: float = DEADLINE_S) -> None:
        """Turn the nodes until `is_done`."""
        end_s = time.monotonic() + deadline_s
        while not is_done():
            assert time.monotonic() < end_s, f"not within {deadline_s} s"
            self._executor.spin_once(timeout_sec=0.01)

    def turn(self, duration_s: float) -> None:
        """Turn the nodes for a while."""
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self._executor.spin_once(timeout_sec=0.01)

    def close(self) -> None:
        """End everything."""
        for node in list(self._nodes):
            self.remove(node)
        self._executor.shutdown()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    environment = os.environ | {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    leave_shared_memory(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    with own_domain() as domain:
        made = Graph(domain)
        yield made
        made.close()
