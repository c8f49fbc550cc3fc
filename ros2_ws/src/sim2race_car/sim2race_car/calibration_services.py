"""The community's calibration services, over the calibration that the car drives by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepracer_interfaces_pkg.srv import GetCalibrationSrv, NavThrottleSrv, SetCalibrationSrv
from rclpy.node import Node

from car.calibration import PulseMap
from car.calibration_store import CalibrationStore
from car.community_calibration import CommunityChannel
from car.drive import DriveController
from car.drive_report import DriveMode, DriveState
from car.errors import Sim2RaceError
from car.guarded_pwm import GuardedPwm
from car.topics import (
    GET_CALIBRATION,
    GET_CAR_CALIBRATION,
    MAX_SPEED,
    SET_CALIBRATION,
    SET_CAR_CALIBRATION,
)
from sim2race_car import ros

MOVING = (DriveState.ARMED, DriveState.DRIVING)


class CalibrationServices:
    """Answers as the community's stack does, and says by `error` 1 that something was not done.

    Args:
        node: offers the services.
        store: the calibration.
        controller: drives by it.
        output: leaves its neutral behind.
        publish: is called after a change of the drive's state.
    """

    def __init__(
        self,
        node: Node,
        store: CalibrationStore,
        controller: DriveController,
        output: GuardedPwm,
        publish: Callable[[], None],
    ) -> None:
        self._node = node
        self._store = store
        self._neutral = store.pulses.neutral
        self._controller = controller
        self._output = output
        self._publish = publish
        self._offered = [
            ros.serve(node, GET_CALIBRATION, self._on_get),
            ros.serve(node, SET_CALIBRATION, self._on_set),
            ros.serve(node, GET_CAR_CALIBRATION, self._in_calibration_mode(self._on_get)),
            ros.serve(node, SET_CAR_CALIBRATION, self._in_calibration_mode(self._on_set)),
            ros.serve(node, MAX_SPEED, self._on_max_speed),
        ]

    def _on_get(
        self, request: GetCalibrationSrv.Request, response: GetCalibrationSrv.Response
    ) -> GetCalibrationSrv.Response:
        try:
            channel = self._store.channel(request.cal_type)
        except Sim2RaceError as error:
            return self._refuse(response, error)
        response.min, response.mid, response.max = channel.min_ns, channel.mid_ns, channel.max_ns
        response.polarity = channel.polarity
        return response

    def _on_set(
        self, request: SetCalibrationSrv.Request, response: SetCalibrationSrv.Response
    ) -> SetCalibrationSrv.Response:
        try:
            if self._controller.mode is not DriveMode.CALIBRATION and self._controller.report.state in MOVING:
                raise Sim2RaceError("The car is armed; stop it before its calibration is changed.")
            channel = CommunityChannel(request.min, request.mid, request.max, request.polarity)
            self._use(self._store.set_channel(request.cal_type, channel))
        except Sim2RaceError as error:
            return self._refuse(response, error)
        return response

    def _on_max_speed(
        self, request: NavThrottleSrv.Request, response: NavThrottleSrv.Response
    ) -> NavThrottleSrv.Response:
        try:
            if self._store.is_community:
                self._use(self._store.set_max_speed(100.0 * request.throttle))
            else:
                self._controller.limit_speed(request.throttle)
        except Sim2RaceError as error:
            return self._refuse(response, error)
        return response

    def _use(self, pulses: PulseMap) -> None:
        before, self._neutral = self._neutral, pulses.neutral
        self._controller.recalibrate(pulses)
        if pulses.neutral != before:
            self._output.use_neutral(pulses.neutral)
        self._publish()

    def _refuse(self, response: Any, error: Sim2RaceError) -> Any:
        self._node.get_logger().error(str(error))
        response.error = 1
        return response

    def _in_calibration_mode(self, answer: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def answer_in_mode(request: Any, response: Any) -> Any:
            if self._controller.mode is not DriveMode.CALIBRATION:
                return self._refuse(response, Sim2RaceError("The car is not in calibration mode."))
            return answer(request, response)

        return answer_in_mode
