"""`sim2race bench`: the product's figures, measured on the machine at hand."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from car.errors import Sim2RaceError
from car.policy import Policy


@dataclass(frozen=True, kw_only=True)
class BenchSim:
    """The simulator: steps per second, by number of cars and cores, and memory."""

    seconds: float = 3.0
    """Time spent on each line."""


@dataclass(frozen=True, kw_only=True)
class BenchLearner:
    """The learner: trainings that differ in one setting each."""

    steps: int = 12_288
    """Length of each training."""
    seeds: int = 1
    """Trainings of each variant."""
    seed: int = 1
    """Of the first training of each variant."""
    laps: bool = False
    """Train with the teacher, and drive greedily at the end, to see what speed costs."""
    only: tuple[str, ...] = ()
    """Names of variants, such as pool-4; all by default."""
    folder: Path = Path("runs/bench-learner")
    """Where the trainings are kept, and learner.md; what is there is not measured again."""


@dataclass(frozen=True, kw_only=True)
class BenchConsole:
    """The console: opening a log, heat maps and video."""

    minutes: float = 10.0
    """Length of the log."""
    seconds: float = 3.0
    """Time spent on each line."""


@dataclass(frozen=True, kw_only=True)
class BenchPage:
    """The console's pages in a browser: first view, scrubbing, live."""

    minutes: float = 10.0
    """Length of the log."""
    seconds: float = 3.0
    """Time that the live page is watched."""


@dataclass(frozen=True, kw_only=True)
class BenchCar:
    """The car's node graph: how old a frame is when it moves the car, over a drive of minutes."""

    minutes: float = 10.0
    """Length of the drive."""
    policy: Path | None = None
    """What drives the car; an untrained network if none."""
    fps: float = 30.0
    """Camera of the car, frames per second."""
    load: bool = False
    """Let another program keep one core busy meanwhile."""
    markdown: Path | None = None
    """Write the tables here, too."""


@dataclass(frozen=True, kw_only=True)
class BenchFaults:
    """The car's faults: how soon both pulses are neutral after each of them."""

    trials: int = 20
    """How often every fault is brought about."""
    only: tuple[str, ...] = ()
    """Names of faults, such as camera-frozen; all by default."""
    policy: Path | None = None
    """What drives the car; an untrained network if none."""
    markdown: Path | None = None
    """Write the table here, too."""


@dataclass(frozen=True, kw_only=True)
class BenchFuzz:
    """Damaged and hostile files, opened by the console: anything but a refusal is a fault."""

    files: int = 10_000
    """How many."""
    seed: int = 1
    """Of all of them."""
    report: Path | None = None
    """Where what was found is kept; a run that was stopped goes on from there."""


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Measure how fast a part is on this machine."""

    what: Annotated[
        Annotated[BenchSim, tyro.conf.subcommand("sim", prefix_name=False)]
        | Annotated[BenchLearner, tyro.conf.subcommand("learner", prefix_name=False)]
        | Annotated[BenchConsole, tyro.conf.subcommand("console", prefix_name=False)]
        | Annotated[BenchPage, tyro.conf.subcommand("page", prefix_name=False)]
        | Annotated[BenchCar, tyro.conf.subcommand("car", prefix_name=False)]
        | Annotated[BenchFaults, tyro.conf.subcommand("faults", prefix_name=False)]
        | Annotated[BenchFuzz, tyro.conf.subcommand("fuzz", prefix_name=False)],
        tyro.conf.arg(name=""),
    ] = BenchSim()
    """What to measure; each has options of its own: sim2race bench faults --help"""


def run(config: BenchConfig) -> int:
    """Measure and print.

    Raises:
        Sim2RaceError: a number is not above 0, or a package is missing.
    """
    bench = config.what
    for name in ("seconds", "minutes", "fps", "trials", "files", "steps", "seeds"):
        number = getattr(bench, name, None)
        if number is not None and not number > 0:
            raise Sim2RaceError(f"--{name} is {number}; expected a number above 0.")
    if isinstance(bench, BenchConsole):
        return _bench_console(bench)
    if isinstance(bench, BenchPage):
        return _bench_page(bench)
    if isinstance(bench, BenchCar | BenchFaults):
        return _bench_graph(bench)
    if isinstance(bench, BenchFuzz):
        return _bench_fuzz(bench)
    if isinstance(bench, BenchLearner):
        return _bench_learner(bench)
    from sim.bench import run_bench

    return run_bench(Console(), seconds=bench.seconds)


def _bench_learner(config: BenchLearner) -> int:
    """Measure trainings that differ in one setting each."""
    try:
        from training.learner_bench import LearnerBench, run_learner_bench
        from training.train_config import TrainConfig
    except ModuleNotFoundError as error:
        raise Sim2RaceError(
            f"needs the package {error.name!r}; install it with: pip install 'sim2race[train]'."
        ) from error

    bench = LearnerBench(
        folder=config.folder,
        steps=config.steps,
        seeds=config.seeds,
        laps=config.laps,
        only=config.only,
        base=TrainConfig(seed=config.seed),
    )
    return run_learner_bench(Console(), bench)


def _bench_console(config: BenchConsole) -> int:
    """Measure the console, with heat maps of untrained networks: speed does not depend on the weights."""
    from analysis.bench import run_bench

    with tempfile.TemporaryDirectory(prefix="sim2race-bench-") as folder:
        policies = {name: _untrained_policy(Path(folder), name) for name in ("small", "deepracer")}
        return run_bench(Console(), minutes=config.minutes, seconds=config.seconds, policies=policies)


def _bench_page(config: BenchPage) -> int:
    """Measure the console's pages in the browser, with heat maps of an untrained network."""
    try:
        from analysis.console.page_bench import run_page_bench
    except ImportError as error:
        raise Sim2RaceError(f"Measuring pages needs playwright ({error}); run make setup.") from error

    with tempfile.TemporaryDirectory(prefix="sim2race-bench-") as folder:
        policy = _untrained_policy(Path(folder), "small")
        return run_page_bench(Console(), minutes=config.minutes, policy=policy, seconds=config.seconds)


