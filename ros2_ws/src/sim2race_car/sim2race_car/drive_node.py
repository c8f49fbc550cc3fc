"""The drive node: the only process that writes PWM, and the one that owns the deadline."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from deepracer_interfaces_pkg.msg import InferResultsArray, ServoCtrlMsg
from deepracer_interfaces_pkg.srv import ActiveStateSrv, EnableStateSrv, GetCtrlModesSrv
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.clock import Clock as RosClock
from rclpy.clock import ClockType
from rclpy.node import Node
from sensor_msgs.msg import BatteryState
from sim2race_msgs.msg import DriveReport as DriveReportMessage
from sim2race_msgs.msg import InferenceReport
from std_msgs.msg import String

from car.action_space import Command
from car.battery import BatteryWatch
from car.calibration_store import UNITS, CalibrationStore
from car.clock import SystemClock
from car.command_source import CommandSource
from car.community_units import community_units
from car.drive import DriveController
from car.drive_limits import DriveLimits
from car.drive_report import DriveMode, DriveReport, DriveState
from car.errors import Sim2RaceError, unknown_name
from car.guarded_pwm import GuardedPwm
from car.inference import command_from_output
from car.models import policy_path
from car.policy import Policy
from car.priority import DRIVE_LEVEL, raise_priority
from car.pwm import Pwm
from car.topics import (
    AUTO_DRIVE,
    BATTERY,
    CALIBRATION_DRIVE,
    CTRL_MODES,
    DRIVE_REPORT,
    ENABLE_STATE,
    INFERENCE_REPORT,
    MANUAL_DRIVE,
    MODE,
    RL_RESULTS,
    SERVO_MSG,
    STOP,
    VEHICLE_STATE,
    Topic,
)
from car.watchdog import Watchdog
from sim2race_car import ros
from sim2race_car.calibration_services import CalibrationServices

DECISIONS_REMEMBERED = 16
"""How many decisions' times are kept until their results arrive."""
PWM_DEADLINE_S = 5.0
REPORT_EVERY_S = 1.0
REPEAT_AFTER_S = 0.005
DRIVES_BY = {
    RL_RESULTS: DriveMode.AUTONOMOUS,
    MANUAL_DRIVE: DriveMode.MANUAL,
    CALIBRATION_DRIVE: DriveMode.CALIBRATION,
}
"""On these topics only one may speak."""
STOPPED_BY_TOPIC = f"stopped by {STOP.name}, without a reason"
MODES = {mode.name.lower(): mode for mode in DriveMode}


