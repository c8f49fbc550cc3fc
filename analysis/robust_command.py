"""`sim2race robust`: how much light, blur and noise a policy stands, on the frames of a log."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from analysis.disturbance import KINDS, Lamp, kind_named
from analysis.log_index import open_log
from analysis.robustness import SAMPLE, Sweep, spread_frames, sweep
from car.errors import Sim2RaceError
from car.files import atomic_path, write_atomically
from car.policy import Policy


@dataclass(frozen=True)
class RobustConfig:
    """Disturb the frames of a log, more and more, and see when a policy decides otherwise."""

    log: Annotated[Path, tyro.conf.Positional]
    """A car log."""
    policy: Path | None = None
    """A policy.onnx; by default the one that drove."""
    kinds: tuple[str, ...] = tuple(KINDS)
    """What to disturb with."""
    frames: int = SAMPLE
    """Frames to look at, spread over the log."""
    lamp_x_px: float = Lamp.x_px
    """Where the lamp stands: pixels from the left of the 160 x 120 picture."""
    lamp_y_px: float = Lamp.y_px
    """Pixels from the top."""
    seed: int = 0
    """Of the noise."""
    picture: Path | None = None
    """Write the curves as a picture (.png or .svg)."""
    json: Path | None = None
    """Write all figures as JSON."""


def run(config: RobustConfig) -> int:
    """Print the table, and write what is asked for.

    Raises:
        Sim2RaceError: no such log, policy or kind, or a file cannot be written.
    """
    for kind in config.kinds:
        kind_named(kind)
    if config.picture is not None and config.picture.suffix not in (".png", ".svg"):
        raise Sim2RaceError(f"The picture {config.picture} must be a .png or .svg.")
    log = open_log(config.log)
    path = config.policy or log.policy_path
    if path is None:
        raise Sim2RaceError(f"There is no policy.onnx beside {config.log}; name one with --policy.")
    policy = Policy.load(path)
    rows = spread_frames(log, max(config.frames, 1))
    lamp = Lamp(x_px=config.lamp_x_px, y_px=config.lamp_y_px)
    console = Console()
    sweeps = [
        sweep(policy, log, rows, kind, lamp=lamp, seed=config.seed)
        for kind in track(config.kinds, "Disturbing", console=console, transient=True)
    ]
    console.print(sweep_table(sweeps, f"{policy.metadata.name} on {len(rows)} frames of {log.name}"))
    if config.json is not None:
        report = {"policy": policy.sha256, "log": log.name, "frames": rows.tolist(), "lamp": asdict(lamp)}
        report["sweeps"] = [sweep_json(one) for one in sweeps]
        write_atomically(config.json, json.dumps(report, indent=2) + "\n")
    if config.picture is not None:
        draw(sweeps, config.picture, policy.metadata.name)
    return 0


def sweep_table(sweeps: list[Sweep], title: str) -> Table:
    """Return a line per strength: the share of frames whose action changes, and by how much it steers."""
    table = Table("Disturbance", "Strength", "Other action", "Steering changes by", "Half tip at")
    table.title = title.replace("[", "\\[")
    for one in sweeps:
        kind = KINDS[one.kind]
        tips = f"{one.median_tipping:g} {kind.unit}" if math.isfinite(one.median_tipping) else "never"
        rows = zip(one.strengths, one.changed_share, one.steering_change_deg, strict=True)
        for place, (strength, share, degrees) in enumerate(rows):
            first = place == 0
            table.add_row(
                kind.title if first else "",
                f"{strength:g} {kind.unit}",
                f"{share:.0%}",
                f"{degrees:.1f}°",
                tips if first else "",
                end_section=place == len(one.strengths) - 1,
            )
    return table


def sweep_json(one: Sweep) -> dict[str, Any]:
    """Return a sweep as plain JSON types; what never tipped is null."""
    data = {**asdict(one), "unit": KINDS[one.kind].unit, "median_tipping": one.median_tipping}
    data["tipping"] = [value if math.isfinite(value) else None for value in one.tipping]
    if not math.isfinite(one.median_tipping):
        data["median_tipping"] = None
    return data


def draw(sweeps: list[Sweep], path: Path, name: str) -> None:
    """Draw a small chart per disturbance: the share of frames whose action changes, over the strength."""
    from matplotlib.figure import Figure

    columns = min(3, len(sweeps))
    rows = math.ceil(len(sweeps) / columns)
    figure = Figure(figsize=(3.2 * columns, 2.4 * rows), layout="constrained")
    figure.suptitle(f"{name}: frames that change their action", parse_math=False)
    for place, one in enumerate(sweeps):
        kind = KINDS[one.kind]
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.plot((0.0, *one.strengths), (0.0, *(100 * share for share in one.changed_share)), "o-", ms=4)
        axes.set(xlabel=f"{kind.title}, {kind.unit}", ylim=(-3, 103))
        axes.grid(alpha=0.3)
        if place % columns == 0:
            axes.set_ylabel("%")
    with atomic_path(path) as aside:
        figure.savefig(aside, dpi=110)
