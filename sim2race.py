"""The command line: a table of subcommands, each a config dataclass and a function that runs it.

Parts are imported only when asked for, so that a car without PyTorch can still drive, and `--help`
answers at once.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import tyro
from rich.console import Console
from rich.table import Table

from car.errors import Sim2RaceError, unknown_name


@dataclass(frozen=True)
class Subcommand:
    """One row of the table."""

    module: str
    """Where `config` and `run` live."""
    config: str
    """Name of the config dataclass; `run(config)` returns the exit status."""
    about: str
    """One line for the table of contents."""
    extra: str
    """Optional dependencies it needs, as in `pip install 'sim2race[train]'`."""


SUBCOMMANDS: dict[str, Subcommand] = {
    "demo": Subcommand(
        "sim2race_demo",
        "DemoConfig",
        "The whole loop: train, export, drive in ROS 2, log, replay in the browser",
        "train",
    ),
    "tracks": Subcommand("sim.tracks_command", "TracksConfig", "List the tracks, or describe one", "sim"),
    "limit": Subcommand(
        "sim.limit_command", "LimitConfig", "The fastest lap that a car's physics allow, and its line", "sim"
    ),
    "view": Subcommand("sim.view", "ViewConfig", "Pictures of a track: camera sheet, map, lap video", "sim"),
    "validate": Subcommand(
        "sim.validate",
        "ValidateConfig",
        "Hold the vehicle model to measurements, as tables and a picture",
        "sim",
    ),
    "bench": Subcommand("sim2race_bench", "BenchConfig", "Measure how fast a part is on this machine", "sim"),
    "train": Subcommand("training.train", "TrainConfig", "Train a policy in the simulator", "train"),
    "sweep": Subcommand(
        "training.sweep",
        "SweepConfig",
        "Train combinations of settings and seeds, several at a time",
        "train",
    ),
    "evaluate": Subcommand(
        "training.evaluate", "EvaluateConfig", "Drive a policy greedily, as a table", "train"
    ),
    "runs": Subcommand("training.runs_command", "RunsConfig", "Compare training runs in a table", "train"),
    "exam": Subcommand(
        "analysis.exam_command", "ExamConfig", "Drive a policy, and measure straightness and attention", "sim"
    ),
    "matrix": Subcommand(
        "training.matrix", "MatrixConfig", "Examine policies on tracks under noise, side by side", "train"
    ),
    "ablate": Subcommand(
        "sim2race_ablate",
        "AblateConfig",
        "Which ingredient of training does what, as tables and plots",
        "train",
    ),
    "export": Subcommand("training.export", "ExportConfig", "Turn a snapshot into policy.onnx", "train"),
    "calibrate": Subcommand(
        "car.calibrate_command", "CalibrateConfig", "Measure a car: wheel angles, speeds, pulses", "car"
    ),
    "models": Subcommand(
        "car.models_command", "ModelsConfig", "Install, list, choose and remove the models of a car", "car"
    ),
    "drive": Subcommand(
        "sim2race_car.drive_command", "DriveConfig", "Drive a policy in the ROS 2 node graph", "ros"
    ),
    "status": Subcommand(
        "sim2race_car.status_command", "StatusConfig", "Which node of the car is ready, and why not", "ros"
    ),
    "console": Subcommand(
        "analysis.console.command", "ConsoleConfig", "Replay car logs in a browser", "console"
    ),
    "report": Subcommand(
        "analysis.report", "ReportConfig", "Rank car logs: which model to race, and how sure that is", "sim"
    ),
    "compare": Subcommand("analysis.compare", "CompareConfig", "Two car logs, measure by measure", "sim"),
    "robust": Subcommand(
        "analysis.robust_command", "RobustConfig", "How much light, blur and noise a policy stands", "sim"
    ),
    "video": Subcommand(
        "analysis.video", "VideoConfig", "A car log as mp4: frame, heat map, actions, map", "sim"
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return the exit status; a user's mistake is one line and status 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print_contents()
        return 0
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        return run_subcommand(words[0], words[1:])
    except Sim2RaceError as error:
        errors.print(f"sim2race {words[0]}: {error}", markup=False)
        return 2
    except KeyboardInterrupt:
        errors.print("Interrupted.")
        return 130


def run_subcommand(name: str, arguments: Sequence[str]) -> int:
    """Import a subcommand, read its config from the arguments and run it.

    Raises:
        Sim2RaceError: no such subcommand, or its dependencies are not installed.
    """
    if name not in SUBCOMMANDS:
        raise unknown_name("subcommand", name, SUBCOMMANDS)
    row = SUBCOMMANDS[name]
    try:
        module = importlib.import_module(row.module)
    except ModuleNotFoundError as error:
        raise Sim2RaceError(
            f"needs the package {error.name!r}; install it with: pip install 'sim2race[{row.extra}]'."
        ) from error
    config = tyro.cli(
        getattr(module, row.config), args=arguments, prog=f"sim2race {name}", description=row.about
    )
    return int(module.run(config))


def print_contents() -> None:
    """Print the table of contents."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, row in SUBCOMMANDS.items():
        table.add_row(f"[bold]{name}[/bold]", row.about)
    console = Console()
    console.print("[bold]sim2race[/bold]: from a simulator to a racing car and back.\n")
    console.print(table)
    console.print("\nEach has its own help: sim2race train --help")


if __name__ == "__main__":
    sys.exit(main())
