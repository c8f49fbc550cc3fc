"""`sim2race validate`: the model held to measurements, as tables and as one picture.

The physical car: circles and straight runs (`sim.measurements`). The reference simulator: recorded drives,
given as files, replayed open loop. What a limit says and what was reached stand side by side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from car.files import atomic_path
from sim.measurements import (
    CIRCLE_SPEED_MPS,
    RADIUS_M,
    RUN_M,
    STEERING_PERCENT,
    THROTTLE_PERCENT,
    TIME_TO_63_PERCENT_S,
    TOP_SPEED_NEW_MPS,
    TOP_SPEED_OLD_MPS,
)
from sim.replay_commands import Replay, replay_commands
from sim.vehicle import STATE_DTYPE, SUBSTEP_RATE_HZ, drive_constant
from sim.vehicle_parameters import PARAMETER_DTYPE, VehicleParameters, parameter_row, vehicle_named

RADIUS_LIMIT, SPEED_LIMIT, RISE_LIMIT_S = 0.05, 0.10, 0.15
YAW_RATE_R2_LIMIT, TRACE_SPEED_LIMIT = 0.9, 0.10
SPEEDS_MPS = np.arange(0.5, 3.01, 0.25)
RADIUS_PRESETS, RADIUS_DEGREES = ("real-car", "aws-v4", "ideal"), (15.0, 5.0)
"""For which cars and steering angles the turning radius is shown against speed."""


@dataclass(frozen=True, kw_only=True)
class ValidateConfig:
    """Hold the vehicle model to measurements."""

    what: Annotated[Literal["vehicle"], tyro.conf.Positional] = "vehicle"
    """What to validate."""
    trace: tuple[Path, ...] = ()
    """SIM_TRACE CSV files of the reference simulator to replay with the aws-v4 preset."""
    output: Path = Path("runs/validate")
    """Folder for the picture."""


@dataclass(frozen=True)
class Check:
    """One figure of the model beside what was measured."""

    name: str
    measured: float
    modelled: float
    error: float
    limit: float
    unit: str

    @property
    def passed(self) -> bool:
        """Whether the error lies within its limit."""
        return self.error <= self.limit


def run(config: ValidateConfig) -> int:
    """Print the tables, draw the picture; 0 if every figure lies within its limit."""
    console = Console()
    checks = [*radius_checks(), *speed_checks(), rise_check()]
    console.print(_table("real-car against a physical car", checks))
    replays = {path: replay_commands(path, vehicle_named("aws-v4")[0]) for path in config.trace}
    traces = [check for path, replay in replays.items() for check in trace_checks(path.stem, replay)]
    if traces:
        console.print(_table("aws-v4 against recorded drives, open loop", traces))
    radii = radii_against_speed()
    console.print(_radius_table(radii))
    path = config.output / "vehicle.png"
    _draw(path, checks, radii, replays)
    missed = [check.name for check in (*checks, *traces) if not check.passed]
    verdict = f"Outside its limit: {', '.join(missed)}." if missed else "Everything within its limit."
    console.print(f"{verdict} Wrote {path}.", highlight=False, soft_wrap=True)
    return 1 if missed else 0


def turning_radius_m(parameters: VehicleParameters, steering_rad: float, speed_mps: float) -> float:
    """Return the radius that the middle of the wheelbase drives after the car has settled."""
    state = _settled(parameters, steering_rad, speed_mps)
    speed = math.hypot(state["forward_mps"], state["lateral_mps"])
    return speed / max(abs(float(state["yaw_rate_radps"])), 1e-9)


def radii_against_speed() -> dict[tuple[str, float], list[float]]:
    """Return turning radii in m at `SPEEDS_MPS`, by preset and steering angle in degrees.

    The speed is commanded, and what a car makes less of the command is left out.
    """
    cars = {name: replace(vehicle_named(name)[0], speed_gain=1.0) for name in RADIUS_PRESETS}
    return {
        (name, degrees): [
            turning_radius_m(car, math.radians(degrees), float(speed_mps)) for speed_mps in SPEEDS_MPS
        ]
        for name, car in cars.items()
        for degrees in RADIUS_DEGREES
    }


def radius_checks() -> list[Check]:
    """Compare turning radii at shares of full deflection with the measured circles."""
    parameters, _ = vehicle_named("real-car-uncalibrated")
    checks = []
    for percent, measured_m in zip(STEERING_PERCENT, RADIUS_M, strict=True):
        command_rad = percent / 100 * parameters.full_deflection_rad
        modelled_m = turning_radius_m(parameters, command_rad, CIRCLE_SPEED_MPS)
        error = abs(modelled_m / measured_m - 1.0)
        checks.append(Check(f"radius at {percent:+d} %", measured_m, modelled_m, error, RADIUS_LIMIT, "m"))
    return checks


def speed_checks() -> list[Check]:
    """Compare the speed after a straight run from rest with the measured one, per battery and throttle.

    A speed command stands for the throttle whose settled speed it is, so what is checked is how much of
    it the car has reached at the end of the run.
    """
    parameters, _ = vehicle_named("real-car")
    checks = []
    for battery, speeds in (("new", TOP_SPEED_NEW_MPS), ("old", TOP_SPEED_OLD_MPS)):
        for percent, measured_mps in zip(THROTTLE_PERCENT, speeds, strict=False):
            reached_mps, _ = _straight_run(parameters, measured_mps)
            error = abs(reached_mps / measured_mps - 1.0)
            checks.append(
                Check(
                    f"speed, {battery} battery, {percent} %",
                    measured_mps,
                    reached_mps,
                    error,
                    SPEED_LIMIT,
                    "m/s",
                )
            )
    return checks


def rise_check() -> Check:
    """Compare the time to 63 % of the speed reached with the measured range."""
    parameters, _ = vehicle_named("real-car")
    times = [_straight_run(parameters, speed_mps)[1] for speed_mps in TOP_SPEED_NEW_MPS]
    modelled_s, low, high = float(np.mean(times)), *TIME_TO_63_PERCENT_S
    error = max(low - modelled_s, modelled_s - high, 0.0)
    name = f"time to 63 % ({low:g} to {high:g} s)"
    return Check(name, (low + high) / 2, modelled_s, error, RISE_LIMIT_S, "s")


def trace_checks(name: str, replay: Replay) -> list[Check]:
    """Compare a replayed drive with its record; the yaw rate's R^2 is turned into what is missing to 1."""
    return [
        Check(
            f"{name}: yaw rate R2", 1.0, replay.yaw_rate_r2, 1 - replay.yaw_rate_r2, 1 - YAW_RATE_R2_LIMIT, ""
        ),
        Check(f"{name}: speed error", 0.0, replay.speed_error, replay.speed_error, TRACE_SPEED_LIMIT, ""),
    ]


