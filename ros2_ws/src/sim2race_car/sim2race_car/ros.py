"""From the product's tables to rclpy: quality of service, message classes, stamps, a node's life and end."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import rclpy
from builtin_interfaces.msg import Time
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.service import Service as RosService
from rclpy.signals import SignalHandlerOptions
from rclpy.subscription import Subscription

from car.errors import Sim2RaceError
from car.topics import Durability, Reliability, Service, Topic
from sim2race_car.transport import leave_shared_memory

RELIABILITY = {
    Reliability.RELIABLE: ReliabilityPolicy.RELIABLE,
    Reliability.BEST_EFFORT: ReliabilityPolicy.BEST_EFFORT,
}
RAW_DEPTH = 100
UNNUMBERED = 2**64 - 1
"""What some middlewares give instead of a message's number."""
DURABILITY = {
    Durability.VOLATILE: DurabilityPolicy.VOLATILE,
    Durability.TRANSIENT_LOCAL: DurabilityPolicy.TRANSIENT_LOCAL,
}


def qos(topic: Topic) -> QoSProfile:
    """Return the quality of service of a row of the topic table."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=topic.depth,
        reliability=RELIABILITY[topic.reliability],
        durability=DURABILITY[topic.durability],
    )


def interface(type_name: str) -> Any:
    """Return the class of a message or service type, as in `std_msgs/msg/String`."""
    package, kind, name = type_name.split("/")
    return getattr(importlib.import_module(f"{package}.{kind}"), name)


def publish(node: Node, topic: Topic) -> Publisher:
    """Return a publisher of a row of the topic table."""
    return node.create_publisher(interface(topic.type_name), topic.name, qos(topic))


def subscribe(
    node: Node, topic: Topic, callback: Callable[[Any], None], *, raw: bool = False
) -> Subscription:
    """Subscribe to a row of the topic table.

    Args:
        node: subscribes.
        topic: the row.
        callback: is given every message.
        raw: hand over the serialised bytes, as for a log; nothing waits for a log, so it may lag behind and
            still miss nothing.
    """
    quality = qos(topic)
    if raw:
        quality.depth = max(quality.depth, RAW_DEPTH)
    return node.create_subscription(interface(topic.type_name), topic.name, callback, quality, raw=raw)


def subscribe_numbered(node: Node, topic: Topic, callback: Callable[[Any, int | None], None]) -> Subscription:
    """Subscribe to a row of the topic table, with the number that the publisher gave each message.

    Every publisher counts its own messages; None where the middleware does not say.
    """

    def take(message: Any, info: dict[str, int | None]) -> None:
        number = info["publication_sequence_number"]
        callback(message, None if number in (None, UNNUMBERED) else number)

    return node.create_subscription(interface(topic.type_name), topic.name, take, qos(topic))


def serve(node: Node, service: Service, callback: Callable[[Any, Any], Any]) -> RosService:
    """Offer a row of the service table."""
    return node.create_service(interface(service.type_name), service.name, callback)


def time_from_ns(stamp_ns: int) -> Time:
    """Return nanoseconds since the epoch as a ROS 2 time."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    return Time(sec=seconds, nanosec=nanoseconds)


def ns_from_time(stamp: Time) -> int:
    """Return a ROS 2 time as nanoseconds since the epoch."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def own_context(domain: int | None = None) -> Context:
    """Return a context of its own that leaves the signals to its owner.

    Args:
        domain: ROS 2 domain; `ROS_DOMAIN_ID` or 0 when not given.
    """
    leave_shared_memory(os.environ)
    context = Context()
    rclpy.init(context=context, domain_id=domain, signal_handler_options=SignalHandlerOptions.NO)
    return context


def run(make_node: Callable[[], Node]) -> None:
    """Live as one node until a signal, and end in order whatever the signal is.

    A node brings its hardware to rest in `destroy_node`, which is therefore reached on every way out. A
    user's mistake ends the process with exit status 2 and one line.
    """
    leave_shared_memory(os.environ)
    rclpy.init()
    # rclpy sees to SIGINT and SIGTERM; a closed terminal must not leave a car driving either.
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, _interrupt)
    node: Node | None = None
    status = 0
    try:
        node = make_node()
        # What was made so far stays. Looking it all through again would cost the collector, at a moment of
        # its own choosing, longer than the drive's deadline.
        gc.collect()
        gc.freeze()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Sim2RaceError as error:
        print(error, file=sys.stderr)
        status = 2
    except Exception:
        # Whatever fails after the context has gone, as publishing does, fails because of that.
        if rclpy.ok():
            raise
    finally:
        # Impatience must not interrupt the way to neutral.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        if node is not None:
            with contextlib.suppress(KeyboardInterrupt):
                node.destroy_node()
        rclpy.try_shutdown()
    sys.exit(status)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
