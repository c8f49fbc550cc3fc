"""How fast the simulator is: steps per second beside what others reach, measured in one run.

A step is everything between two decisions: dynamics, place on the track, reward, picture. "Everything on"
means noise `high` through the fish-eye lens, with fresh surroundings drawn for every new episode.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from car.preprocess import HEIGHT, WIDTH
from sim.driving import DrivingBatch
from sim.scenery import OBJECT_NAMES
from sim.simulator import SimConfig

ON = SimConfig(camera="deepracer-wide", noise="high")
OFF = SimConfig(camera="aws", noise="none", vary_vehicle=False)
BATCHES = (1, 8, 64, 256)


@dataclass(frozen=True)
class Measurement:
    """One line of the table."""

    name: str
    per_second: float
    """Best of several windows, wall clock."""


def measure(step: Callable[[], int], *, seconds: float, windows: int = 3) -> float:
    """Return the best rate over a few windows; `step` says how many steps it did."""
    step()
    best = 0.0
    for _ in range(windows):
        done, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds / windows:
            done += step()
        best = max(best, done / (time.perf_counter() - begun))
    return best


def driving(config: SimConfig, cars: int, threads: int) -> Callable[[], int]:
    """Return a function that drives a batch of cars one step at random; finished cars begin anew."""
    batch = DrivingBatch(SimConfig(**{**vars(config), "threads": threads}), n_cars=cars, seed=1)
    generator = np.random.default_rng(0)

    def step() -> int:
        _, _, terminated, truncated = batch.step(generator.integers(0, 9, cars))
        batch.restart(np.flatnonzero(terminated | truncated))
        return cars

    return step


def colour(config: SimConfig, cars: int, threads: int) -> Callable[[], int]:
    """Return a function that renders a batch in colour once."""
    batch = DrivingBatch(SimConfig(**{**vars(config), "threads": threads}), n_cars=cars, seed=1)

    def step() -> int:
        batch.simulator.look_rgb()
        return cars

    return step


def ground_warp() -> Callable[[], int]:
    """Return the floor of what is possible: one OpenCV warp of a texture to a grey picture."""
    texture = np.random.default_rng(0).integers(0, 255, (2048, 2048), np.uint8)
    matrix = np.array([[3.0, 1.2, 200.0], [0.4, 5.0, 100.0], [0.0, 0.002, 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

    def step() -> int:
        for _ in range(100):
            cv2.warpPerspective(texture, matrix, (WIDTH, HEIGHT), flags=flags)
        return 100

    return step


def car_racing() -> Callable[[], int] | None:
    """Return gymnasium's CarRacing-v3, or nothing where its Box2D is not installed."""
    import gymnasium

    try:
        world = gymnasium.make("CarRacing-v3")
        world.reset(seed=0)
    except gymnasium.error.DependencyNotInstalled:
        return None

    def step() -> int:
        _, _, terminated, truncated, _ = world.step(world.action_space.sample())
        if terminated or truncated:
            world.reset()
        return 1

    return step


def run_bench(console: Console, *, seconds: float) -> int:
    """Measure and print everything; ratios first."""
    cv2.setNumThreads(1)
    cores = len(os.sched_getaffinity(0))
    rows = [
        Measurement(f"everything on, {cars} cars, 1 core", measure(driving(ON, cars, 1), seconds=seconds))
        for cars in BATCHES
    ]
    all_cores = measure(driving(ON, 64, cores), seconds=seconds)
    rows += [
        Measurement(f"everything on, 64 cars, {cores} cores", all_cores),
        Measurement("everything off, 64 cars, 1 core", measure(driving(OFF, 64, 1), seconds=seconds)),
        Measurement("pictures in colour, 64 cars, 1 core", measure(colour(ON, 64, 1), seconds=seconds)),
        Measurement("OpenCV ground warp, 1 core", measure(ground_warp(), seconds=seconds)),
    ]
    racing = car_racing()
    if racing is not None:
        rows.append(Measurement("gymnasium CarRacing-v3, 1 core", measure(racing, seconds=seconds)))
    sixty_four = rows[BATCHES.index(64)].per_second
    _print_ratios(console, rows, sixty_four, all_cores, cores, with_racing=racing is not None)
    table = Table(title="Steps per second", box=None)
    table.add_column("")
    table.add_column("steps/s", justify="right")
    for row in rows:
        table.add_row(row.name, f"{row.per_second:,.0f}")
    console.print(table)
    console.print(_objects_table(seconds))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"Memory of this process at its peak, batches up to {BATCHES[-1]} cars: {peak_mb:.0f} MB")
    console.print(f"Start-up to the first step, compiled code at hand: {_start_up_s():.1f} s")
    return 0


def _print_ratios(
    console: Console,
    rows: list[Measurement],
    sixty_four: float,
    all_cores: float,
    cores: int,
    *,
    with_racing: bool,
) -> None:
    ratios = [f"{all_cores / sixty_four:.2f}x on {cores} cores against one"]
    if with_racing:
        ratios.append(f"{sixty_four / rows[-1].per_second:.1f}x CarRacing-v3")
    else:
        ratios.append("CarRacing-v3 not measured: pip install 'gymnasium[box2d]'")
    warp = next(row for row in rows if row.name.startswith("OpenCV"))
    ratios.append(f"{sixty_four / warp.per_second:.2f}x one OpenCV ground warp")
    console.print(
        "Everything on, 64 cars: " + ", ".join(ratios) + ".", soft_wrap=True, highlight=False, markup=False
    )


def _objects_table(seconds: float) -> Table:
    """Measure what more objects cost: the same cars with so many panels each."""
    table = Table(title="Cost of a step against the objects round the track (64 cars, 1 core)", box=None)
    table.add_column("objects", justify="right")
    table.add_column("microseconds", justify="right")
    batch = DrivingBatch(SimConfig(**{**vars(ON), "threads": 1}), n_cars=64, seed=1)
    eyes = batch.simulator.eyes
    scenes = [eyes.scene(car) for car in range(64)]
    for count in (0, 8, 16, 32, len(OBJECT_NAMES)):
        for car, scene in enumerate(scenes):
            scene.objects["visible"] = np.arange(len(OBJECT_NAMES)) < count
            eyes.replace_objects(car, scene.objects)

        def step() -> int:
            batch.simulator.look()
            return 64

        table.add_row(str(count), f"{1e6 / measure(step, seconds=seconds / 2):.0f}")
    return table


def _start_up_s() -> float:
    """Time a fresh process from its start to its first step."""
    code = (
        "import numpy as np; from sim.driving import DrivingBatch; from sim.simulator import SimConfig; "
        "DrivingBatch(SimConfig(camera='deepracer-wide'), n_cars=64, seed=0).step(np.zeros(64, int))"
    )
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begun
