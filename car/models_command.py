"""`sim2race models`: what is installed on this car, and what drives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.table import Table

from car.action_space import DiscreteActionSpace
from car.errors import Sim2RaceError
from car.models import DEFAULT_FOLDER, FPS, ModelStore
from car.plain_text import plain
from car.policy import Policy


@dataclass(frozen=True, kw_only=True)
class InstallModel:
    """Install policy.onnx, or an archive (.tar.gz, .zip) with it, if it drives 30 fps on this machine."""

    file: Annotated[Path, tyro.conf.Positional]
    """The policy or the archive."""
    name: str | None = None
    """What to call it; what the policy calls itself if none."""
    replace: bool = False
    """Replace the model of that name."""
    folder: Path = DEFAULT_FOLDER
    """Where models live."""


@dataclass(frozen=True, kw_only=True)
class ListModels:
    """List the installed models; the one that drives has a star."""

    folder: Path = DEFAULT_FOLDER
    """Where models live."""


@dataclass(frozen=True, kw_only=True)
class RemoveModel:
    """Remove a model that is not the one that drives."""

    name: Annotated[str, tyro.conf.Positional]
    """Which one."""
    folder: Path = DEFAULT_FOLDER
    """Where models live."""


@dataclass(frozen=True, kw_only=True)
class ChooseModel:
    """Let a model drive from the next start on."""

    name: Annotated[str, tyro.conf.Positional]
    """Which one."""
    folder: Path = DEFAULT_FOLDER
    """Where models live."""


ModelsConfig = (
    Annotated[InstallModel, tyro.conf.subcommand("install")]
    | Annotated[ListModels, tyro.conf.subcommand("list")]
    | Annotated[RemoveModel, tyro.conf.subcommand("remove")]
    | Annotated[ChooseModel, tyro.conf.subcommand("choose")]
)


def run(config: InstallModel | ListModels | RemoveModel | ChooseModel) -> int:
    """Do what was asked.

    Raises:
        Sim2RaceError: no such model, no usable policy, or a name that is taken.
    """
    store = ModelStore(config.folder)
    console = Console()
    if isinstance(config, InstallModel):
        _install(store, config, console)
    elif isinstance(config, ListModels):
        _list(store, console)
    elif isinstance(config, RemoveModel):
        store.remove(config.name)
        console.print(f"Removed {config.name}.", highlight=False)
    else:
        store.choose(config.name)
        console.print(f"{config.name} drives from the next start on.", highlight=False)
    return 0


def _install(store: ModelStore, config: InstallModel, console: Console) -> None:
    installed = store.install(config.file, name=config.name, replace=config.replace)
    policy, timing = installed.policy, installed.timing
    for what, text in _describe(policy):
        console.print(f"{what:>12}  {text}", highlight=False, markup=False)
    console.print(
        f"Installed {installed.name}: a decision takes {timing.p50_ms:.2f} ms (p99 {timing.p99_ms:.2f}, "
        f"max {timing.max_ms:.2f}), which is enough for {FPS} frames a second on this machine.",
        highlight=False,
    )
    if store.current() != installed.name:
        console.print(f"It drives after: sim2race models choose {installed.name}", highlight=False)


def _list(store: ModelStore, console: Console) -> None:
    current = store.current()
    names = store.names()
    if not names:
        console.print(f"No model in {store.folder}.", highlight=False)
        return
    table = Table(box=None)
    for heading in ("", "name", "network", "actions", "trained", "hash"):
        table.add_column(heading)
    for name in names:
        table.add_row("*" if name == current else "", name, *_row(store, name))
    console.print(table, highlight=False)


def _row(store: ModelStore, name: str) -> tuple[str, ...]:
    try:
        policy = Policy.load(store.path(name))
    except Sim2RaceError as error:
        return (f"damaged: {error}",)
    about = dict(_describe(policy))
    return about["network"], about["actions"], about["trained"], policy.sha256[:8]


def _describe(policy: Policy) -> list[tuple[str, str]]:
    metadata, space = policy.metadata, policy.action_space
    if isinstance(space, DiscreteActionSpace):
        angle_deg = math.degrees(max(abs(angle) for angle in space.steering_rad))
        speeds = f"{min(space.speed_mps):g} to {max(space.speed_mps):g} m/s"
        actions = f"{space.size} actions to {angle_deg:g}°, {speeds}"
    else:
        low_deg, high_deg = math.degrees(space.steering_low_rad), math.degrees(space.steering_high_rad)
        speeds = f"{space.speed_low_mps:g} to {space.speed_high_mps:g} m/s"
        actions = f"continuous, {low_deg:g}° to {high_deg:g}°, {speeds}"
    rows = [
        ("calls itself", metadata.name),
        ("network", metadata.network),
        ("actions", actions),
        ("sees", f"{policy.frames} frame(s), {policy.history} past command(s)"),
        ("trained", f"{metadata.trained_at[:10]}, {metadata.steps} steps, {', '.join(metadata.tracks)}"),
        ("hash", policy.sha256),
    ]
    return [(what, plain(text)) for what, text in rows]
