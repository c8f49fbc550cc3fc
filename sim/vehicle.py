"""The car: a double-track model with Ackermann wheels, saturating tyres, a late servo and a slow motor.

Axes are REP 103: x forward, y left, z up, yaw and steering positive to the left. The body point is
midway between the axles, as in the reference simulator. Model, per car and substep:

* steering: the command reaches the wheels through a transport delay (see `sim.simulator`), the servo's
  curve (bent, lopsided, off centre; a calibrated car undoes it up to lock), a rate limit, a first-order
  lag, and the kick that the reference's controller gives to every new command;
* motor: a dead band, first-order lags, limits of acceleration and braking, a battery that scales speed;
* Ackermann: both front wheels point at one turning centre on the rear axle,
  ``tan(delta_left) = L / (L / tan(delta) - W / 2)``, and likewise with + for the right one;
* tyres: ``F_y = -D sin(C atan(B alpha))`` (Pacejka, Tire and Vehicle Dynamics, 3rd ed., eq. 4.49 with
  E = 0), D = mu F_z, shrunk by the friction ellipse where the wheel also drives or brakes;
* weight moves between the wheels by ``m a h`` over the track and the wheelbase; the body rolls and
  pitches with it, and the camera rides on the body;
* below walking pace slip angles are ill-defined, so the model blends into the kinematic bicycle.

So the turning radius grows with speed, and a late command overshoots: what the real car does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.vehicle_parameters import CURVE_POINTS

SUBSTEP_RATE_HZ = 360
"""Integration rate; the tyres of a 1.5 kg car are stiff enough to need it."""
GRAVITY_MPS2 = 9.81

STATE_DTYPE = np.dtype(
    [
        (name, np.float64)
        for name in (
            "x_m",
            "y_m",
            "yaw_rad",
            "forward_mps",
            "lateral_mps",
            "yaw_rate_radps",
            "steering_rad",
            "steering_target_rad",
            "forward_mps2",
            "lateral_mps2",
            "roll_rad",
            "pitch_rad",
        )
    ]
)


@njit(cache=True)
def ackermann_angles(steering_rad: float, wheelbase_m: float, track_width_m: float) -> tuple[float, float]:
    """Return the left and right front wheel angles for the angle of the equivalent bicycle, in radians."""
    tangent = math.tan(steering_rad)
    left = math.atan(wheelbase_m * tangent / (wheelbase_m - 0.5 * track_width_m * tangent))
    right = math.atan(wheelbase_m * tangent / (wheelbase_m + 0.5 * track_width_m * tangent))
    return left, right


@njit(cache=True)
def _wheel_target(parameters: Any, steering_command_rad: float) -> float:
    """Return where a steering command sends the wheels: along the servo's curve, or what was asked for."""
    curve = parameters.steering_curve_deg
    angle = steering_command_rad
    if parameters.calibrated < 0.5:
        place = (steering_command_rad / parameters.full_deflection_rad + 1.0) * 0.5 * (CURVE_POINTS - 1)
        place = min(max(place, 0.0), CURVE_POINTS - 1.0)
        left = min(int(place), CURVE_POINTS - 2)
        angle = math.radians(curve[left] + (curve[left + 1] - curve[left]) * (place - left))
    angle = angle * parameters.steering_gain + parameters.steering_trim_rad
    limited: float = min(max(angle, math.radians(curve[0])), math.radians(curve[CURVE_POINTS - 1]))
    return limited


@njit(cache=True)
def _actuate(
    state: Any, parameters: Any, steering_command_rad: float, speed_command_mps: float, dt_s: float
) -> float:
    """Move the steering towards its command and return the acceleration that the motor asks for."""
    target = _wheel_target(parameters, steering_command_rad)
    share = 1.0 - math.exp(-dt_s / parameters.steering_lag_s) if parameters.steering_lag_s > 0.0 else 1.0
    step = (target - state.steering_rad) * share
    limit = parameters.steering_rate_radps * dt_s
    state.steering_rad += min(max(step, -limit), limit)
    kick = target - state.steering_target_rad
    state.steering_rad += min(max(kick, -parameters.steering_kick_rad), parameters.steering_kick_rad)
    state.steering_target_rad = target
    moving = speed_command_mps >= parameters.slowest_mps
    asked_mps = speed_command_mps * parameters.speed_gain if moving else 0.0
    error = asked_mps - state.forward_mps
    lag = parameters.speed_lag_s if error > 0.0 else parameters.braking_lag_s
    asked = error / max(lag, dt_s)
    limited: float = min(max(asked, -parameters.braking_mps2), parameters.acceleration_mps2)
    return limited