def _settled(parameters: VehicleParameters, steering_rad: float, speed_mps: float) -> np.void:
    table = np.array([parameter_row(parameters)], PARAMETER_DTYPE)
    state = np.zeros(1, STATE_DTYPE)
    drive_constant(state, table, steering_rad, speed_mps, 8.0)
    settled: np.void = state[0]
    return settled


def _straight_run(parameters: VehicleParameters, speed_mps: float) -> tuple[float, float]:
    """Return the speed after `RUN_M` from rest, and the time to 63 % of it."""
    table = np.array([parameter_row(parameters)], PARAMETER_DTYPE)
    state = np.zeros(1, STATE_DTYPE)
    speeds = []
    while state["x_m"][0] < RUN_M:
        drive_constant(state, table, 0.0, speed_mps, 1.0 / SUBSTEP_RATE_HZ)
        speeds.append(float(state["forward_mps"][0]))
    risen = int(np.argmax(np.array(speeds) >= 0.63 * speeds[-1]))
    return speeds[-1], (risen + 1) / SUBSTEP_RATE_HZ


def _table(title: str, checks: Sequence[Check]) -> Table:
    table = Table(title=title, box=None)
    for heading in ("", "measured", "model", "error", "limit", ""):
        table.add_column(heading, justify="left" if not heading else "right")
    for check in checks:
        share = check.unit != "s"
        table.add_row(
            check.name,
            f"{check.measured:.3f} {check.unit}",
            f"{check.modelled:.3f} {check.unit}",
            f"{check.error:.1%}" if share else f"{check.error:.3f} s",
            f"{check.limit:.0%}" if share else f"{check.limit:.2f} s",
            "ok" if check.passed else "[red]outside[/red]",
        )
    return table


