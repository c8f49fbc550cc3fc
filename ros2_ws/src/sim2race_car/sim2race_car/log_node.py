"""The log node: takes every logged topic as raw bytes and hands it to the log writer's queue."""

from __future__ import annotations

import functools
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from sim2race_msgs.msg import DriveReport
from std_msgs.msg import String
from std_srvs.srv import Trigger

from car.calibration import default_calibration, load_calibration
from car.clock import SystemClock
from car.drive import DriveState
from car.errors import Sim2RaceError
from car.log_writer import LogWriter
from car.policy import Policy
from car.run_info import run_info
from car.topics import DRIVE_REPORT, LOGGED_TOPICS, RUN_INFO, STOP_LOGGING
from sim2race_car import ros

CHECK_EVERY_S = 1.0
MOVING = (DriveState.ARMED.value, DriveState.DRIVING.value)


class LogNode(Node):
    """Writes the car log, from the start of the node until it ends or somebody asks for the log.

    After `/logging_pkg/stop_logging` the next log begins when the car is armed again. The name of the node
    and of its folder parameter are the community's, whose event manager asks for them.

    Parameters: `output_path` (folder of logs), `policy`, `calibration`, and what the log shall say of the
    surroundings: `track`, `direction`, `noise`, `seed`.

    Raises:
        Sim2RaceError: the policy, the calibration or the folder cannot be used.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("bag_log_node", namespace="logging_pkg", **arguments)
        self._time = SystemClock()
        self._policy = Policy.load(Path(self.declare_parameter("policy", "policy.onnx").value))
        calibration = self.declare_parameter("calibration", "").value
        self._run = run_info(
            self._policy,
            load_calibration(Path(calibration)) if calibration else default_calibration(),
            surroundings={
                **{key: self.declare_parameter(key, "").value for key in ("track", "direction", "noise")},
                "seed": self.declare_parameter("seed", 0).value,
            },
        )
        self._folder = Path(self.declare_parameter("output_path", "logs").value)
        self._run_info = ros.publish(self, RUN_INFO)
        self._unlogged = 0
        self._dropped = 0
        self._log: LogWriter | None = None
        self._begin()
        self._topics = [
            ros.subscribe(self, topic, functools.partial(self._on_message, topic.name), raw=True)
            for topic in LOGGED_TOPICS
            if topic is not RUN_INFO
        ]
        self._service = ros.serve(self, STOP_LOGGING, self._on_stop)
        self._timer = self.create_timer(CHECK_EVERY_S, self._check)

    def destroy_node(self) -> None:
        """Finish the log, then leave the graph."""
        if self._log is not None:
            self._log.close("the log node ended")
            self._check()
            self._log = None
        super().destroy_node()

    def _begin(self) -> None:
        """Open a log, and tell everybody where it is."""
        self._log = LogWriter(
            self._folder,
            name=self._policy.metadata.name,
            started_at=datetime.now(),
            run=self._run,
            policy=self._policy.path,
        )
        info = String(data=json.dumps({**self._run, "log": str(self._log.path)}))
        self._run_info.publish(info)
        self._log.write(RUN_INFO.name, self._time.wall_ns(), serialize_message(info))
        self.get_logger().info(f"logging to {self._log.path}")

    def _on_message(self, topic: str, data: bytes) -> None:
        if self._log is None and topic == DRIVE_REPORT.name:
            self._begin_if_moving(data)
        if self._log is None:
            self._unlogged += 1
        else:
            self._log.write(topic, self._time.wall_ns(), data)

    def _begin_if_moving(self, data: bytes) -> None:
        if deserialize_message(data, DriveReport).state not in MOVING:
            return
        try:
            self._begin()
        except Sim2RaceError as error:
            self.get_logger().error(str(error), throttle_duration_sec=10.0)

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._log is None:
            response.message = f"no log is open; {self._unlogged} messages not logged since the last one"
            return response
        self._log.close("stopped by service")
        self._check()
        response.success = self._log.failure is None
        response.message = self._log.failure or str(self._log.path)
        self._log, self._unlogged = None, 0
        return response

    def _check(self) -> None:
        """Say what the disk has cost so far, when it costs something."""
        if self._log is not None and self._log.dropped != self._dropped:
            self._dropped = self._log.dropped
            cause = self._log.failure or "the disk is too slow"
            self.get_logger().error(f"{self._dropped} entries not logged: {cause}")


def main() -> None:
    """Run the node."""
    ros.run(LogNode)


if __name__ == "__main__":
    main()
