"""The simulated car as a node: a camera at a steady rate, PWM obeyed like hardware, and the truth."""

from __future__ import annotations

import array
import math
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from rclpy.clock import Clock as RosClock
from rclpy.clock import ClockType
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage
from sim2race_msgs.msg import TrackPosition

from car.calibration import default_calibration, load_calibration
from car.clock import SystemClock
from car.errors import Sim2RaceError
from car.pwm import find_chip, make_fake_sysfs
from car.topics import CAMERA, GROUND_TRUTH, TRACK_POSITION
from sim.sim_car import PHYSICS_RATE_HZ, SimulatedCar
from sim2race_car import ros
from sim2race_sim.pacing import Pacer

PUT_BACK_AFTER_S = 1.0
"""How long a car stays where it left the track, so that a person sees it."""
MAX_BEHIND_S = 0.25
"""When the machine falls behind by more than this, simulated time lets the rest go."""


class SimCarNode(Node):
    """Drives one simulated car in real time and publishes what its camera sees.

    Parameters: `track`, `direction`, `noise`, `vehicle`, `seed`, `fps`, `calibration`, `pwm_root`.

    Raises:
        Sim2RaceError: a name does not exist, or the PWM folder or calibration cannot be used.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("sim_car_node", namespace="sim2race", **arguments)
        calibration = self.declare_parameter("calibration", "").value
        # Its construction compiles the simulator, so that nothing is published before everything is fast.
        self._car = SimulatedCar(
            track=self.declare_parameter("track", "forever-raceway").value,
            direction=self.declare_parameter("direction", "counter-clockwise").value,
            noise=self.declare_parameter("noise", "high").value,
            vehicle=self.declare_parameter("vehicle", "real-car").value,
            seed=self.declare_parameter("seed", 1).value,
            calibration=load_calibration(Path(calibration)) if calibration else default_calibration(),
            pwm_root=_pwm_chip(Path(self.declare_parameter("pwm_root", "/tmp/sim2race-pwm").value)),
        )
        fps: float = self.declare_parameter("fps", 30.0).value
        self._time = SystemClock()
        now_s = self._time.monotonic_s()
        self._physics = Pacer(PHYSICS_RATE_HZ, now_s, max_behind_s=MAX_BEHIND_S)
        self._frames = Pacer(fps, now_s, max_behind_s=1.0 / fps)
        self._frame_number = 0
        self._left_track_s = math.inf
        self._camera = ros.publish(self, CAMERA)
        self._truth = ros.publish(self, GROUND_TRUTH)
        self._position = ros.publish(self, TRACK_POSITION)
        self._timer = self.create_timer(
            1.0 / PHYSICS_RATE_HZ, self._on_time, clock=RosClock(clock_type=ClockType.STEADY_TIME)
        )

    def _on_time(self) -> None:
        """Let the car catch up with the clock, and take a picture if one is due."""
        now_s = self._time.monotonic_s()
        steps = self._physics.due(now_s)
        if steps:
            self._car.advance(steps / PHYSICS_RATE_HZ)
        if self._frames.due(now_s):
            self._publish_frame()
        self._put_back(now_s)

    def _publish_frame(self) -> None:
        stamp = ros.time_from_ns(self._time.wall_ns())
        frame = CompressedImage(format="jpeg", data=array.array("B", self._car.camera_jpeg()))
        frame.header.stamp, frame.header.frame_id = stamp, str(self._frame_number)
        self._frame_number += 1
        self._camera.publish(frame)
        self._truth.publish(self._odometry(stamp))
        self._position.publish(self._track_position(stamp))

    def _odometry(self, stamp: Time) -> Odometry:
        x_m, y_m, yaw_rad, forward_mps, lateral_mps, yaw_rate_radps = self._car.pose()
        message = Odometry(child_frame_id="base_link")
        message.header.stamp, message.header.frame_id = stamp, "track"
        pose, twist = message.pose.pose, message.twist.twist
        pose.position.x, pose.position.y = x_m, y_m
        pose.orientation.z, pose.orientation.w = math.sin(yaw_rad / 2.0), math.cos(yaw_rad / 2.0)
        twist.linear.x, twist.linear.y, twist.angular.z = forward_mps, lateral_mps, yaw_rate_radps
        return message

    def _track_position(self, stamp: Time) -> TrackPosition:
        state = self._car.track_position()
        message = TrackPosition(
            progress_percent=state.progress_percent,
            lateral_m=state.lateral_m,
            arc_length_m=state.arc_length_m,
            speed_mps=state.speed_mps,
            laps=state.laps,
            lap_time_s=state.lap_time_s,
            last_lap_time_s=0.0 if math.isnan(state.last_lap_time_s) else state.last_lap_time_s,
            off_track=state.off_track,
            status=state.status,
        )
        message.header.stamp, message.header.frame_id = stamp, "track"
        return message

    def _put_back(self, now_s: float) -> None:
        """Put a car that left the track back on the start line, after a moment in which it is seen."""
        if not self._car.track_position().off_track:
            self._left_track_s = math.inf
        elif self._left_track_s == math.inf:
            self._left_track_s = now_s
        elif now_s - self._left_track_s > PUT_BACK_AFTER_S:
            self._car.reset()
            self._left_track_s = math.inf


def _pwm_chip(root: Path) -> Path:
    """Return the folder of the PWM chip; a simulated car brings its own where there is none."""
    try:
        return find_chip(root)
    except Sim2RaceError:
        return make_fake_sysfs(root)


def main() -> None:
    """Run the node."""
    ros.run(SimCarNode)


if __name__ == "__main__":
    main()
