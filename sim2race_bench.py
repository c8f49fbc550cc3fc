"""`sim2race bench`: the product's figures, measured on the machine at hand."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from car.errors import Sim2RaceError
from car.policy import Policy


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Measure how fast a part is on this machine."""

    what: Annotated[
        Literal["sim", "learner", "console", "page", "car", "faults", "fuzz"], tyro.conf.Positional
    ] = "sim"
    """What to measure."""
    seconds: float = 3.0
    """Time spent on each line."""
    minutes: float = 10.0
    """Length of the log that the console opens, and of the drive of the car."""
    policy: Path | None = None
    """What drives the car; an untrained network if none."""
    fps: float = 30.0
    """Camera of the car, frames per second."""
    load: bool = False
    """Let another program keep one core busy while the car drives."""
    trials: int = 20
    """How often every fault of the car is brought about."""
    only: tuple[str, ...] = ()
    """Names of faults, or of the learner's variants, such as pool-4; all by default."""
    files: int = 10_000
    """Damaged and hostile files that the console is made to open."""
    seed: int = 1
    """Of those files, or of the learner's first training."""
    steps: int = 12_288
    """Length of each of the learner's trainings."""
    seeds: int = 1
    """Trainings of each variant of the learner."""
    laps: bool = False
    """Train the learner with its teacher, and drive greedily at the end, to see what speed costs."""
    folder: Path = Path("runs/bench-learner")
    """Where the learner's trainings are kept, and learner.md; what is there is not measured again."""
    report: Path | None = None
    """Where a run over damaged files keeps what it has found; one that was stopped goes on from there."""
    markdown: Path | None = None
    """Write the table of car or faults here, too."""


def run(config: BenchConfig) -> int:
    """Measure and print.

    Raises:
        Sim2RaceError: a number is not above 0, or a package is missing.
    """
    for name in ("seconds", "minutes", "fps", "trials", "files", "steps", "seeds"):
        number = getattr(config, name)
        if not number > 0:
            raise Sim2RaceError(f"--{name} is {number}; expected a number above 0.")
    if config.what == "console":
        return _bench_console(config)
    if config.what == "page":
        return _bench_page(config)
    if config.what in ("car", "faults"):
        return _bench_graph(config)
    if config.what == "fuzz":
        return _bench_fuzz(config)
    if config.what == "learner":
        return _bench_learner(config)
    from sim.bench import run_bench

    return run_bench(Console(), seconds=config.seconds)


def _bench_learner(config: BenchConfig) -> int:
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


def _bench_console(config: BenchConfig) -> int:
    """Measure the console, with heat maps of untrained networks: speed does not depend on the weights."""
    from analysis.bench import run_bench

    with tempfile.TemporaryDirectory(prefix="sim2race-bench-") as folder:
        policies = {name: _untrained_policy(Path(folder), name) for name in ("small", "deepracer")}
        return run_bench(Console(), minutes=config.minutes, seconds=config.seconds, policies=policies)


def _bench_page(config: BenchConfig) -> int:
    """Measure the console's pages in the browser, with heat maps of an untrained network."""
    try:
        from analysis.console.page_bench import run_page_bench
    except ImportError as error:
        raise Sim2RaceError(f"Measuring pages needs playwright ({error}); run make setup.") from error

    with tempfile.TemporaryDirectory(prefix="sim2race-bench-") as folder:
        policy = _untrained_policy(Path(folder), "small")
        return run_page_bench(Console(), minutes=config.minutes, policy=policy, seconds=config.seconds)


def _bench_graph(config: BenchConfig) -> int:
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
        if config.what == "car":
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


def _bench_fuzz(config: BenchConfig) -> int:
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
