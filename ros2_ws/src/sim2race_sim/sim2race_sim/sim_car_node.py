"""The simulated car as a node: a camera at a steady rate, PWM obeyed like hardware, and the truth."""

from __future__ import annotations

import array
import math
from pathlib import Path
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Odometry
from rclpy.clock import Clock as RosClock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage
from sim2race_msgs.msg import TrackPosition
from std_msgs.msg import String

from car.calibration import default_calibration, load_calibration
from car.clock import SystemClock
from car.errors import Sim2RaceError
from car.priority import CAMERA_LEVEL, raise_priority
from car.pwm import find_chip, make_fake_sysfs
from car.topics import CAMERA, CAMERA_ABOUT, CLOCK, GROUND_TRUTH, TF, TRACK_POSITION
from sim.sim_car import PHYSICS_RATE_HZ, SimulatedCar
from sim2race_car import ros
from sim2race_sim.pacing import Pacer
from sim2race_sim.world_services import WorldServices
from sim2race_sim.world_time import WorldTime

PUT_BACK_AFTER_S = 1.0
"""How long a car stays where it left the track, so that a person sees it."""
MAX_BEHIND_S = 0.25
"""When the machine falls behind by more than this, simulated time lets the rest go."""


class SimCarNode(Node):
    """Drives one simulated car in real time and publishes what its camera sees.

    Parameters: `track`, `direction`, `noise`, `vehicle`, `sim_camera` (preset or calibration file), `seed`,
    `vary_vehicle`, `redraw_every_s`, `fps`, `calibration`, `pwm_root`, `real_time_factor` (simulated seconds
    per real one).

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
            camera=self.declare_parameter("sim_camera", "aws").value,
            vary_vehicle=self.declare_parameter("vary_vehicle", False).value,
            redraw_every_s=self.declare_parameter("redraw_every_s", 0.0).value,
        )
        fps: float = self.declare_parameter("fps", 30.0).value
        factor: float = self.declare_parameter("real_time_factor", 1.0).value
        if not (fps > 0.0 and factor > 0.0):
            raise Sim2RaceError(f"fps is {fps} and real_time_factor {factor}; both must be above 0.")
        self._time = SystemClock()
        self._world_time = WorldTime(self._time.monotonic_s(), factor=factor)
        self._began_ns = self._time.wall_ns()
        self._physics = Pacer(PHYSICS_RATE_HZ, 0.0, max_behind_s=MAX_BEHIND_S)
        self._frames = Pacer(fps, 0.0, max_behind_s=1.0 / fps)
        self._world_services = WorldServices(self, self._car, self._world_time, self._time, step_s=1.0 / fps)
        self._frame_number = 0
        self._left_track_s = math.inf
        self._camera = ros.publish(self, CAMERA)
        self._truth = ros.publish(self, GROUND_TRUTH)
        self._position = ros.publish(self, TRACK_POSITION)
        self._clock_topic = ros.publish(self, CLOCK)
        self._about = ros.publish(self, CAMERA_ABOUT)
        self._about.publish(String(data="when the simulated picture was drawn"))
        self._transforms = _transform_publisher(self)
        self._timer = self.create_timer(
            1.0 / PHYSICS_RATE_HZ, self._on_time, clock=RosClock(clock_type=ClockType.STEADY_TIME)
        )

    def _on_time(self) -> None:
        """Let the car catch up with the clock, and take a picture if one is due."""
        now_s = self._world_time.read(self._time.monotonic_s())
        steps = self._physics.due(now_s)
        if steps:
            self._car.advance(steps / PHYSICS_RATE_HZ)
            self._clock_topic.publish(Clock(clock=self._simulated_time(now_s)))
        if self._frames.due(now_s):
            self._publish_frame(now_s)
        self._put_back(now_s)

    def _simulated_time(self, now_s: float) -> Time:
        """Return simulated time, which begins at the wall clock's and, unless paused, agrees at factor 1."""
        return ros.time_from_ns(self._began_ns + round(now_s * 1e9))

    def _publish_frame(self, now_s: float) -> None:
        # The log joins frames, commands and ground truth by the wall clock, which every node has.
        stamp = ros.time_from_ns(self._time.wall_ns())
        frame = CompressedImage(format="jpeg", data=array.array("B", self._car.camera_jpeg()))
        frame.header.stamp, frame.header.frame_id = stamp, str(self._frame_number)
        self._frame_number += 1
        self._camera.publish(frame)
        odometry = self._odometry(stamp)
        self._truth.publish(odometry)
        if self._transforms is not None:
            self._transforms.publish(_transform(odometry, self._simulated_time(now_s)))
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


def _transform_publisher(node: Node) -> Publisher | None:
    """Return a publisher of /tf where tf2_msgs is installed, as on every full ROS 2; the wheels lack it."""
    try:
        return ros.publish(node, TF)
    except ModuleNotFoundError:
        node.get_logger().info("tf2_msgs is not installed: ground truth is published, /tf is not")
        return None


def _transform(odometry: Odometry, stamp: Time) -> Any:
    """Return an odometry message's pose as a transform of its child frame, at a time of its own."""
    stamped = TransformStamped(child_frame_id=odometry.child_frame_id)
    stamped.header.stamp, stamped.header.frame_id = stamp, odometry.header.frame_id
    position, place = odometry.pose.pose.position, stamped.transform.translation
    place.x, place.y, place.z = position.x, position.y, position.z
    stamped.transform.rotation = odometry.pose.pose.orientation
    return ros.interface(TF.type_name)(transforms=[stamped])


def _pwm_chip(root: Path) -> Path:
    """Return the folder of the PWM chip; a simulated car brings its own where there is none."""
    try:
        return find_chip(root)
    except Sim2RaceError:
        return make_fake_sysfs(root)


def main() -> None:
    """Run the node, which stands for hardware that no busy computer slows down."""
    raise_priority(CAMERA_LEVEL)
    ros.run(SimCarNode)


if __name__ == "__main__":
    main()