@njit(cache=True)
def _tyre_sums(state: Any, parameters: Any, asked_mps2: float) -> tuple[float, float, float]:
    """Return the summed body-frame force (x, y) in newton and the yaw moment in newton metres."""
    half_base = 0.5 * parameters.wheelbase_m
    half_track = 0.5 * parameters.track_width_m
    left, right = ackermann_angles(state.steering_rad, parameters.wheelbase_m, parameters.track_width_m)
    static = parameters.mass_kg * GRAVITY_MPS2 / 4.0
    height = parameters.mass_height_m
    along = 0.5 * parameters.mass_kg * state.forward_mps2 * height / parameters.wheelbase_m
    across = 0.5 * parameters.mass_kg * state.lateral_mps2 * height / parameters.track_width_m
    total_x, total_y, moment = 0.0, 0.0, 0.0
    for wheel in range(4):
        front = wheel < 2
        x = half_base if front else -half_base
        y = half_track if wheel % 2 == 0 else -half_track
        angle = 0.0 if not front else (left if wheel == 0 else right)
        load = static + (-along if front else along) + (-across if y > 0.0 else across)
        grip = parameters.friction * max(load, 0.0)
        # All four wheels drive; a wheel cannot push harder than it grips.
        drive = min(max(0.25 * parameters.mass_kg * asked_mps2, -grip), grip)
        speed_x = max(state.forward_mps - y * state.yaw_rate_radps, 0.05)
        slip = math.atan2(state.lateral_mps + x * state.yaw_rate_radps, speed_x) - angle
        peak = math.sqrt(max(grip * grip - drive * drive, 0.0))
        side = -peak * math.sin(parameters.tyre_shape * math.atan(parameters.tyre_stiffness * slip))
        force_x = drive * math.cos(angle) - side * math.sin(angle)
        force_y = drive * math.sin(angle) + side * math.cos(angle)
        total_x += force_x
        total_y += force_y
        moment += x * force_y - y * force_x
    return total_x, total_y, moment


@njit(cache=True)
def step_vehicle(
    state: Any, parameters: Any, steering_command_rad: float, speed_command_mps: float, dt_s: float
) -> None:
    """Advance one car by one substep, in place.

    Args:
        state: record of `STATE_DTYPE`.
        parameters: record of `PARAMETER_DTYPE`.
        steering_command_rad: commanded wheel angle of the equivalent bicycle, + left.
        speed_command_mps: commanded speed.
        dt_s: substep, at most 1 / `SUBSTEP_RATE_HZ`.
    """
    asked = _actuate(state, parameters, steering_command_rad, speed_command_mps, dt_s)
    force_x, force_y, moment = _tyre_sums(state, parameters, asked)
    speed = state.forward_mps
    accel_x = force_x / parameters.mass_kg + state.yaw_rate_radps * state.lateral_mps
    accel_y = force_y / parameters.mass_kg - state.yaw_rate_radps * speed
    # Kinematic limit: the body point midway between the axles, beta = atan(tan(delta) / 2).
    tangent = math.tan(state.steering_rad)
    forward = max(speed + asked * dt_s, 0.0)
    kinematic_rate = forward * tangent / parameters.wheelbase_m
    kinematic_lateral = 0.5 * parameters.wheelbase_m * kinematic_rate
    blend = min(max((speed - parameters.slip_from_mps) / 0.4, 0.0), 1.0)
    state.forward_mps = max(blend * (speed + accel_x * dt_s) + (1.0 - blend) * forward, 0.0)
    state.lateral_mps = blend * (state.lateral_mps + accel_y * dt_s) + (1.0 - blend) * kinematic_lateral
    rate = state.yaw_rate_radps + moment / parameters.yaw_inertia_kgm2 * dt_s
    state.yaw_rate_radps = blend * rate + (1.0 - blend) * kinematic_rate
    state.yaw_rad += state.yaw_rate_radps * dt_s
    cosine, sine = math.cos(state.yaw_rad), math.sin(state.yaw_rad)
    state.x_m += (state.forward_mps * cosine - state.lateral_mps * sine) * dt_s
    state.y_m += (state.forward_mps * sine + state.lateral_mps * cosine) * dt_s
    state.forward_mps2 = (state.forward_mps - speed) / dt_s
    state.lateral_mps2 = state.yaw_rate_radps * state.forward_mps
    share = 1.0 - math.exp(-dt_s / parameters.body_lag_s)
    # The body leans outwards: turning left (+y acceleration) raises the left side, + roll about x.
    state.roll_rad += (parameters.roll_rad_per_mps2 * state.lateral_mps2 - state.roll_rad) * share
    state.pitch_rad += (-parameters.pitch_rad_per_mps2 * state.forward_mps2 - state.pitch_rad) * share


@njit(cache=True)
def drive_constant(
    state: npt.NDArray[np.void],
    parameters: npt.NDArray[np.void],
    steering_command_rad: float,
    speed_command_mps: float,
    duration_s: float,
) -> None:
    """Hold one command for a while, for measurements and tests; arrays of one row, in place."""
    for _ in range(round(duration_s * SUBSTEP_RATE_HZ)):
        step_vehicle(state[0], parameters[0], steering_command_rad, speed_command_mps, 1.0 / SUBSTEP_RATE_HZ)
