"""Races of a policy by the reference simulator's rules: laps on end, penalties, and the time of it all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from car.action_space import ActionSpace, DiscreteActionSpace
from car.errors import Sim2RaceError
from sim.driving import DrivingBatch, observations_of
from sim.race import Race, RaceRules
from sim.race_metrics import Trial, evaluation_metrics
from sim.simulator import SimConfig
from sim.trace import TraceRecorder
from training.evaluation import Act

AVERAGED = 3
"""Laps whose best average decides a race."""


@dataclass(frozen=True)
class RaceResult:
    """How a car's race went."""

    track: str
    direction: str
    """counter-clockwise or clockwise."""
    laps: int
    """Laps to drive; a race that runs out of time ends before."""
    trials: tuple[Trial, ...]

    @property
    def lap_times_s(self) -> list[float]:
        """Times of the completed laps, penalties included."""
        return [trial.seconds for trial in self.trials if trial.status == "lap_complete"]

    def best_average_s(self, laps: int = AVERAGED) -> float | None:
        """Return the best average of so many laps on end, None if there were not so many.

        Races are judged by it: in DeepRacer's the best average of three laps.
        """
        on_end = [self.trials[first : first + laps] for first in range(len(self.trials) - laps + 1)]
        averages = [
            sum(trial.seconds for trial in trials) / laps
            for trials in on_end
            if all(trial.status == "lap_complete" for trial in trials)
        ]
        return min(averages, default=None)

    @property
    def failures(self) -> Counter[str]:
        """How often the car left the track, got stuck or drove backwards."""
        return sum((Counter(trial.failures) for trial in self.trials), Counter())

    def to_data(self) -> dict[str, Any]:
        """Return the race as JSON-able data, its laps as in the reference's metrics file."""
        return {"track": self.track, "direction": self.direction, **evaluation_metrics(self.trials)}


def drive_races(
    act: Act,
    sim: SimConfig,
    rules: RaceRules,
    *,
    action_space: ActionSpace,
    frames: int,
    seed: int,
    history: int = 0,
    cars: int = 1,
    trace: Path | None = None,
) -> list[RaceResult]:
    """Drive races on every track and direction, all side by side.

    Args:
        act: decides; called with the observations of the cars that still race.
        sim: tracks, directions, noise and vehicle; every car starts at rest on the start line.
        rules: laps and penalties.
        action_space: what the actions mean.
        frames: pictures stacked in an observation.
        seed: of everything random.
        history: last commands in an observation.
        cars: races per track and direction, each with a car and surroundings of its own.
        trace: folder to write every step to, see `sim.trace`.

    Raises:
        Sim2RaceError: a name in `sim` does not exist, there is nothing to drive, or a file cannot be written.
    """
    routes = len(sim.tracks) * len(sim.directions)
    if rules.trials < 1 or routes < 1 or cars < 1:
        raise Sim2RaceError(
            f"Nothing to race: {rules.trials} laps by {cars} cars on {routes} tracks and directions."
        )
    batch = DrivingBatch(
        replace(sim, start="line"),
        n_cars=routes * cars,
        seed=seed,
        action_space=action_space,
        frames=frames,
        history=history,
    )
    race = Race(batch.simulator, rules)
    recorder = TraceRecorder(batch.simulator, race) if trace is not None else None
    discrete = isinstance(action_space, DiscreteActionSpace)
    actions: Any = np.zeros(batch.n_cars, np.int64) if discrete else np.zeros((batch.n_cars, 2), np.float32)
    while not race.finished.all():
        racing = np.flatnonzero(~race.finished)
        actions[racing] = act(observations_of(batch.observations, racing))
        commands = batch.commands(actions)
        race.step(commands)
        batch.remember(commands)
        batch.observe()
        if recorder is not None:
            recorder.record(racing, actions[racing])
    if recorder is not None and trace is not None:
        recorder.write(trace)
    return [_result(race, car) for car in range(batch.n_cars)]


def race_table(races: list[RaceResult], *, title: str) -> Table:
    """Return races as a table to print, a row per track and direction; times include penalties.

    "best 3" is the best average of three laps on end by one car.
    """
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("track", no_wrap=True)
    table.add_column("way", no_wrap=True)
    for column in ("cars", "laps", "mean s", "best s", f"best {AVERAGED}", "off", "stuck", "back"):
        table.add_column(column, justify="right", no_wrap=True)
    for track, direction in dict.fromkeys((race.track, race.direction) for race in races):
        of_route = [race for race in races if (race.track, race.direction) == (track, direction)]
        times = [time_s for race in of_route for time_s in race.lap_times_s]
        averages = [race.best_average_s() for race in of_route]
        failures = sum((race.failures for race in of_route), Counter())
        table.add_row(
            track,
            {"counter-clockwise": "ccw", "clockwise": "cw"}[direction],
            str(len(of_route)),
            f"{len(times)}/{sum(race.laps for race in of_route)}",
            _or_dash(float(np.mean(times)) if times else None),
            _or_dash(min(times, default=None)),
            _or_dash(min((one for one in averages if one is not None), default=None)),
            *(str(failures[status]) for status in ("off_track", "immobilized", "reversed")),
        )
    return table


def _or_dash(time_s: float | None) -> str:
    return "-" if time_s is None else f"{time_s:.2f}"


def _result(race: Race, car: int) -> RaceResult:
    route = race.simulator.route_of(car)
    direction = "clockwise" if route.clockwise else "counter-clockwise"
    return RaceResult(route.name, direction, race.rules.trials, tuple(race.trials[car]))
