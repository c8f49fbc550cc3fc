"""Stops the car that a page holds when the console itself is killed or frozen: a process of its own.

While somebody holds, the console writes to this process's standard input several times a second. When it
stops doing so, or the pipe closes, nobody watches over the dead man's handle any more: the car is stopped.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable

import rclpy
from deepracer_interfaces_pkg.srv import EnableStateSrv
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import String

from car.topics import ENABLE_STATE, STOP
from sim2race_car import ros

HELD, RELEASED = b"h", b"r"
BEAT_S = 0.05
"""How often the console writes while somebody holds."""
SILENCE_S = 0.5
"""As long as the console itself waits for its page."""
GONE = "the console that held the car is gone"
FROZEN = "the console that held the car is frozen"
_ANSWER_S = 0.5
_TRIES = 20


def watch(source: int, stop: Callable[[str], None], silence_s: float = SILENCE_S) -> None:
    """Watch over a hold until the other end closes.

    Args:
        source: file descriptor to read from.
        stop: is called with the reason when a hold falls silent or breaks off.
        silence_s: longest time without a word while somebody holds.
    """
    held = False
    while True:
        ready, _, _ = select.select([source], [], [], silence_s if held else None)
        words = os.read(source, 4096) if ready else b""
        if held and not words:
            stop(GONE if ready else FROZEN)
            held = False
        if ready and not words:
            return
        if words:
            held = words.endswith(HELD)


def main() -> None:
    """Run beside the console."""
    # The terminal's Ctrl-C is for the console; this process ends with the pipe.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    context = ros.own_context()
    node = Node("console_guard", namespace="sim2race", context=context)
    client = node.create_client(EnableStateSrv, ENABLE_STATE.name)
    stops = ros.publish(node, STOP)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=_turn, args=(executor,), name="graph", daemon=True)
    thread.start()

    def stop(reason: str) -> None:
        # The reason first, by a topic, as no service of the community's takes one; then what is confirmed.
        stops.publish(String(data=reason))
        answered = threading.Event()
        for _ in range(_TRIES):
            answer = client.call_async(EnableStateSrv.Request(is_active=False))
            answer.add_done_callback(lambda _: answered.set())
            if answered.wait(_ANSWER_S):
                return

    watch(sys.stdin.fileno(), stop)
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def _turn(executor: SingleThreadedExecutor) -> None:
    with contextlib.suppress(ExternalShutdownException):  # This is how it ends.
        executor.spin()


if __name__ == "__main__":
    main()
