"""What a car is: its parameters, the presets, and how an episode's car is drawn from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from car.errors import Sim2RaceError, unknown_name


@dataclass(frozen=True, kw_only=True)
class VehicleParameters:
    """What a car is; every field can be drawn anew per episode within `VehicleSpread`."""

    wheelbase_m: float = 0.164
    """Distance between the axles (reference: the DeepRacer chassis)."""
    track_width_m: float = 0.160
    """Distance between left and right wheels."""
    mass_kg: float = 1.5
    """Mass of the ready car."""
    yaw_inertia_kgm2: float = 0.020
    """Inertia about the vertical axis."""
    mass_height_m: float = 0.055
    """Height of the centre of mass above the floor."""
    steering_curve_deg: tuple[float, ...] = tuple(30.0 * step / 4 for step in range(-4, 5))
    """Effective wheel angle at -100, -75, ... +100 % of full deflection; its ends are the lock."""
    full_deflection_rad: float = math.radians(20.0)
    """Command that an uncalibrated car turns into 100 %: the community stack's largest angle."""
    calibrated: float = 1.0
    """1 if a calibration undoes the curve, so that the car steers what it is asked for; else 0."""
    steering_gain: float = 1.0
    """Wheel angle over the angle of the curve: an imperfect calibration."""
    steering_trim_rad: float = 0.0
    """Wheel angle added to the curve: an imperfect calibration."""
    steering_lag_s: float = 0.06
    """Time constant of the servo and linkage."""
    steering_rate_radps: float = 6.0
    """Fastest wheel-angle change of the servo."""
    steering_kick_rad: float = 0.0
    """Wheel angle that a new command moves at once, at most: to the derivative part of a controller a step is
    a blow, to which it answers with all the effort that it may use."""
    latency_s: float = 0.03
    """From the picture to the first movement of the servo."""
    latency_jitter_s: float = 0.0
    """Half width of the latency's change from one picture to the next."""
    frame_loss: float = 0.0
    """Share of pictures that never arrive; the one before them is decided on again."""
    speed_lag_s: float = 0.8
    """Time constant of speed towards the command when accelerating."""
    braking_lag_s: float = 0.5
    """Time constant of speed towards the command when slowing down."""
    acceleration_mps2: float = 3.0
    """Largest acceleration the motor gives."""
    braking_mps2: float = 3.0
    """Largest deceleration."""
    speed_gain: float = 1.0
    """Speed reached over speed commanded: battery and surface."""
    slowest_mps: float = 0.0
    """Commands below this do not turn the motor: its dead band."""
    friction: float = 0.75
    """Peak tyre friction coefficient on vinyl or carpet."""
    tyre_stiffness: float = 9.0
    """Pacejka's B: slope of the force curve over the slip angle, 1/rad."""
    tyre_shape: float = 1.4
    """Pacejka's C."""
    slip_from_mps: float = 0.3
    """Speed from which tyres slip; below it the model is the kinematic bicycle."""
    roll_rad_per_mps2: float = 0.004
    """Body roll per lateral acceleration."""
    pitch_rad_per_mps2: float = 0.004
    """Body pitch per longitudinal acceleration."""
    body_lag_s: float = 0.07
    """Time constant of roll and pitch."""


Spread = Mapping[str, float]
"""Half widths of the uniform spread drawn per episode, by name of the parameter; others are fixed."""

# Measured on a physical car by optical tracking, 0.55 to 0.9 m/s; which side is which was not recorded.
MEASURED_CURVE_DEG = (-15.6, -14.5, -12.0, -7.0, -0.7, 4.0, 8.1, 12.2, 14.9)
_REAL_SPREAD: Spread = {
    "steering_gain": 0.08,
    "steering_trim_rad": math.radians(0.7),
    "steering_lag_s": 0.02,
    "latency_s": 0.015,
    "latency_jitter_s": 0.0,
    "speed_lag_s": 0.2,
    "speed_gain": 0.08,
    "friction": 0.12,
}
_REAL = VehicleParameters(steering_curve_deg=MEASURED_CURVE_DEG, slowest_mps=0.3)

VEHICLES: dict[str, tuple[VehicleParameters, Spread]] = {
    # Curve, lock and speed lag: measured on a physical car (0.7 to 1.0 s to 63 % of speed).
    "real-car": (_REAL, _REAL_SPREAD),
    # The same car as the community stack drives it: the largest angle is full lock, the curve stays bent.
    "real-car-uncalibrated": (replace(_REAL, calibrated=0.0), _REAL_SPREAD),
    # Fitted to recorded drives of the reference simulator (`sim2race validate vehicle --trace`). Both
    # hinges of that car take the same angle and scrub; the gain stands for what that costs. Its steering
    # controller has P = 1, D = 0.5 and an effort of 10 N m: a lag of D / P = 0.5 s, and in the one
    # millisecond in which a new command looks like an endless rate, 10 / D x 0.001 = 0.02 rad.
    "aws-v4": (
        VehicleParameters(
            steering_gain=0.66,
            steering_trim_rad=0.012,
            steering_lag_s=0.5,
            steering_rate_radps=100.0,
            steering_kick_rad=0.02,
            latency_s=0.0,
            speed_lag_s=0.2,
            braking_lag_s=0.22,
            acceleration_mps2=3.75,
            braking_mps2=3.5,
            speed_gain=0.98,
            friction=1.0,
            tyre_stiffness=24.0,
            roll_rad_per_mps2=0.0,
            pitch_rad_per_mps2=0.0,
        ),
        {},
    ),
    "aws-v5": (
        VehicleParameters(
            steering_gain=0.6,
            steering_lag_s=0.12,
            steering_rate_radps=100.0,
            latency_s=0.067,
            speed_lag_s=0.05,
            braking_lag_s=0.05,
            acceleration_mps2=6.0,
            braking_mps2=6.0,
            friction=0.5,
            tyre_stiffness=20.0,
            roll_rad_per_mps2=0.0,
            pitch_rad_per_mps2=0.0,
        ),
        {},
    ),
    "ideal": (
        VehicleParameters(
            steering_lag_s=0.0,
            steering_rate_radps=1_000.0,
            latency_s=0.0,
            speed_lag_s=0.0,
            braking_lag_s=0.0,
            acceleration_mps2=50.0,
            braking_mps2=50.0,
            slip_from_mps=1_000.0,
            roll_rad_per_mps2=0.0,
            pitch_rad_per_mps2=0.0,
        ),
        {},
    ),
}

