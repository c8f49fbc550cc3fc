"""How fast the simulator is: steps per second beside what others reach, measured in one run.

A step is everything between two decisions: dynamics, place on the track, reward, picture. "Everything on"
means noise `high` through the fish-eye lens, with fresh surroundings drawn for every new episode.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from car.preprocess import HEIGHT, WIDTH
from sim.driving import DrivingBatch
from sim.motion import IN_PROGRESS
from sim.scenery import OBJECT_NAMES
from sim.simulator import SimConfig

ON = SimConfig(camera="deepracer-wide", noise="high")
OFF = SimConfig(camera="aws", noise="none", vary_vehicle=False)
BATCHES = (1, 8, 64, 256)
WINDOWS = 5
"""Windows of which the best counts."""
_PREPARED = """
import cv2
from car.memory import peak_mib
from sim.bench import ON, driving, measure
cv2.setNumThreads(1)
"""
"""How a process begins that measures something by itself."""


@dataclass(frozen=True)
class Measurement:
    """One line of the table."""

    name: str
    per_second: float
    """Best of several windows, wall clock."""


def measure(step: Callable[[], int], *, seconds: float) -> float:
    """Return the best rate over `WINDOWS` windows; `step` says how many steps it did."""
    return measure_in_turns([step], seconds=seconds)[0]


def measure_in_turns(steps: Sequence[Callable[[], int]], *, seconds: float) -> list[float]:
    """Return the best rate of each over `WINDOWS` windows, which take turns, as a machine's speed drifts.

    Args:
        steps: what to compare; each says how many steps it did.
        seconds: spent on each.
    """
    for step in steps:
        step()
    best = [0.0] * len(steps)
    for _ in range(WINDOWS):
        for number, step in enumerate(steps):
            done, begun = 0, time.perf_counter()
            while time.perf_counter() - begun < seconds / WINDOWS:
                done += step()
            best[number] = max(best[number], done / (time.perf_counter() - begun))
    return best


def driving(config: SimConfig, cars: int, threads: int, *, in_colour: bool = False) -> Callable[[], int]:
    """Return a function that drives a batch of cars one step at random; finished cars begin anew.

    Args:
        config: what is simulated.
        cars: size of the batch.
        threads: that share it.
        in_colour: take the cars' own pictures, in colour, in place of what a policy sees.
    """
    batch = DrivingBatch(SimConfig(**{**vars(config), "threads": threads}), n_cars=cars, seed=1)
    simulator = batch.simulator
    generator = np.random.default_rng(0)

    def step() -> int:
        _, _, terminated, truncated = batch.step(generator.integers(0, 9, cars))
        batch.restart(np.flatnonzero(terminated | truncated))
        return cars

    def step_in_colour() -> int:
        simulator.step(batch.commands(generator.integers(0, 9, cars)))
        simulator.look_rgb()
        simulator.reset(np.flatnonzero(simulator.places["status"] != IN_PROGRESS))
        return cars

    return step_in_colour if in_colour else step


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
        with warnings.catch_warnings():
            # Box2D's bindings are older than the Python they run on.
            warnings.simplefilter("ignore", DeprecationWarning)
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


def side_by_side(processes: int, *, seconds: float) -> float:
    """Return the rates of so many processes at the same time, added up, each with 64 cars and one thread.

    They share nothing but the machine, and each counts its own best window like every line here: threads
    that share a batch can hardly be faster.
    """
    code = f"print(measure(driving(ON, 64, 1), seconds={seconds}))"
    command = [sys.executable, "-c", _PREPARED + code]
    begun = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    rates = [float(process.communicate()[0]) for process in begun]
    return sum(rates)


def run_bench(console: Console, *, seconds: float) -> int:
    """Measure and print everything; ratios first."""
    cv2.setNumThreads(1)
    cores = len(os.sched_getaffinity(0))
    alone, together = {}, {}
    for cars in BATCHES:
        both = [driving(ON, cars, threads) for threads in (1, cores)]
        alone[cars], together[cars] = measure_in_turns(both, seconds=seconds)
    coloured = measure(driving(ON, 64, 1, in_colour=True), seconds=seconds)
    others = [
        Measurement("everything off, 64 cars", measure(driving(OFF, 64, 1), seconds=seconds)),
        Measurement("everything on, in colour, 64 cars", coloured),
        Measurement("OpenCV ground warp", measure(ground_warp(), seconds=seconds)),
    ]
    racing = car_racing()
    if racing is not None:
        others.append(Measurement("gymnasium CarRacing-v3", measure(racing, seconds=seconds)))
    ratios = _ratios(alone[64], together[64], cores, others, with_racing=racing is not None)
    console.print(f"Everything on, 64 cars: {ratios}.", soft_wrap=True, highlight=False, markup=False)
    table = Table(title="Steps per second, everything on", box=None)
    for heading in ("cars", "1 core", f"{cores} cores", "ratio"):
        table.add_column(heading, justify="right")
    for cars in BATCHES:
        ratio = together[cars] / alone[cars]
        table.add_row(str(cars), f"{alone[cars]:,.0f}", f"{together[cars]:,.0f}", f"{ratio:.2f}")
    console.print(table)
    apart = side_by_side(cores, seconds=seconds)
    console.print(
        f"What the cores give: {cores} processes side by side, 64 cars and one thread each, "
        f"{apart:,.0f} steps/s, {apart / alone[64]:.2f}x",
        soft_wrap=True,
    )
    table = Table(title="Per second on 1 core", box=None)
    table.add_column("")
    table.add_column("", justify="right")
    for row in others:
        table.add_row(row.name, f"{row.per_second:,.0f}")
    console.print(table)
    console.print(_objects_table(seconds))
    console.print(
        f"Memory of a process with {BATCHES[-1]} cars: {_memory_mib(BATCHES[-1]):.0f} MiB at the peak"
    )
    console.print(f"Start-up to the first step, compiled code at hand: {_start_up_s():.1f} s")
    return 0


def _ratios(
    alone: float, together: float, cores: int, others: list[Measurement], *, with_racing: bool
) -> str:
    ratios = [f"{together / alone:.2f}x on {cores} cores against one"]
    if with_racing:
        ratios.append(f"{alone / others[-1].per_second:.1f}x CarRacing-v3")
    else:
        ratios.append("CarRacing-v3 not measured: pip install 'gymnasium[box2d]'")
    warp = next(row for row in others if row.name.startswith("OpenCV"))
    ratios.append(f"{alone / warp.per_second:.2f}x one OpenCV ground warp")
    return ", ".join(ratios)


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


def _memory_mib(cars: int) -> float:
    """Return the most memory that a process of its own takes to drive a batch on all cores."""
    code = f"step = driving(ON, {cars}, 0)\nfor _ in range(100): step()\nprint(peak_mib())"
    command = [sys.executable, "-c", _PREPARED + code]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _start_up_s() -> float:
    """Time a fresh process from its start to its first step."""
    code = (
        "import numpy as np; from sim.driving import DrivingBatch; from sim.simulator import SimConfig; "
        "DrivingBatch(SimConfig(camera='deepracer-wide'), n_cars=64, seed=0).step(np.zeros(64, int))"
    )
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begun
