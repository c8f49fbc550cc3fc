"""Rendered drives: a car that weaves along a track, as its camera sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.simulator import SimConfig, Simulator
from sim.track import Track, load_track

WAVE_PER_M = 4.0
RATE_HZ = 30.0


@dataclass(frozen=True)
class RenderedDrive:
    """Pictures and the truth about them."""

    track: Track
    pictures: list[NDArray[np.uint8]]
    arc_m: NDArray[np.float64]
    lateral_m: NDArray[np.float64]
    heading_rad: NDArray[np.float64]
    poses: NDArray[np.float64]


def render_drive(
    track_name: str, *, noise: str, frames: int, weave_m: float = 0.05, speed_mps: float = 1.2, seed: int = 3
) -> RenderedDrive:
    """Render a car that weaves about the centre line, by a sine of 1.6 m."""
    config = SimConfig(
        tracks=(track_name,), directions=("counter-clockwise",), noise=noise, vary_vehicle=False
    )
    simulator = Simulator(config, n_cars=1, seed=seed)
    track = load_track(track_name)
    driven = np.arange(frames, dtype=np.float64) * speed_mps / RATE_HZ
    lateral = weave_m * np.sin(driven * WAVE_PER_M)
    heading = np.arctan(weave_m * WAVE_PER_M * np.cos(driven * WAVE_PER_M))
    pictures, poses = [], []
    for at, aside, turned in zip(driven, lateral, heading, strict=True):
        x_m, y_m, yaw_rad = track.pose_at(at % track.length_m, aside)
        simulator.set_pose(0, x_m, y_m, yaw_rad + turned)
        pictures.append(simulator.look_rgb()[0])
        poses.append((x_m, y_m, yaw_rad + turned))
    return RenderedDrive(track, pictures, np.mod(driven, track.length_m), lateral, heading, np.array(poses))
