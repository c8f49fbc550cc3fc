"""The stick of somebody who drives from a page, repeated for as long as the page says that it is held.

A page's messages come when its network lets them. The drive wants a command every 100 ms, so that a console
that is killed or frozen stops the car as soon as a policy would. In between stands this: the stick is sent on
fifty times a second, until the page has been silent for too long.
"""

from __future__ import annotations

import threading
import time

from deepracer_interfaces_pkg.msg import ServoCtrlMsg
from rclpy.node import Node
from rclpy.publisher import Publisher

from car.clock import SystemClock
from car.command_source import REMEMBERED_S
from car.topics import MANUAL_DRIVE
from sim2race_car import ros

PERIOD_S = 0.02
HELD_S = 0.4
"""How long a page may be silent; with the drive's own 100 ms it is half a second until the car stops."""
INTRODUCE_EVERY_S = 0.05


class LiveStick:
    """Publishes sticks only while a person drives: two publishers on that topic would be two drivers.

    Args:
        node: publishes.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._publisher: Publisher | None = None
        self._held: tuple[float, float] | None = None
        self._held_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="live-stick", daemon=True)
        self._thread.start()

    def take(self) -> None:
        """Begin to publish; returns when the drive trusts the new publisher."""
        with self._lock:
            if self._publisher is not None:
                return
            self._publisher = ros.publish(self._node, MANUAL_DRIVE)
        # The drive distrusts a publisher that has just begun.
        end_s = self._clock.monotonic_s() + REMEMBERED_S + 0.2
        while self._clock.monotonic_s() < end_s:
            self.hold(0.0, 0.0)
            time.sleep(INTRODUCE_EVERY_S)
        with self._lock:
            self._held = None

    def leave(self) -> None:
        """Publish nothing more, and leave the topic to others."""
        with self._lock:
            if self._publisher is not None:
                self._node.destroy_publisher(self._publisher)
            self._publisher = self._held = None

    def hold(self, angle: float, throttle: float) -> None:
        """Say where the stick is, each -1..1, + is left and forward."""
        with self._lock:
            self._held, self._held_s = (angle, throttle), self._clock.monotonic_s()
            self._publish(angle, throttle)

    def close(self) -> None:
        """End the thread; before the node goes."""
        self._ended.set()
        self._thread.join()

    def _repeat(self) -> None:
        while not self._ended.wait(PERIOD_S):
            with self._lock:
                if self._held is None:
                    continue
                if self._clock.monotonic_s() - self._held_s > HELD_S:
                    self._held = None
                else:
                    self._publish(*self._held)

    def _publish(self, angle: float, throttle: float) -> None:
        if self._publisher is not None:
            stamp = ros.time_from_ns(self._clock.wall_ns())
            self._publisher.publish(ServoCtrlMsg(angle=angle, throttle=throttle, source_stamp=stamp))
