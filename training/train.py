"""`sim2race train`: from nothing to `policy.onnx`, or on from where a run was killed."""

from __future__ import annotations

from rich.console import Console

from training.assembly import open_run
from training.session import FINISHED, STOPPED, training_session
from training.train_config import TrainConfig
from training.trainer import Trainer, TrainResult

__all__ = ["TrainConfig", "TrainResult", "run", "train"]


def run(config: TrainConfig) -> int:
    """Train as `config` says and print what came of it."""
    console = Console()
    result = train(config, console=console)
    console.print(
        f"{result.reason} {result.steps:,} steps in {result.seconds:.0f} s. Wrote {result.policy}.",
        highlight=False,
        soft_wrap=True,
    )
    if result.interrupted:
        console.print(f"To go on: sim2race train --resume {result.folder}", highlight=False, soft_wrap=True)
        return 130
    return 0


def train(config: TrainConfig, *, console: Console | None = None) -> TrainResult:
    """Train a policy, or go on with `config.resume`, and export the best snapshot.

    Raises:
        Sim2RaceError: a name in the configuration does not exist, a file cannot be read or written, another
            process trains the same run, or training diverged.
    """
    folder, resolved = open_run(config)
    with training_session(folder) as session:
        result = Trainer(resolved, folder, console=console or Console()).train()
        session.end(STOPPED if result.interrupted else FINISHED, result.reason)
    return result
