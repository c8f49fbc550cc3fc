"""`sim2race bench`: the product's figures, measured on the machine at hand."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Measure how fast a part is on this machine."""

    what: Annotated[Literal["sim", "console"], tyro.conf.Positional] = "sim"
    """What to measure."""
    seconds: float = 3.0
    """Time spent on each line."""
    minutes: float = 10.0
    """Length of the log that the console opens."""


def run(config: BenchConfig) -> int:
    """Measure and print."""
    if config.what == "console":
        return _bench_console(config)
    from sim.bench import run_bench

    return run_bench(Console(), seconds=config.seconds)


def _bench_console(config: BenchConfig) -> int:
    """Measure the console, with heat maps of untrained networks: speed does not depend on the weights."""
    from analysis.bench import run_bench

    with tempfile.TemporaryDirectory(prefix="sim2race-bench-") as folder:
        policies = {name: _untrained_policy(Path(folder), name) for name in ("small", "deepracer")}
        return run_bench(Console(), minutes=config.minutes, seconds=config.seconds, policies=policies)


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
