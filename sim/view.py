"""`sim2race view`: what the simulator looks like, as pictures to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track as progress

from car.action_space import DiscreteActionSpace
from car.policy import Policy
from sim.driving import DrivingBatch
from sim.motion import LAP_COMPLETE, OFF_TRACK, STATUSES
from sim.pictures import CAPTION_HEIGHT, Image, MapPicture, caption, contact_sheet, save_picture, save_video
from sim.pilot import pursue
from sim.simulator import SimConfig, Simulator
from sim.view_sheets import effect_sheet, kind_sheet, level_sheet, seed_sheet

ZOOM = 3
SHEETS = {"levels": level_sheet, "effects": effect_sheet, "kinds": kind_sheet, "seeds": seed_sheet}
SHEET_TITLES = {
    "levels": "every level of visual noise at the same places",
    "effects": "each effect of light, lens, sensor, mount and floor by itself",
    "kinds": "each kind of object where it shows most, and the same place without it",
    "seeds": "the same pose under ten seeds",
}


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """Pictures of a track and its surroundings."""

    track: str = "forever-raceway"
    """Built-in name or path of a `.npy` route file."""
    direction: str = "counter-clockwise"
    """counter-clockwise or clockwise."""
    noise: str = "high"
    """Visual noise: none, low, high or unseen."""
    vehicle: str = "real-car"
    """Vehicle preset: real-car, real-car-uncalibrated, aws-v4, aws-v5 or ideal."""
    camera: str = "aws"
    """Camera preset, aws, deepracer-wide or pi-wide, or a calibration file that OpenCV or ROS wrote."""
    seed: int = 1
    """Seed of the surroundings."""
    policy: Path | None = None
    """Policy that drives the lap video; without one, a driver that knows the road."""
    hide: tuple[str, ...] = ()
    """Objects or kinds to hide, such as wall, lamp-0 or center-line."""
    video: bool = True
    """Also drive a lap and write it as mp4."""
    output: Path = Path("runs/view")
    """Folder for the pictures."""


def run(config: ViewConfig) -> int:
    """Write the sheets, the map and the lap, and say where."""
    console = Console()
    save_picture(config.output / "cameras.png", camera_sheet(config))
    console.print(f"Wrote {config.output / 'cameras.png'}: 16 cars, each in its own surroundings.")
    for name, draw in SHEETS.items():
        save_picture(config.output / f"{name}.png", draw(_world(config), config.seed))
        console.print(f"Wrote {config.output / f'{name}.png'}: {SHEET_TITLES[name]}.")
    policy = Policy.load(config.policy) if config.policy is not None else None
    batch = _lap_batch(config, policy)
    save_picture(config.output / "map.png", scene_map(batch.simulator).image)
    console.print(f"Wrote {config.output / 'map.png'}: the track from above, with its surroundings.")
    if config.video:
        path = config.output / "lap.mp4"
        rate_hz = round(batch.simulator.config.control_rate_hz)
        frames = save_video(path, _lap_frames(config, batch, policy), rate_hz)
        status = STATUSES[int(batch.simulator.places["status"][0])]
        console.print(f"Wrote {path}: {frames} frames, {status.replace('_', ' ')}.")
    return 0


def camera_sheet(config: ViewConfig, count: int = 16) -> Image:
    """Return what the cameras of differently seeded cars see at places round the track."""
    simulator = Simulator(replace(_world(config), start="anywhere"), n_cars=count, seed=config.seed)
    _hide(config, simulator)
    return contact_sheet(
        list(simulator.look_rgb()),
        columns=4,
        captions=[f"seed {config.seed}, car {car}" for car in range(count)],
    )


def scene_map(simulator: Simulator, car: int = 0) -> MapPicture:
    """Return a car's track from above with what stands round it."""
    picture = MapPicture(simulator.route_of(car))
    picture.add_scene(simulator.eyes.scene(car))
    return picture


def _world(config: ViewConfig) -> SimConfig:
    return SimConfig(
        tracks=(config.track,),
        directions=(config.direction,),
        noise=config.noise,
        vehicle=config.vehicle,
        camera=config.camera,
    )


def _lap_batch(config: ViewConfig, policy: Policy | None) -> DrivingBatch:
    """Return a car on the start line that sees and remembers what the policy needs."""
    batch = DrivingBatch(
        replace(_world(config), start="line"),
        n_cars=1,
        seed=config.seed,
        action_space=policy.action_space if policy is not None else None,
        frames=policy.frames if policy is not None else 1,
        history=policy.history if policy is not None else 0,
    )
    _hide(config, batch.simulator)
    batch.look_afresh()
    return batch


def _hide(config: ViewConfig, simulator: Simulator) -> None:
    for pattern in config.hide:
        simulator.set_visible(pattern, visible=False)


def _lap_frames(config: ViewConfig, batch: DrivingBatch, policy: Policy | None) -> Iterator[Image]:
    """Drive a lap and yield camera and map side by side."""
    simulator = batch.simulator
    picture = scene_map(simulator)
    limit = round(simulator.config.max_episode_s * simulator.config.control_rate_hz)
    path: list[tuple[float, float]] = []
    for _ in progress(range(limit), description="Driving a lap", transient=True):
        command = pursue(simulator, speed_mps=1.2) if policy is None else _decide(policy, batch)
        batch.drive(command.astype(np.float32))
        if policy is not None:
            batch.observe()
        state = simulator.states[0]
        path.append((float(state["x_m"]), float(state["y_m"])))
        picture.add_path(np.array(path[-2:]))
        yield _beside(simulator, picture, command[0])
        if int(simulator.places["status"][0]) in (LAP_COMPLETE, OFF_TRACK):
            return


def _decide(policy: Policy, batch: DrivingBatch) -> npt.NDArray[np.float32]:
    """Return the command (1, 2) of a policy for what its car sees and remembers."""
    output = policy.act(batch.pictures[0], batch.history[0] if policy.history else None)
    space = policy.action_space
    return batch.commands(
        np.array([space.choose(output)]) if isinstance(space, DiscreteActionSpace) else output[None]
    )


def _beside(
    simulator: Simulator, picture: MapPicture, command: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> Image:
    state, place = simulator.states[0], simulator.places[0]
    camera = cv2.resize(simulator.look_rgb()[0], None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC)
    above = picture.with_car(float(state["x_m"]), float(state["y_m"]), float(state["yaw_rad"]))
    height = camera.shape[0]
    aside = cv2.resize(
        above, (above.shape[1] * height // above.shape[0] // 2 * 2, height), interpolation=cv2.INTER_AREA
    )
    text = (
        f"{place['lap_time_s']:5.2f} s  {place['progress']:5.1f} %  {state['forward_mps']:.2f} m/s  "
        f"steering {np.degrees(command[0]):+.1f} deg"
    )
    frame = caption(np.hstack([camera, aside]).astype(np.uint8), text)
    assert frame.shape[0] % 2 == CAPTION_HEIGHT % 2 == 0
    return frame