class DriveNode(Node):
    """Turns decisions, or a person's stick, into pulse widths; starts disarmed and at neutral.

    Parameters: `policy` (for its action space; empty takes the chosen model), `pwm_root` (where pulses go,
    see `car.pwm_address`), `calibration` (path, or empty for the factory's), `mapping` (units or community),
    `max_speed_percent` (of the community's mapping), `mode` (manual, autonomous or calibration),
    `speed_limit_mps`, `deadline_s`, `manual_deadline_s`, `max_frame_age_s`, `battery_min_percent`,
    `auto_arm`.

    Raises:
        Sim2RaceError: the policy, the calibration or the PWM output cannot be used.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("drive_node", namespace="ctrl_pkg", **arguments)
        policy = Policy.load(policy_path(self._setting("policy", "")))
        self._action_space = policy.action_space
        calibration = self._setting("calibration", "")
        store = CalibrationStore(
            Path(calibration) if calibration else None,
            policy.action_space,
            mapping=self._setting("mapping", UNITS),
            max_speed_percent=self._setting("max_speed_percent", 50.0),
        )
        mode = self._setting("mode", DriveMode.AUTONOMOUS.name.lower())
        if mode not in MODES:
            raise unknown_name("mode", mode, MODES)
        output = _open_pwm(self._setting("pwm_root", "/sys/class/pwm"), store.pulses.neutral, store.period_ns)
        self.controller = DriveController(
            store.pulses,
            output,
            SystemClock(),
            limits=self._limits(),
            mode=MODES[mode],
            gate=output if output.has_gate else None,
        )
        self._battery = BatteryWatch(self._setting("battery_min_percent", 10.0))
        self._sources = {topic: CommandSource(topic.name) for topic in DRIVES_BY}
        self._inferred_ns: OrderedDict[int, int] = OrderedDict()
        self._said: tuple[DriveState, str] | None = None
        self._said_s = 0.0
        self._time = SystemClock()
        self._reports = ros.publish(self, DRIVE_REPORT)
        self._servo = ros.publish(self, SERVO_MSG)
        self._auto_drive = ros.publish(self, AUTO_DRIVE)
        self._modes = ros.publish(self, MODE)
        self._watchdog = Watchdog(self.controller, self._publish, output.beat)
        if self._setting("auto_arm", False):
            self.controller.arm_when_ready()
        self._calibration_services = CalibrationServices(
            self, store, self.controller, output, self._publish_present
        )
        self._heard = [
            # The time of a decision is looked up when its result comes, so it is taken in first.
            ros.subscribe(self, INFERENCE_REPORT, self._on_decision_time),
            ros.subscribe_numbered(self, RL_RESULTS, self._on_results),
            ros.subscribe_numbered(self, MANUAL_DRIVE, self._on_manual),
            ros.subscribe_numbered(self, CALIBRATION_DRIVE, self._on_pulses),
            ros.subscribe(self, BATTERY, self._on_battery),
            ros.subscribe(self, STOP, self._on_stop),
        ]
        self._offered = [
            ros.serve(self, VEHICLE_STATE, self._on_vehicle_state),
            ros.serve(self, CTRL_MODES, self._on_modes),
            # Last: by this one sees that the node is ready.
            ros.serve(self, ENABLE_STATE, self._on_enable),
        ]
        self._timer = self.create_timer(
            REPORT_EVERY_S, self._report_while_idle, clock=RosClock(clock_type=ClockType.STEADY_TIME)
        )
        self._publish_mode()
        self._publish_present()
        self.get_logger().info(f"ready: {self.controller.report.state.value}, {mode}")

    def destroy_node(self) -> None:
        """Go to neutral for good, then leave the graph."""
        self.controller.close()
        self._watchdog.close()
        super().destroy_node()

    def _setting(self, name: str, usual: Any) -> Any:
        """Return a parameter of the start; one that is set later would only seem to be obeyed."""
        return self.declare_parameter(name, usual, ParameterDescriptor(read_only=True)).value

    def _limits(self) -> DriveLimits:
        return DriveLimits(
            deadline_s=self._setting("deadline_s", 0.1),
            max_frame_age_s=self._setting("max_frame_age_s", 0.1),
            manual_deadline_s=self._setting("manual_deadline_s", 0.5),
            speed_limit_mps=self._setting("speed_limit_mps", 4.0),
        )

    def _on_decision_time(self, report: InferenceReport) -> None:
        self._inferred_ns[ros.ns_from_time(report.source_stamp)] = ros.ns_from_time(report.header.stamp)
        if len(self._inferred_ns) > DECISIONS_REMEMBERED:
            self._inferred_ns.popitem(last=False)

    def _on_results(self, results: InferResultsArray, number: int | None) -> None:
        self._look_at_source(RL_RESULTS, number)
        output = np.array([result.class_prob for result in results.results], dtype=np.float32)
        source_ns = ros.ns_from_time(results.images[0].header.stamp) if results.images else 0
        try:
            wanted = command_from_output(self._action_space, output)
        except Sim2RaceError as error:
            self._publish(self.controller.on_refused(str(error), source_ns))
            return
        report = self.controller.on_command(wanted, source_ns, self._inferred_ns.get(source_ns, 0))
        if self.controller.mode is DriveMode.AUTONOMOUS and self._publish(report):
            self._auto_drive.publish(self._servo_message(wanted, source_ns))

    def _on_manual(self, stick: ServoCtrlMsg, number: int | None) -> None:
        if self.controller.mode is not DriveMode.MANUAL:
            return
        self._look_at_source(MANUAL_DRIVE, number)
        source_ns = ros.ns_from_time(stick.source_stamp)
        self._publish(self.controller.on_manual(stick.angle, stick.throttle, source_ns))

    def _on_pulses(self, pulses: ServoCtrlMsg, number: int | None) -> None:
        if self.controller.mode is not DriveMode.CALIBRATION:
            return
        self._look_at_source(CALIBRATION_DRIVE, number)
        self._publish(self.controller.on_pulses(pulses.angle, pulses.throttle))

    def _on_battery(self, battery: BatteryState) -> None:
        self._block("battery", self._battery.on_reading(100.0 * battery.percentage))

    def _on_stop(self, reason: String) -> None:
        self._publish(self.controller.stop(reason.data or STOPPED_BY_TOPIC))

    def _look_at_source(self, topic: Topic, number: int | None) -> None:
        """Keep the car from obeying a topic on which more than one speaks."""
        source, now_s = self._sources[topic], self._time.monotonic_s()
        if number is None:
            problem = source.on_count(self.count_publishers(topic.name), now_s)
        else:
            problem = source.on_message(number, now_s)
        self._block(topic.name, problem if self.controller.mode is DRIVES_BY[topic] else "")

    def _block(self, what: str, reason: str) -> None:
        report = self.controller.block(what, reason)
        if report is not None:
            self._publish(report)

    def _report_while_idle(self) -> None:
        """Say that this node is there, and why the car stands, to those who come late."""
        if self.controller.report.state is not DriveState.DRIVING:
            self._publish_present()

    def _publish_mode(self) -> None:
        self._modes.publish(String(data=self.controller.mode.name.lower()))

    def _publish_present(self) -> None:
        self._publish(self.controller.report)

    def _publish(self, report: DriveReport) -> bool:
        """Publish a report, unless a car that stands would only repeat itself, as in a flood of commands."""
        now_s, said = self._time.monotonic_s(), (report.state, report.reason)
        is_repeated = report.state is not DriveState.DRIVING and said == self._said
        if is_repeated and now_s - self._said_s < REPEAT_AFTER_S:
            return False
        self._said, self._said_s = said, now_s
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
        return True

    def _servo_message(self, command: Command, source_ns: int) -> ServoCtrlMsg:
        angle, throttle = community_units(command, self._action_space)
        return ServoCtrlMsg(angle=angle, throttle=throttle, source_stamp=ros.time_from_ns(source_ns))

    def _on_enable(
        self, request: EnableStateSrv.Request, response: EnableStateSrv.Response
    ) -> EnableStateSrv.Response:
        if request.is_active:
            self.controller.acknowledge()
            response.error = 0 if self.controller.arm() else 1
            if response.error:
                reason = self.controller.report.reason
                self.get_logger().error(f"not armed: {reason}", throttle_duration_sec=1.0)
        else:
            self.controller.disarm("disarmed on request")
        self._publish_present()
        return response

    def _on_vehicle_state(
        self, request: ActiveStateSrv.Request, response: ActiveStateSrv.Response
    ) -> ActiveStateSrv.Response:
        """Change the mode, which always disarms, even where there is no such mode."""
        if request.state in list(DriveMode):
            if request.state != self.controller.mode:
                for topic in DRIVES_BY:
                    self._block(topic.name, "")
            self._publish(self.controller.set_mode(DriveMode(request.state)))
            self._publish_mode()
        else:
            self._publish(self.controller.disarm("a mode that there is not was asked for"))
            response.error = 1
        return response

    def _on_modes(
        self, request: GetCtrlModesSrv.Request, response: GetCtrlModesSrv.Response
    ) -> GetCtrlModesSrv.Response:
        response.modes = [int(mode) for mode in DriveMode]
        return response


def _open_pwm(address: str, neutral: Pwm, period_ns: int) -> GuardedPwm:
    """Open the output; after boot its driver, and in simulation the car that brings it, may come late.

    Raises:
        Sim2RaceError: it has not come.
    """
    end_s = time.monotonic() + PWM_DEADLINE_S
    while time.monotonic() < end_s:
        with contextlib.suppress(Sim2RaceError):
            return GuardedPwm(address, neutral, period_ns=period_ns)
        time.sleep(0.1)
    return GuardedPwm(address, neutral, period_ns=period_ns)


def main() -> None:
    """Run the node, ahead of whatever else this computer does."""
    raise_priority(DRIVE_LEVEL)
    ros.run(DriveNode)


if __name__ == "__main__":
    main()
