"""The log node: takes every logged topic as raw bytes and hands it to the log writer's queue.

Nothing here holds up the car. A disk that is full, slow, read-only or gone costs entries, which are counted
and said, in this node's output and in the run info; while the car drives, the node tries again to open a log.
"""

from __future__ import annotations

import functools
import json
import sys
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
from car.drive_report import DriveState
from car.errors import Sim2RaceError
from car.log_writer import LogWriter
from car.models import policy_path
from car.policy import Policy
from car.replay_start import LOG_NEEDS
from car.run_info import run_info
from car.topics import CAMERA_ABOUT, DRIVE_REPORT, LOGGED_TOPICS, MODEL_ARTIFACT, RUN_INFO, STOP_LOGGING
from sim2race_car import ros

CHECK_EVERY_S = 1.0
LISTEN_EVERY_S = 0.2
RETRY_S = 5.0
"""Time between two attempts to open a log that could not be opened."""
MOVING = (DriveState.ARMED.value, DriveState.DRIVING.value)


class LogNode(Node):
    """Writes the car log, from the start of the node until it ends or somebody asks for the log.

    After `/logging_pkg/stop_logging` the next log begins when the car is armed again; when another policy
    decides, a new log begins at once. The name of the node and of its folder parameter are the community's,
    whose event manager asks for them.

    Parameters: `output_path` (folder of logs), `policy` (empty takes the chosen model), `calibration`, and
    what the log shall say of the surroundings: `track`, `direction`, `noise`, `seed`.

    Raises:
        Sim2RaceError: the policy or the calibration cannot be used.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("bag_log_node", namespace="logging_pkg", **arguments)
        self._time = SystemClock()
        policy = policy_path(self.declare_parameter("policy", "").value)
        calibration = self.declare_parameter("calibration", "").value
        self._calibration = load_calibration(Path(calibration)) if calibration else default_calibration()
        self._surroundings = {
            **{key: self.declare_parameter(key, "").value for key in ("track", "direction", "noise")},
            "seed": self.declare_parameter("seed", 0).value,
        }
        self._take_policy(policy)
        self._folder = Path(self.declare_parameter("output_path", "logs").value)
        self._run_info = ros.publish(self, RUN_INFO)
        self._hears: list[str] = []
        self._unlogged = 0
        self._said = (0, "")
        self._problem = ""
        self._tried_s = 0.0
        self._log: LogWriter | None = None
        self._begin()
        self._topics = {
            topic.name: ros.subscribe(self, topic, functools.partial(self._on_message, topic.name), raw=True)
            for topic in LOGGED_TOPICS
            if topic is not RUN_INFO
        }
        self._service = ros.serve(self, STOP_LOGGING, self._on_stop)
        self._timers = [
            self.create_timer(CHECK_EVERY_S, self._check),
            self.create_timer(LISTEN_EVERY_S, self._look_who_is_heard),
        ]

    def destroy_node(self) -> None:
        """Finish the log, then leave the graph."""
        if self._log is not None:
            # Reached on every way out, also while an error ends the process.
            error = sys.exc_info()[1]
            reason = "ended in order" if error is None else f"the log node failed: {error!r}"
            self._end(reason, asked_for=error is None)
        super().destroy_node()

    def _take_policy(self, path: Path) -> None:
        """Keep the policy's bytes: its file may be another one by the time that a log wants a copy.

        Raises:
            Sim2RaceError: it breaks the contract, or cannot be read.
        """
        policy = Policy.load(path)
        try:
            self._policy_bytes = path.read_bytes()
        except OSError as error:
            raise Sim2RaceError(f"Cannot read the policy {path}: {error.strerror or error}.") from error
        self._policy = policy
        self._run = run_info(policy, self._calibration, surroundings=self._surroundings)

    def _begin(self) -> None:
        """Open a log, and tell everybody where it is, or why there is none."""
        self._tried_s = self._time.monotonic_s()
        try:
            self._log = LogWriter(
                self._folder,
                name=self._policy.metadata.name,
                started_at=datetime.now(),
                run=self._run,
                policy=self._policy_bytes,
            )
        except Sim2RaceError as error:
            self._problem = str(error)
            self.get_logger().error(f"nothing is logged: {error}")
            self._tell()
            return
        self._problem = ""
        self._tell()
        self.get_logger().info(f"logging to {self._log.path}")

    def _tell(self) -> None:
        """Publish and log what the run is, where its log is, and what the disk has cost."""
        unlogged = self._unlogged + (self._log.dropped if self._log is not None else 0)
        info = {
            **self._run,
            "log": "" if self._log is None else str(self._log.path),
            "log_problem": self._problem,
            "not_logged": unlogged,
            "hears": self._hears,
        }
        message = String(data=json.dumps(info))
        self._run_info.publish(message)
        self._said = (unlogged, self._problem)
        if self._log is not None:
            self._log.write(RUN_INFO.name, self._time.wall_ns(), serialize_message(message))

    def _on_message(self, topic: str, data: bytes) -> None:
        if topic == MODEL_ARTIFACT.name:
            self._follow(Path(deserialize_message(data, String).data))
        elif topic == CAMERA_ABOUT.name:
            self._surroundings["camera_stamp"] = deserialize_message(data, String).data
            self._run = run_info(self._policy, self._calibration, surroundings=self._surroundings)
            self._tell()
        if self._log is None and topic == DRIVE_REPORT.name:
            self._begin_if_moving(data)
        if self._log is None:
            self._unlogged += 1
        else:
            self._log.write(topic, self._time.wall_ns(), data)

    def _follow(self, path: Path) -> None:
        """Begin a new log if another policy decides now: a log holds the one that drove."""
        try:
            if path.read_bytes() == self._policy_bytes:
                return
            self._take_policy(path)
        except (OSError, Sim2RaceError) as error:
            self.get_logger().error(f"the policy that decides cannot be copied into a log: {error}")
            return
        if self._log is not None:
            self._end("another policy decides", asked_for=True)
            self._begin()

    def _begin_if_moving(self, data: bytes) -> None:
        has_failed = bool(self._problem) and self._time.monotonic_s() - self._tried_s < RETRY_S
        if not has_failed and deserialize_message(data, DriveReport).state in MOVING:
            self._begin()

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._log is None:
            response.message = f"no log is open; {self._unlogged} messages not logged since the last one"
            return response
        log = self._log
        self._end("stopped by service", asked_for=True)
        response.success = log.failure is None
        response.message = log.failure or str(log.path)
        return response

    def _end(self, reason: str, *, asked_for: bool) -> None:
        """Close the log; the count of what was not logged begins anew."""
        assert self._log is not None
        self._log.close(reason, asked_for=asked_for)
        self._check()
        self._log, self._unlogged, self._tried_s = None, 0, self._time.monotonic_s()

    def _look_who_is_heard(self) -> None:
        """Tell when a replay's audience is complete: a recording has its first frame only once."""
        hears = [name for name in LOG_NEEDS if self._topics[name].get_publisher_count()]
        if hears != self._hears:
            self._hears = hears
            self._tell()

    def _check(self) -> None:
        """Say what the disk has cost so far, when it costs something; a log that failed is given up."""
        log = self._log
        if log is not None and (log.dropped or log.failure):
            self._problem = log.failure or "the disk is too slow"
        unlogged = self._unlogged + (log.dropped if log is not None else 0)
        if (unlogged, self._problem) == self._said or not self._problem:
            return
        self.get_logger().error(f"{unlogged} entries not logged: {self._problem}")
        self._tell()
        if log is not None and log.failure:
            log.close(log.failure)
            self._unlogged, self._log, self._tried_s = unlogged, None, self._time.monotonic_s()


def main() -> None:
    """Run the node."""
    ros.run(LogNode)


if __name__ == "__main__":
    main()
