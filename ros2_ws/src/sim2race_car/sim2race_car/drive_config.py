"""What `sim2race drive` is told, and what the nodes of its graph are told of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from car.calibration_store import UNITS
from car.errors import Sim2RaceError, unknown_name
from car.node_graph import Value
from car.policy import Policy


@dataclass(frozen=True)
class DriveConfig:
    """Drive a policy around a track, in the same processes as on the car."""

    policy: Path | None = None
    """Policy file to drive; without one the chosen model, or the policy that comes with sim2race. A replay
    takes the log's own."""
    replay: Path | None = None
    """Car log whose frames are replayed in place of a simulated car; track and laps do not count then."""
    track: str = "forever-raceway"
    """Built-in track, or a DeepRacer route file (.npy)."""
    direction: str = "counter-clockwise"
    """counter-clockwise or clockwise."""
    laps: int = 1
    """Laps to drive; 0 drives until the time is over."""
    duration_s: float = 180.0
    """Longest drive."""
    noise: str = "high"
    """Visual noise of the simulated camera: none, low, high or unseen."""
    vehicle: str = "real-car"
    """Preset of the simulated car: real-car, real-car-uncalibrated, aws-v4, aws-v5 or ideal."""
    camera: str | None = None
    """Camera of the simulated car: aws, deepracer-wide, pi-wide or a calibration file; without one, the
    camera that the policy was trained with."""
    vary_vehicle: bool = False
    """Draw the simulated car within its preset's spread."""
    redraw_every_s: float = 0.0
    """Re-draw the surroundings every so many seconds; 0 whenever the car is put on the start line."""
    seed: int = 1
    """Seed of everything random in the simulated car."""
    fps: float = 30.0
    """Camera frames per second."""
    logs: Path = Path("runs/logs")
    """Folder for the car log."""
    calibration: Path | None = None
    """Calibration file; the factory's values without one."""
    mapping: str = UNITS
    """units takes the policy's radians and m/s at their word; community drives as their stack would."""
    max_speed_percent: float = 50.0
    """Maximum speed of the community's mapping."""
    resume: bool = True
    """Arm again after a safety stop, as a person beside the track would; the stops are counted."""


def check_config(config: DriveConfig) -> None:
    """Refuse what no drive can be made of, before any process has started or any log has begun.

    Raises:
        Sim2RaceError: a number is out of range, or nothing is called so.
    """
    for is_right, option, value, expected in (
        (config.laps >= 0, "--laps", config.laps, "0 (as many as the time allows) or more"),
        (config.duration_s > 0.0, "--duration-s", config.duration_s, "seconds above 0"),
        (config.redraw_every_s >= 0.0, "--redraw-every-s", config.redraw_every_s, "0 or more seconds"),
        (config.seed >= 0, "--seed", config.seed, "0 or more"),
        (0.0 < config.fps < math.inf, "--fps", config.fps, "frames per second above 0"),
    ):
        if not is_right:
            raise Sim2RaceError(f"{option} is {value:g}; expected {expected}.")
    if config.replay is None:
        _check_names(config)


def _check_names(config: DriveConfig) -> None:
    # A car has no simulator; only who simulates one looks its names up.
    from sim.scenery import NOISE_LEVELS
    from sim.track import load_track
    from sim.vehicle_parameters import vehicle_named

    load_track(config.track, config.direction)
    if config.noise not in NOISE_LEVELS:
        raise unknown_name("noise level", config.noise, NOISE_LEVELS)
    vehicle_named(config.vehicle)


def graph_arguments(config: DriveConfig, policy: Policy, chip: Path) -> dict[str, Value]:
    """Return what the nodes of a drive are told.

    Args:
        config: what to drive, where, how far.
        policy: what decides; the simulated car looks through its camera unless another is named.
        chip: folder that pulses go to.
    """
    return {
        "policy": str(policy.path.resolve()),
        "replay": str(config.replay.resolve()) if config.replay else "",
        "mapping": config.mapping,
        "max_speed_percent": config.max_speed_percent,
        "calibration": str(config.calibration.resolve()) if config.calibration else "",
        "pwm_root": str(chip),
        "output_path": str(config.logs.resolve()),
        "track": config.track,
        "direction": config.direction,
        "noise": config.noise,
        "vehicle": config.vehicle,
        "sim_camera": config.camera if config.camera is not None else policy.metadata.camera,
        "vary_vehicle": config.vary_vehicle,
        "redraw_every_s": config.redraw_every_s,
        "seed": config.seed,
        "fps": config.fps,
    }
