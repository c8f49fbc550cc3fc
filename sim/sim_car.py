"""One simulated car behind the hardware's own interface: it obeys a PWM folder and yields JPEG frames.

The node that publishes it is thin; everything here runs without ROS. Like a real servo and motor
controller, the car keeps obeying the last pulse it was given, whoever wrote it and whatever died since.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from car.calibration import Calibration
from car.errors import Sim2RaceError
from car.pwm import read_sysfs_pwm
from sim.motion import IN_PROGRESS, LAP_COMPLETE, OFF_TRACK, STATUSES
from sim.simulator import SimConfig, Simulator

PHYSICS_RATE_HZ = 120.0
"""How often the pulses are read and the car moves."""
PIPELINE_S = 0.010
"""What the running nodes themselves take from picture to pulse; the rest of the preset's latency is here."""
JPEG_QUALITY = 95


@dataclass(frozen=True)
class TrackState:
    """Where the car is on its lap."""

    progress_percent: float
    lateral_m: float
    arc_length_m: float
    speed_mps: float
    laps: int
    lap_time_s: float
    last_lap_time_s: float
    off_track: bool
    status: str


class SimulatedCar:
    """A car on a track, driven by pulse widths.

    Args:
        track: built-in name or path of a `.npy` route file.
        direction: counter-clockwise or clockwise.
        noise: visual noise level.
        vehicle: vehicle preset.
        seed: seed of everything random.
        calibration: what the pulses mean.
        pwm_root: folder in the layout of sysfs PWM; see `car.pwm.make_fake_sysfs`.
        camera: camera preset, or path of a calibration file.
        vary_vehicle: draw the car within the preset's spread at every reset, instead of the preset itself.
        redraw_every_s: re-draw the surroundings every so many simulated seconds; 0 at every reset.
    """

    def __init__(
        self,
        track: str,
        direction: str,
        noise: str,
        vehicle: str,
        seed: int,
        calibration: Calibration,
        pwm_root: Path,
        *,
        camera: str = "aws",
        vary_vehicle: bool = False,
        redraw_every_s: float = 0.0,
    ) -> None:
        config = SimConfig(
            tracks=(track,),
            directions=(direction,),
            noise=noise,
            vehicle=vehicle,
            vary_vehicle=vary_vehicle,
            camera=camera,
            redraw_every_s=redraw_every_s,
            control_rate_hz=PHYSICS_RATE_HZ,
            start="line",
            max_episode_s=float("inf"),
        )
        self._simulator = Simulator(config, n_cars=1, seed=seed)
        self._calibration, self._pwm_root = calibration, pwm_root
        self._laps, self._last_lap_s, self._lap_s = 0, float("nan"), 0.0
        self._moving, self._from_line = False, True
        self._shorten_latency()
        # Compile everything now, so that nothing pauses while the car drives.
        self._simulator.step(np.zeros((1, 2)))
        self.camera_jpeg()
        self.reset()

    @property
    def simulator(self) -> Simulator:
        """The world, for showing, hiding and re-drawing."""
        return self._simulator

    def advance(self, dt_s: float) -> None:
        """Let time pass: read the pulses and move, in steps of 1 / `PHYSICS_RATE_HZ`."""
        for _ in range(max(1, round(dt_s * PHYSICS_RATE_HZ))):
            command = self._calibration.command(read_sysfs_pwm(self._pwm_root))
            self._simulator.step(np.array([[command.steering_rad, max(command.speed_mps, 0.0)]]))
            self._keep_time()

    def camera_jpeg(self) -> bytes:
        """Return what the camera sees now, 160 x 120 in colour.

        Raises:
            Sim2RaceError: the picture cannot be encoded.
        """
        picture = np.ascontiguousarray(self._simulator.look_rgb()[0][:, :, ::-1])
        done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not done:
            raise Sim2RaceError("OpenCV could not encode a camera frame as JPEG.")
        return bytes(jpeg)

    def pose(self) -> tuple[float, float, float, float, float, float]:
        """Return x, y in metres, yaw in rad, forward and lateral speed in m/s, yaw rate in rad/s."""
        state = self._simulator.states[0]
        return (
            float(state["x_m"]),
            float(state["y_m"]),
            float(state["yaw_rad"]),
            float(state["forward_mps"]),
            float(state["lateral_mps"]),
            float(state["yaw_rate_radps"]),
        )

    def track_position(self) -> TrackState:
        """Return the place on the lap and the lap times so far; a lap's clock starts when the car moves."""
        place, state = self._simulator.places[0], self._simulator.states[0]
        off_track = int(place["status"]) == OFF_TRACK
        return TrackState(
            progress_percent=float(place["progress"]),
            lateral_m=float(place["lateral_m"]),
            arc_length_m=float(place["arc_length_m"]),
            speed_mps=float(state["forward_mps"]),
            laps=self._laps,
            lap_time_s=self._lap_s,
            last_lap_time_s=self._last_lap_s,
            off_track=off_track,
            status=STATUSES[OFF_TRACK if off_track else IN_PROGRESS],
        )

    def reset(self) -> None:
        """Put the car on the start line, at rest; laps done stay counted.

        The surroundings are new, unless they are re-drawn on a schedule.
        """
        self._simulator.reset()
        self._shorten_latency()
        self._lap_s, self._moving, self._from_line = 0.0, False, True

    def set_pose(self, x_m: float, y_m: float, yaw_rad: float) -> None:
        """Put the car somewhere, at rest, in the same surroundings.

        Its progress is that of the place. A lap counts only from the start line on, so unless the car is put
        there, the first crossing of the line begins one and ends none.
        """
        self._simulator.set_pose(0, x_m, y_m, yaw_rad)
        place = self._simulator.places
        place["travelled_m"][0] = place["arc_length_m"][0]
        place["status"][0] = IN_PROGRESS
        self._show_progress()
        self._lap_s, self._moving, self._from_line = 0.0, False, int(place["sample"][0]) == 0

    def _shorten_latency(self) -> None:
        self._simulator.take_off_latency(PIPELINE_S)

    def _keep_time(self) -> None:
        """Count laps; standing still or going the wrong way is nothing that ends a real drive."""
        place = self._simulator.places
        self._moving = self._moving or float(self._simulator.states["forward_mps"][0]) > 0.05
        if self._moving:
            self._lap_s += self._simulator.dt_s
        if int(place["status"][0]) == LAP_COMPLETE:
            since_line_s = float(place["elapsed_s"][0] - place["lap_time_s"][0])
            if self._from_line:
                self._laps, self._last_lap_s = self._laps + 1, self._lap_s - since_line_s
            self._lap_s, self._from_line = since_line_s, True
            place["travelled_m"][0] -= self._simulator.route_of(0).length_m
            self._show_progress()
        if int(place["status"][0]) != OFF_TRACK:
            place["status"][0] = IN_PROGRESS

    def _show_progress(self) -> None:
        place = self._simulator.places
        place["progress"][0] = 100.0 * place["travelled_m"][0] / self._simulator.route_of(0).length_m