CURVE_POINTS = 9
PARAMETER_DTYPE = np.dtype(
    [
        (field.name, np.float64, (CURVE_POINTS,))
        if field.name == "steering_curve_deg"
        else (field.name, np.float64)
        for field in fields(VehicleParameters)
    ]
)


def vehicle_named(name: str) -> tuple[VehicleParameters, Spread]:
    """Return a preset and its spread.

    Raises:
        UnknownNameError: no preset has that name.
    """
    if name not in VEHICLES:
        raise unknown_name("vehicle preset", name, VEHICLES)
    return VEHICLES[name]


def draw_parameters(
    name: str, generator: np.random.Generator, *, spread: bool, also: Spread | None = None
) -> VehicleParameters:
    """Draw a car of a preset: the preset itself, or one within its spread.

    Args:
        name: name of the preset.
        generator: source of the draw.
        spread: whether the preset's own spread applies.
        also: half widths that add to the preset's spread or replace it, parameter by parameter.

    Raises:
        UnknownNameError: no preset or no parameter has that name.
        Sim2RaceError: a half width reaches beyond a parameter's bounds.
    """
    nominal, _ = vehicle_named(name)
    draws = {
        parameter: getattr(nominal, parameter) + width * generator.uniform(-1.0, 1.0)
        for parameter, width in spread_of(name, spread=spread, also=also).items()
    }
    held = {parameter: max(value, BOUNDS[parameter][0]) for parameter, value in draws.items()}
    return replace(nominal, **held)


def spread_of(name: str, *, spread: bool, also: Spread | None = None) -> dict[str, float]:
    """Return the half widths that a preset's cars are drawn within; arguments and errors as above."""
    nominal, own = vehicle_named(name)
    widths = {**(own if spread else {}), **(also or {})}
    for parameter, width in widths.items():
        if parameter not in BOUNDS:
            raise unknown_name("vehicle parameter", parameter, BOUNDS)
        _check_width(parameter, getattr(nominal, parameter), width)
    return widths


def _check_width(parameter: str, nominal: float, width: float) -> None:
    """Refuse a half width that reaches beyond a parameter's bounds; a bound of 0 holds the draw instead."""
    low, high = BOUNDS[parameter]
    widest = min(high - nominal, nominal - low if low != 0.0 else math.inf)
    # Sums of decimal fractions: what was meant to reach a bound exactly may.
    if not 0.0 <= width <= widest + 1e-9:
        raise Sim2RaceError(
            f"A spread of {parameter} by {width:g} would draw {nominal - width:g} to {nominal + width:g}; "
            f"allowed are {low:g} to {high:g}, so a half width of 0 to {widest:g} around {nominal:g}."
        )


def longest_latency_s(name: str, *, spread: bool, also: Spread | None = None) -> float:
    """Return the longest time from picture to servo that a drawn car may have; arguments as above."""
    nominal, _ = vehicle_named(name)
    widths = spread_of(name, spread=spread, also=also)
    parts = ("latency_s", "latency_jitter_s")
    return float(sum(getattr(nominal, part) + widths.get(part, 0.0) for part in parts))


BOUNDS: dict[str, tuple[float, float]] = {
    "wheelbase_m": (0.1, 0.5),
    "track_width_m": (0.05, 0.3),
    "mass_kg": (0.3, 10.0),
    "yaw_inertia_kgm2": (0.005, 0.5),
    "mass_height_m": (0.0, 0.2),
    "full_deflection_rad": (0.05, 1.0),
    "calibrated": (0.0, 2.0),
    "steering_gain": (0.1, 3.0),
    "steering_trim_rad": (-0.3, 0.3),
    "steering_lag_s": (0.0, 2.0),
    "steering_rate_radps": (0.1, 1_000.0),
    "steering_kick_rad": (0.0, 0.5),
    "latency_s": (0.0, 1.0),
    "latency_jitter_s": (0.0, 1.0),
    "frame_loss": (0.0, 1.0),
    "speed_lag_s": (0.0, 5.0),
    "braking_lag_s": (0.0, 5.0),
    "acceleration_mps2": (0.1, 100.0),
    "braking_mps2": (0.1, 100.0),
    "speed_gain": (0.1, 3.0),
    "slowest_mps": (0.0, 3.0),
    "friction": (0.05, 2.0),
    "tyre_stiffness": (1.0, 50.0),
    "tyre_shape": (0.5, 2.0),
    "slip_from_mps": (0.0, 1_000.0),
    "roll_rad_per_mps2": (0.0, 0.02),
    "pitch_rad_per_mps2": (0.0, 0.02),
    "body_lag_s": (0.005, 2.0),
}
"""Between which values a parameter may be drawn: beyond them the model is no car. Where the lower one is 0,
a draw below it is held there."""


def parameter_row(parameters: VehicleParameters) -> tuple[Any, ...]:
    """Return the parameters as a row of a `PARAMETER_DTYPE` array."""
    return tuple(getattr(parameters, field.name) for field in fields(parameters))
