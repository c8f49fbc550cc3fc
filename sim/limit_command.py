"""`sim2race limit`: the fastest lap that the physics of a vehicle preset allows, and its line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from car.action_space import (
    ActionSpace,
    ContinuousActionSpace,
    DiscreteActionSpace,
    default_action_space,
    load_model_metadata,
)
from car.errors import Sim2RaceError
from car.files import write_atomically
from car.plain_text import plain
from car.policy import Policy
from sim.car_limits import limits_of
from sim.pictures import MapPicture, caption, save_picture
from sim.race_line import RaceLine, Wheels, race_line
from sim.track import DIRECTIONS, load_track
from sim.vehicle_parameters import vehicle_named


@dataclass(frozen=True, kw_only=True)
class LimitConfig:
    """Compute the minimum-time line of a track, for an action space and for a free choice of speed."""

    track: Annotated[str, tyro.conf.Positional] = "forever-raceway"
    """A built-in track, a `.npy` route file or random:seed=7."""
    vehicle: str = "real-car"
    """Vehicle preset: real-car, real-car-uncalibrated, aws-v4, aws-v5 or ideal; the nominal car."""
    actions: Path | None = None
    """DeepRacer model_metadata.json with the action space; the inverted chevron unless one is given."""
    policy: Path | None = None
    """A policy.onnx whose action space it is, instead of --actions."""
    top_speed: tuple[float, ...] = (4.0,)
    """Further limits: any steering, and any speed from standing to this, in m/s."""
    direction: Literal["both", "counter-clockwise", "clockwise"] = "counter-clockwise"
    """Direction of driving."""
    wheels: Wheels = "all"
    """Which wheels stay on the road: all, or one, which is all that the rules ask."""
    picture: Path | None = None
    """PNG of the last line, coloured by speed."""
    json: Path | None = None
    """File to write the figures and the lines to."""


@dataclass(frozen=True)
class Limit:
    """One line, and what it is the limit of."""

    commands: str
    """What may be commanded, in words."""
    line: RaceLine

    @property
    def direction(self) -> str:
        """counter-clockwise or clockwise."""
        return DIRECTIONS[int(self.line.track.clockwise)]

    def figures(self) -> dict[str, float]:
        """Return the times and speeds; the mean of three laps begins at rest on the start line."""
        flying_s, standing_s = self.line.flying_lap_s, self.line.standing_lap_s
        return {
            "flying_lap_s": flying_s,
            "standing_lap_s": standing_s,
            "mean_of_three_s": (standing_s + 2.0 * flying_s) / 3.0,
            "length_m": self.line.length_m,
            "slowest_mps": float(self.line.speed_mps.min()),
            "fastest_mps": float(self.line.speed_mps.max()),
            "clearance_m": self.line.clearance_m,
        }

    def to_data(self) -> dict[str, Any]:
        """Return figures and line as JSON-able data."""
        return {
            "track": self.line.track.name,
            "direction": self.direction,
            "commands": self.commands,
            **self.figures(),
            "points_m": self.line.points_m.round(4).tolist(),
            "speed_mps": self.line.speed_mps.round(4).tolist(),
        }


def run(config: LimitConfig) -> int:
    """Compute, print, draw and write."""
    console = Console()
    found = limits(config)
    title = f"{config.track}, {config.vehicle}, {config.wheels} of the wheels on the road"
    console.print(limit_table(found, title=title))
    console.print("By the model: no latency, no mistakes. A local search; the true limit may be 1 % below.")
    if config.picture is not None:
        save_picture(config.picture, draw(found[-1]))
        console.print(f"Wrote {config.picture}.", highlight=False, soft_wrap=True)
    if config.json is not None:
        content = {
            "vehicle": config.vehicle,
            "wheels": config.wheels,
            "limits": [one.to_data() for one in found],
        }
        write_atomically(config.json, json.dumps(content) + "\n")
        console.print(f"Wrote {config.json}.", highlight=False, soft_wrap=True)
    return 0


def limits(config: LimitConfig) -> list[Limit]:
    """Return the limits that `config` asks for: of the action space, then of each top speed.

    Raises:
        Sim2RaceError: a name does not exist, a file cannot be read, a top speed is none, or the action
            space is named twice.
    """
    car, _ = vehicle_named(config.vehicle)
    of_whom, actions = _actions(config)
    spaces: list[tuple[str, ActionSpace]] = [(f"{of_whom}, to {_top_mps(actions):g} m/s", actions)]
    for top_mps in config.top_speed:
        if not 0.0 < top_mps <= 10.0:
            raise Sim2RaceError(f"top_speed is {top_mps}; expected more than 0, up to 10 m/s.")
        lock_rad = car.full_deflection_rad
        free = ContinuousActionSpace(-lock_rad, lock_rad, 0.0, top_mps)
        spaces.append((f"any, to {top_mps:g} m/s", free))
    ways = DIRECTIONS if config.direction == "both" else (config.direction,)
    return [
        Limit(name, race_line(load_track(config.track, way), limits_of(car, space), wheels=config.wheels))
        for name, space in spaces
        for way in ways
    ]


def limit_table(found: Sequence[Limit], *, title: str) -> Table:
    """Return limits as a table to print; "3 laps" is their mean, the first one from rest."""
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("commands", no_wrap=True)
    table.add_column("way", no_wrap=True)
    for column in ("flying", "from rest", "3 laps", "m/s", "path"):
        table.add_column(column, justify="right", no_wrap=True)
    for one in found:
        figures = one.figures()
        table.add_row(
            Text(one.commands),
            "cw" if one.line.track.clockwise else "ccw",
            f"{figures['flying_lap_s']:.2f} s",
            f"{figures['standing_lap_s']:.2f} s",
            f"{figures['mean_of_three_s']:.2f} s",
            f"{figures['slowest_mps']:.2f}-{figures['fastest_mps']:.2f}",
            f"{figures['length_m']:.2f} m",
        )
    return table


def draw(limit: Limit) -> Any:
    """Return a map with the line coloured by speed, RGB."""
    picture = MapPicture(limit.line.track)
    picture.add_speeds(limit.line.points_m, limit.line.speed_mps)
    text = f"{limit.line.track.name}, {limit.commands}: {limit.line.flying_lap_s:.2f} s flying"
    return caption(picture.image, text)


def _actions(config: LimitConfig) -> tuple[str, ActionSpace]:
    """Return whose actions they are, in words, and the action space."""
    if config.policy is not None and config.actions is not None:
        raise Sim2RaceError("--policy and --actions both give an action space; expected one of them.")
    if config.policy is not None:
        policy = Policy.load(config.policy)
        return plain(f"actions of {policy.metadata.name}"), policy.action_space
    if config.actions is not None:
        return plain(f"actions of {config.actions.name}"), load_model_metadata(config.actions)
    return "default actions", default_action_space()


def _top_mps(actions: ActionSpace) -> float:
    return max(actions.speed_mps) if isinstance(actions, DiscreteActionSpace) else actions.speed_high_mps
