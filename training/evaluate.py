"""`sim2race evaluate`: a `policy.onnx` drives laps in the simulator, as on the car unless told otherwise."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from rich import box
from rich.console import Console
from rich.table import Table

from car.errors import Sim2RaceError
from car.files import write_atomically
from car.models import BUNDLED_POLICY
from car.policy import Policy
from sim.choice import TITLES, Choice, Drive
from sim.driving import HISTORY_KEY, OBSERVATION_KEY, Observations
from sim.race import RULES
from sim.simulator import SimConfig
from sim.track import DIRECTIONS
from training.evaluation import Act, Evaluation, LapSummary, evaluate
from training.races import RaceResult, drive_races, race_table


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig:
    """Drive laps with a policy.onnx and print how it went."""

    policy: Path = BUNDLED_POLICY
    """The policy.onnx to drive with; the one that comes with sim2race unless given."""
    track: tuple[str, ...] = ("forever-raceway",)
    """Built-in tracks or paths of .npy route files."""
    direction: Literal["both", "counter-clockwise", "clockwise"] = "both"
    """Direction of driving."""
    laps: int = 10
    """Attempts per track and direction; each has surroundings and a car of its own. In a race, its laps."""
    cars: int = 1
    """Races per track and direction, each with surroundings and a car of its own; for --rules only."""
    noise: str = "high"
    """Visual noise: none, low, high, or unseen, which training never draws."""
    vehicle: str = "real-car"
    """Vehicle preset: real-car, real-car-uncalibrated, aws-v4, aws-v5 or ideal."""
    vary_vehicle: bool = True
    """Draw every attempt's car within the preset's spread."""
    starts: Literal["line", "round-robin"] = "line"
    """Start at rest on the start line, or at rest and spread around the track."""
    control_rate_hz: float = 30.0
    """Decisions per second."""
    max_lap_s: float = 60.0
    """A slower lap counts as not completed."""
    seed: int = 7
    """Seed of surroundings and cars."""
    drive: Drive = "most-probable"
    """What is driven of a discrete policy's output: the most probable command, as the car does, the expected
    one (means of angle and speed by probability), or one that is drawn by the seed, as in training."""
    rules: Literal["laps", "reference", "deepracer-for-cloud"] = "laps"
    """Single laps, each by a car of its own; or a race of so many laps on end, with these penalties."""
    json: Path | None = None
    """File to write the figures to."""
    trace: Path | None = None
    """Folder to write SIM_TRACE files and metrics to."""


def run(config: EvaluateConfig) -> int:
    """Evaluate as `config` says, print the table and write the JSON.

    Raises:
        Sim2RaceError: as `evaluate_policy` and `race_policy`; or there are cars without a race.
    """
    if config.rules == "laps" and config.cars != 1:
        raise Sim2RaceError(
            f"--cars is {config.cars}, and every single lap has a car of its own anyway; expected --rules "
            "reference with it, for laps on end, or --laps alone."
        )
    policy = Policy.load(config.policy)
    console = Console()
    if config.rules == "laps":
        evaluation = evaluate_policy(policy, config)
        title = f"{policy.metadata.name}: {TITLES[config.drive]}, noise {config.noise}"
        console.print(evaluation_table(evaluation, title=title))
        figures = evaluation.to_data()
    else:
        races = race_policy(policy, config)
        title = f"{policy.metadata.name}: a race by the rules {config.rules}, noise {config.noise}"
        console.print(race_table(races, title=title))
        figures = {"races": [race.to_data() for race in races]}
    if config.trace is not None:
        console.print(f"Wrote {config.trace}.", highlight=False, soft_wrap=True)
    if config.json is not None:
        content = {
            "policy": str(config.policy),
            "sha256": policy.sha256,
            "noise": config.noise,
            "vehicle": config.vehicle,
            "seed": config.seed,
            "starts": config.starts,
            "drive": config.drive,
            "rules": config.rules,
            **figures,
        }
        write_atomically(config.json, json.dumps(content, indent=2) + "\n")
        console.print(f"Wrote {config.json}.", highlight=False, soft_wrap=True)
    return 0


def evaluate_policy(policy: Policy, config: EvaluateConfig) -> Evaluation:
    """Drive the laps that `config` asks for.

    Raises:
        Sim2RaceError: a track, preset or noise level does not exist, or the policy cannot be driven so.
    """
    choice = Choice(policy.action_space, config.drive, seed=config.seed)
    return evaluate(
        driver(policy, choice),
        world(policy, config),
        action_space=choice.space,
        frames=policy.frames,
        history=policy.history,
        laps=config.laps,
        seed=config.seed,
        starts=config.starts,
        trace=config.trace,
    )


def race_policy(policy: Policy, config: EvaluateConfig) -> list[RaceResult]:
    """Drive the races that `config` asks for, `laps` laps on end by each of its cars.

    Raises:
        Sim2RaceError: as `evaluate_policy`; or races were to start anywhere but on the line.
    """
    if config.starts != "line":
        raise Sim2RaceError(f"A race starts on the line; starts is {config.starts!r}, expected 'line'.")
    choice = Choice(policy.action_space, config.drive, seed=config.seed)
    return drive_races(
        driver(policy, choice),
        world(policy, config),
        replace(RULES[config.rules], trials=config.laps),
        action_space=choice.space,
        frames=policy.frames,
        history=policy.history,
        seed=config.seed,
        cars=config.cars,
        trace=config.trace,
    )


def world(policy: Policy, config: EvaluateConfig) -> SimConfig:
    """Return the world that `config` asks for, seen through the policy's camera."""
    return SimConfig(
        tracks=config.track,
        directions=DIRECTIONS if config.direction == "both" else (config.direction,),
        noise=config.noise,
        vehicle=config.vehicle,
        vary_vehicle=config.vary_vehicle,
        camera=policy.metadata.camera,
        control_rate_hz=config.control_rate_hz,
        max_episode_s=config.max_lap_s,
    )