def _radius_table(radii: Mapping[tuple[str, float], Sequence[float]]) -> Table:
    table = Table(title="Turning radius in m against commanded speed", box=None)
    table.add_column("m/s", justify="right")
    for name, degrees in radii:
        table.add_column(f"{name} {degrees:.0f}°", justify="right")
    for row, speed_mps in enumerate(SPEEDS_MPS):
        table.add_row(f"{speed_mps:.2f}", *(f"{column[row]:.2f}" for column in radii.values()))
    return table


def _draw(
    path: Path,
    checks: Sequence[Check],
    radii: Mapping[tuple[str, float], Sequence[float]],
    replays: dict[Path, Replay],
) -> None:
    """Draw circles, runs, radius against speed, and the first replayed drive."""
    figure = Figure(figsize=(13, 8), layout="constrained")
    axes = figure.subplots(2, 2)
    _draw_circles(axes[0, 0], checks[: len(RADIUS_M)])
    _draw_runs(axes[0, 1], checks[len(RADIUS_M) : -1])
    _draw_radius_against_speed(axes[1, 0], radii)
    if replays:
        _draw_replay(axes[1, 1], *next(iter(replays.items())))
    else:
        axes[1, 1].text(0.5, 0.5, "no recorded drive given (--trace)", ha="center", va="center")
        axes[1, 1].set_axis_off()
    with atomic_path(path) as aside:
        figure.savefig(aside, dpi=100)


def _draw_circles(axes: Axes, checks: Sequence[Check]) -> None:
    axes.plot(STEERING_PERCENT, [check.measured for check in checks], "o", label="measured")
    axes.plot(STEERING_PERCENT, [check.modelled for check in checks], "x", label="real-car")
    axes.set(title="Turning radius at walking pace", xlabel="steering, % of full deflection", ylabel="m")
    axes.legend()


def _draw_runs(axes: Axes, checks: Sequence[Check]) -> None:
    new, old = checks[: len(TOP_SPEED_NEW_MPS)], checks[len(TOP_SPEED_NEW_MPS) :]
    for name, part, mark in (("new battery", new, "o"), ("old battery", old, "s")):
        throttle = THROTTLE_PERCENT[: len(part)]
        axes.plot(throttle, [check.measured for check in part], mark, label=f"measured, {name}")
        axes.plot(throttle, [check.modelled for check in part], "x", label=f"real-car, {name}")
    axes.set(title=f"Speed after {RUN_M:.0f} m from rest", xlabel="throttle, %", ylabel="m/s")
    axes.legend()


def _draw_radius_against_speed(axes: Axes, radii: Mapping[tuple[str, float], Sequence[float]]) -> None:
    for (preset, degrees), column in radii.items():
        style = "-" if degrees == RADIUS_DEGREES[0] else "--"
        axes.plot(SPEEDS_MPS, column, style, label=f"{preset}, {degrees:.0f} deg")
    axes.set(title="Turning radius against speed", xlabel="commanded speed, m/s", ylabel="m", yscale="log")
    axes.legend(fontsize="small", ncols=3)


def _draw_replay(axes: Axes, path: Path, replay: Replay) -> None:
    shown = slice(0, 300)
    axes.plot(replay.recorded_yaw_rate[shown], label="recorded")
    axes.plot(replay.modelled_yaw_rate[shown], label="aws-v4, open loop", alpha=0.8)
    axes.set(title=f"Yaw rate, {path.stem}: R2 {replay.yaw_rate_r2:.3f}", xlabel="step", ylabel="rad/s")
    axes.legend()
