"""`sim2race status`: which node is ready, which is not, and why; live, once, or as JSON."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from car.errors import Sim2RaceError
from car.readiness import ABSENT, CarState, Level, PartStatus

if TYPE_CHECKING:
    from sim2race_car.status_client import StatusClient

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.ERROR: "red"}
WORDS = {Level.OK: "ready", Level.WARN: "warning", Level.ERROR: "not ready"}
REFRESH_S = 0.25
LISTEN_S = 1.0
"""A ready car is listened to for so long, for its figures."""


@dataclass(frozen=True)
class StatusConfig:
    """Say which node of the car is ready, which is not, and why."""

    once: bool = False
    """Look once and end; the exit status is 0 if the car could be armed, else 1."""
    json: bool = False
    """As JSON, once."""
    domain: int | None = None
    """ROS 2 domain of the car; ROS_DOMAIN_ID, or 0, without it."""
    wait_s: float = 3.0
    """How long to look for the nodes, and to listen, before saying that the car is not ready."""


def run(config: StatusConfig) -> int:
    """Show the table until Ctrl-C, or once; return 0 if the car is ready, else 1.

    Raises:
        Sim2RaceError: ROS 2 is missing, or there is no such domain.
    """
    try:
        from sim2race_car.status_client import StatusClient
    except ImportError as error:
        raise Sim2RaceError(f"ROS 2 is missing ({error}); run make setup, or source your ROS 2.") from error
    console = Console()
    domain = _domain(config)
    with StatusClient(domain) as client:
        if not (config.once or config.json):
            return _show_live(client, console, domain)
        began_s = time.monotonic()
        client.look()
        while time.monotonic() - began_s < (LISTEN_S if client.readiness.is_ready else config.wait_s):
            client.look()
        rows, is_ready, car = client.look(), client.readiness.is_ready, client.readiness.car
    if config.json:
        console.print_json(json.dumps(as_json(rows, car, is_ready=is_ready)))
    else:
        console.print(shown(rows, car, is_ready=is_ready, domain=domain))
    return 0 if is_ready else 1


def shown(rows: Sequence[PartStatus], car: CarState, *, is_ready: bool, domain: int) -> Group:
    """Return what a person sees: what the car does, and below it what every part of it says.

    Args:
        rows: the parts.
        car: what it does as a whole.
        is_ready: whether it could be armed.
        domain: ROS 2 domain that was listened in.
    """
    title = "[green]ready[/green]" if is_ready else "[red]not ready[/red]"
    does = ": ".join(filter(None, (f"[bold]{car.state}[/bold]", escape(car.reason))))
    does = f"{does}\nmode {car.mode}, battery {car.battery}"
    if all(row.reason == ABSENT for row in rows):
        does = f"Nothing is heard in ROS domain {domain}."
    # Above the table, not its title: that would be wrapped at the width of a narrow table.
    return Group(Text.from_markup(f"The car is {title}. {does}"), _table(rows))


def _table(rows: Sequence[PartStatus]) -> Table:
    made = Table(box=None, padding=(0, 2), highlight=False)
    for column in ("part", "state", "what it says", "figures"):
        made.add_column(column, overflow="fold")
    for row in rows:
        facts = "  ".join(f"{name} {value}" for name, value in row.facts.items() if value)
        colour = COLOURS[row.level]
        made.add_row(row.part, f"[{colour}]{WORDS[row.level]}[/{colour}]", escape(row.reason), escape(facts))
    return made


def as_json(rows: Sequence[PartStatus], car: CarState, *, is_ready: bool) -> dict[str, object]:
    """Return what a program reads."""
    parts = {
        row.part: {"level": row.level.name.lower(), "reason": row.reason, "facts": row.facts} for row in rows
    }
    return {"ready": is_ready, **asdict(car), "parts": parts}


def _show_live(client: StatusClient, console: Console, domain: int) -> int:
    """Show the table until Ctrl-C; returns how it stood at the end."""
    try:
        with Live(console=console, auto_refresh=False) as live:
            while True:
                end_s = time.monotonic() + REFRESH_S
                while time.monotonic() < end_s:
                    rows = client.look()
                readiness = client.readiness
                live.update(
                    shown(rows, readiness.car, is_ready=readiness.is_ready, domain=domain), refresh=True
                )
    except KeyboardInterrupt:
        return 0 if client.readiness.is_ready else 1


def _domain(config: StatusConfig) -> int:
    given = "" if config.domain is None else str(config.domain)
    domain = given or os.environ.get("ROS_DOMAIN_ID") or "0"
    if not (domain.isdigit() and int(domain) <= 232):
        raise Sim2RaceError(f"The ROS 2 domain is {domain!r}; expected 0 to 232.")
    return int(domain)