def driver(policy: Policy, choice: Choice) -> Act:
    """Return the function that decides for every car as the car's inference does, one frame at a time."""

    def act(observations: Observations) -> npt.NDArray[Any]:
        if isinstance(observations, dict):
            pairs = zip(observations[OBSERVATION_KEY], observations[HISTORY_KEY], strict=True)
            outputs = [policy.act(pictures, history) for pictures, history in pairs]
        else:
            outputs = [policy.act(pictures) for pictures in observations]
        return choice.actions(np.stack(outputs))

    return act


def evaluation_table(evaluation: Evaluation, *, title: str) -> Table:
    """Return the figures as a table to print: a row per track and direction, and one for all.

    "off" counts attempts that ended off the track; "side" is the mean distance from the centre line, "weave"
    the RMS around a straight line on straights in cm, "°/m" the change of the commanded steering angle.
    """
    # Narrow enough for a terminal of 80 columns.
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("track", no_wrap=True)
    table.add_column("way", no_wrap=True)
    for column in ("laps", "off", "mean s", "best s", "prog %", "side cm", "weave", "°/m"):
        table.add_column(column, justify="right", no_wrap=True)
    rows = evaluation.rows
    for row in rows:
        table.add_row(*_cells(row))
    if len(rows) > 1:
        table.add_section()
        table.add_row(*_cells(evaluation.total))
    return table


def _cells(row: LapSummary) -> list[str]:
    """Return a summary as the cells of the table."""

    def or_dash(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    return [
        row.track,
        {"counter-clockwise": "ccw", "clockwise": "cw"}.get(row.direction, row.direction),
        f"{row.completed}/{row.attempted}",
        str(row.off_track),
        or_dash(row.mean_lap_s),
        or_dash(row.best_lap_s),
        f"{row.progress:.0f}",
        f"{100.0 * row.lateral_m:.1f}",
        "-" if row.weave_m is None else f"{100.0 * row.weave_m:.1f}",
        f"{row.steering_deg_per_m:.0f}",
    ]