def _bench_graph(config: BenchCar | BenchFaults) -> int:
    """Measure the running node graph, with a policy file of its own, because one of the faults damages it."""
    try:
        from sim2race_car.bench_car import run_car
        from sim2race_car.bench_faults import run_faults
    except ImportError as error:
        raise Sim2RaceError(f"ROS 2 is missing ({error}); run make setup, or source your ROS 2.") from error
    with tempfile.TemporaryDirectory(prefix="sim2race-bench-") as folder:
        if config.policy is None:
            policy = _untrained_policy(Path(folder), "small")
        else:
            Policy.load(config.policy)
            policy = Path(shutil.copy(config.policy, Path(folder) / "policy.onnx"))
        if isinstance(config, BenchCar):
            return run_car(
                Console(),
                policy,
                duration_s=config.minutes * 60.0,
                fps=config.fps,
                load=config.load,
                markdown_file=config.markdown,
            )
        return run_faults(
            Console(), policy, trials=config.trials, only=config.only, markdown_file=config.markdown
        )


def _bench_fuzz(config: BenchFuzz) -> int:
    """Open damaged and hostile files by the thousand; 1 if anything but a refusal came of one."""
    from analysis.fuzz import run_fuzz

    with tempfile.TemporaryDirectory(prefix="sim2race-bench-") as folder:
        policy = _untrained_policy(Path(folder), "small")
        return run_fuzz(Console(), policy=policy, files=config.files, seed=config.seed, report=config.report)


def _untrained_policy(folder: Path, network: str) -> Path:
    """Export a network with the weights it is born with."""
    import numpy as np
    from gymnasium import spaces

    from car.action_space import default_action_space
    from car.policy_metadata import PolicyMetadata
    from training.export import export_policy
    from training.networks import CameraFeatures, CameraPolicy

    space = default_action_space()
    policy = CameraPolicy(
        spaces.Box(0, 255, (1, 120, 160), np.uint8),
        spaces.Discrete(space.size),
        lambda _: 0.0,
        features_extractor_class=CameraFeatures,
        features_extractor_kwargs={"network": network},
        net_arch=[],
    )
    metadata = PolicyMetadata(
        name=f"untrained-{network}",
        action_space=space,
        network=network,
        seed=0,
        tracks=(),
        steps=0,
        git_revision="",
        trained_at="",
    )
    export_policy(policy, folder / f"{network}.onnx", metadata=metadata)
    return folder / f"{network}.onnx"
