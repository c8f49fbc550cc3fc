"""The drive node: the only process that writes PWM, and the one that owns the deadline."""

from __future__ import annotations

import contextlib
import math
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from deepracer_interfaces_pkg.msg import InferResultsArray, ServoCtrlMsg
from deepracer_interfaces_pkg.srv import ActiveStateSrv, EnableStateSrv
from rclpy.node import Node
from sim2race_msgs.msg import DriveReport as DriveReportMessage
from sim2race_msgs.msg import InferenceReport

from car.action_space import Command
from car.calibration import default_calibration, load_calibration
from car.clock import SystemClock
from car.community_units import community_units
from car.drive import DriveController, DriveReport
from car.errors import Sim2RaceError
from car.inference import command_from_output
from car.policy import Policy
from car.pwm import Pwm
from car.pwm_guard import GuardedPwm
from car.topics import (
    AUTO_DRIVE,
    DRIVE_REPORT,
    ENABLE_STATE,
    INFERENCE_REPORT,
    RL_RESULTS,
    SERVO_MSG,
    VEHICLE_STATE,
)
from car.watchdog import Watchdog
from sim2race_car import ros

AUTONOMOUS = 1
"""Of the community's modes 0 manual, 1 autonomous, 2 calibration."""
DECISIONS_REMEMBERED = 16
"""How many decisions' times are kept until their results arrive."""
PWM_DEADLINE_S = 5.0
NOT_A_COMMAND = Command(math.nan, math.nan)


class DriveNode(Node):
    """Turns the policy's decisions into pulse widths; starts disarmed and at neutral.

    Parameters: `policy` (for its action space), `pwm_root` (folder of the PWM chip), `calibration` (path, or
    empty for the factory's), `speed_limit_mps`, `deadline_s`, `max_frame_age_s`, `auto_arm`.

    Raises:
        Sim2RaceError: the policy, the calibration or the PWM chip cannot be used.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("drive_node", namespace="ctrl_pkg", **arguments)
        self._action_space = Policy.load(
            Path(self.declare_parameter("policy", "policy.onnx").value)
        ).action_space
        calibration = self.declare_parameter("calibration", "").value
        self._speed_limit_mps: float = self.declare_parameter("speed_limit_mps", 4.0).value
        self._inferred_ns: OrderedDict[int, int] = OrderedDict()
        units = load_calibration(Path(calibration)) if calibration else default_calibration()
        self.controller = DriveController(
            units,
            _open_pwm(Path(self.declare_parameter("pwm_root", "/sys/class/pwm").value), units.neutral),
            SystemClock(),
            deadline_s=self.declare_parameter("deadline_s", 0.1).value,
            max_frame_age_s=self.declare_parameter("max_frame_age_s", 0.1).value,
        )
        self._reports = ros.publish(self, DRIVE_REPORT)
        self._servo = ros.publish(self, SERVO_MSG)
        self._auto_drive = ros.publish(self, AUTO_DRIVE)
        self._watchdog = Watchdog(self.controller, self._publish)
        # The time of a decision is looked up when its result comes, so it is taken in first.
        self._decisions = ros.subscribe(self, INFERENCE_REPORT, self._on_decision_time)
        self._results = ros.subscribe(self, RL_RESULTS, self._on_results)
        self._offered = [
            ros.serve(self, ENABLE_STATE, self._on_enable),
            ros.serve(self, VEHICLE_STATE, self._on_vehicle_state),
        ]
        if self.declare_parameter("auto_arm", False).value:
            self.controller.arm()
        self._publish(self.controller.report)
        self.get_logger().info(f"ready: {self.controller.report.state.value}")

    def destroy_node(self) -> None:
        """Go to neutral for good, then leave the graph."""
        self.controller.close()
        self._watchdog.close()
        super().destroy_node()

    def _on_decision_time(self, report: InferenceReport) -> None:
        self._inferred_ns[ros.ns_from_time(report.source_stamp)] = ros.ns_from_time(report.header.stamp)
        if len(self._inferred_ns) > DECISIONS_REMEMBERED:
            self._inferred_ns.popitem(last=False)

    def _on_results(self, results: InferResultsArray) -> None:
        output = np.array([result.class_prob for result in results.results], dtype=np.float32)
        try:
            wanted = command_from_output(self._action_space, output)
        except Sim2RaceError:
            wanted = NOT_A_COMMAND  # the controller stops the car for it
        source_ns = ros.ns_from_time(results.images[0].header.stamp) if results.images else 0
        command = Command(wanted.steering_rad, min(wanted.speed_mps, self._speed_limit_mps))
        report = self.controller.on_command(command, source_ns, self._inferred_ns.get(source_ns, 0))
        self._publish(report)
        self._auto_drive.publish(self._servo_message(wanted, source_ns))

    def _publish(self, report: DriveReport) -> None:
        message = DriveReportMessage(
            source_stamp=ros.time_from_ns(report.source_stamp_ns),
            inferred_stamp=ros.time_from_ns(report.inferred_stamp_ns),
            steering_rad=report.command.steering_rad,
            speed_mps=report.command.speed_mps,
            steering_pulse_ns=report.pwm.steering_ns,
            motor_pulse_ns=report.pwm.motor_ns,
            state=report.state.value,
            reason=report.reason,
            commands=report.commands,
            dropped=report.dropped,
        )
        message.header.stamp = ros.time_from_ns(report.stamp_ns)
        self._reports.publish(message)
        self._servo.publish(self._servo_message(report.command, report.source_stamp_ns))

    def _servo_message(self, command: Command, source_ns: int) -> ServoCtrlMsg:
        angle, throttle = community_units(command, self._action_space)
        return ServoCtrlMsg(angle=angle, throttle=throttle, source_stamp=ros.time_from_ns(source_ns))

    def _on_enable(
        self, request: EnableStateSrv.Request, response: EnableStateSrv.Response
    ) -> EnableStateSrv.Response:
        if request.is_active:
            self.controller.acknowledge()
            response.error = 0 if self.controller.arm() else 1
        else:
            self.controller.disarm("stopped by service")
        self._publish(self.controller.report)
        return response

    def _on_vehicle_state(
        self, request: ActiveStateSrv.Request, response: ActiveStateSrv.Response
    ) -> ActiveStateSrv.Response:
        """Change the mode, which always disarms; this node knows the autonomous one."""
        self._publish(self.controller.disarm("mode changed"))
        response.error = 0 if request.state == AUTONOMOUS else 1
        return response


def _open_pwm(root: Path, neutral: Pwm) -> GuardedPwm:
    """Open the PWM chip; after boot its driver, and in simulation the car that brings it, may come late.

    Raises:
        Sim2RaceError: it has not come.
    """
    end_s = time.monotonic() + PWM_DEADLINE_S
    while time.monotonic() < end_s:
        with contextlib.suppress(Sim2RaceError):
            return GuardedPwm(root, neutral)
        time.sleep(0.1)
    return GuardedPwm(root, neutral)


def main() -> None:
    """Run the node."""
    ros.run(DriveNode)


if __name__ == "__main__":
    main()
