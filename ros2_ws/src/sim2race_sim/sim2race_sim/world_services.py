"""What people expect of a simulator in ROS 2: pause, step, reset, re-draw, show and hide, set the pose."""

from __future__ import annotations

import math
from typing import Any

from rclpy.node import Node

from car.clock import Clock
from car.errors import Sim2RaceError
from car.topics import (
    INITIAL_POSE,
    WORLD_PAUSE,
    WORLD_REDRAW,
    WORLD_RESET,
    WORLD_SET_VISIBLE,
    WORLD_STEP,
)
from sim.sim_car import SimulatedCar
from sim2race_car import ros
from sim2race_sim.world_time import WorldTime


class WorldServices:
    """Serves the world of one simulated car.

    Args:
        node: serves them.
        car: the car and its world.
        time: simulated time, which is paused and stepped.
        clock: real time.
        step_s: how far a step goes: one camera frame.
    """

    def __init__(
        self, node: Node, car: SimulatedCar, time: WorldTime, clock: Clock, *, step_s: float
    ) -> None:
        self._car, self._time, self._clock, self._step_s = car, time, clock, step_s
        ros.serve(node, WORLD_PAUSE, self._pause)
        ros.serve(node, WORLD_STEP, self._step)
        ros.serve(node, WORLD_RESET, self._reset)
        ros.serve(node, WORLD_REDRAW, self._redraw)
        ros.serve(node, WORLD_SET_VISIBLE, self._set_visible)
        ros.subscribe(node, INITIAL_POSE, self._set_pose)

    def _pause(self, request: Any, response: Any) -> Any:
        now_s = self._clock.monotonic_s()
        if request.data:
            self._time.pause(now_s)
        else:
            self._time.resume(now_s)
        response.success, response.message = True, "paused" if request.data else "running"
        return response

    def _step(self, request: Any, response: Any) -> Any:
        response.success = self._time.paused
        response.message = "" if self._time.paused else "the world runs; pause it first"
        if self._time.paused:
            self._time.step(self._step_s)
        return response

    def _reset(self, request: Any, response: Any) -> Any:
        self._car.reset()
        response.success = True
        return response

    def _redraw(self, request: Any, response: Any) -> Any:
        self._car.simulator.redraw(0)
        response.success = True
        return response

    def _set_visible(self, request: Any, response: Any) -> Any:
        try:
            self._car.simulator.set_visible(request.name, visible=request.visible)
            response.success = True
        except Sim2RaceError as error:
            response.success, response.message = False, str(error)
        return response

    def _set_pose(self, message: Any) -> None:
        """Put the car where RViz's "2D Pose Estimate" was clicked, at rest."""
        pose = message.pose.pose
        # Yaw of a rotation about z; other rotations make no sense for a car on a floor.
        yaw_rad = 2.0 * math.atan2(pose.orientation.z, pose.orientation.w)
        values = (pose.position.x, pose.position.y, yaw_rad)
        if all(math.isfinite(value) for value in values):
            self._car.set_pose(*values)
