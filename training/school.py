"""The school: which world a policy trains in at which part of its training.

A school is a list of stages. The first ones can be gentle and wide, many tracks and little noise, the last
ones the target in all its noise; what a stage leaves open is as the run's own world has it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from car.errors import Sim2RaceError, unknown_name
from car.json_file import read_json_object
from sim.simulator import SimConfig
from training.config_file import config_from_data, config_to_data

HARDER_TRACKS = ("championship-2022", "random:seed=1", "random:seed=2", "random:seed=3", "random:seed=4")
"""Driven beside the target by the built-in schools: tight corners, and roads that nobody knows by heart."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the training and its world."""

    until: float
    """Share of all steps at which it ends, 0 to 1."""
    also_tracks: tuple[str, ...] = ()
    """Driven beside the run's own tracks."""
    noise: str | None = None
    """Visual noise; the run's own unless given."""
    tight_spot_share: float | None = None
    """Share of episodes that begin in a tight spot; the run's own unless given."""
    redraw_every_s: float | None = None
    """Simulated seconds between two surroundings; the run's own unless given."""

    def world(self, sim: SimConfig) -> SimConfig:
        """Return the world of this stage in a run whose own world is `sim`."""
        given = {
            name: value
            for name in ("noise", "tight_spot_share", "redraw_every_s")
            if (value := getattr(self, name)) is not None
        }
        extra = tuple(track for track in self.also_tracks if track not in sim.tracks)
        return replace(sim, tracks=sim.tracks + extra, **given)


@dataclass(frozen=True)
class School:
    """Stages in the order of time."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        ends = [stage.until for stage in self.stages]
        if not ends or ends != sorted(set(ends)) or ends[0] <= 0.0 or ends[-1] != 1.0:
            raise Sim2RaceError(f"The stages of a school end at {ends}; expected rising shares up to 1.")

    def stage_at(self, progress: float) -> Stage:
        """Return the stage at `progress`, 0 to 1 of all steps."""
        return next((stage for stage in self.stages if progress < stage.until), self.stages[-1])

    def all_tracks(self, sim: SimConfig) -> tuple[str, ...]:
        """Return every track of every stage, the run's own first."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.world(sim).tracks))


SCHOOLS: dict[str, School] = {
    "target": School((Stage(until=1.0),)),
    "hall": School(
        (
            Stage(until=0.2, also_tracks=HARDER_TRACKS, noise="low", tight_spot_share=0.1),
            Stage(until=0.6, also_tracks=HARDER_TRACKS, tight_spot_share=0.2, redraw_every_s=20.0),
            Stage(until=1.0, tight_spot_share=0.2, redraw_every_s=20.0),
        )
    ),
    "world": School((Stage(until=1.0, also_tracks=HARDER_TRACKS, tight_spot_share=0.2),)),
}
"""Built in: the run's own world throughout; harder tracks first; harder tracks to the end."""


def school_named(name: str) -> School:
    """Return a built-in school, or the one in a JSON file: {"stages": [{"until": 0.5, "noise": "low", ...}]}.

    Raises:
        UnknownNameError: there is no such school and no such file.
        BadFileError: the file is not a school.
        Sim2RaceError: its stages are out of order.
    """
    if name in SCHOOLS:
        return SCHOOLS[name]
    path = Path(name)
    if not path.is_file():
        raise unknown_name("school", name, SCHOOLS)
    data = read_json_object(path)
    stages = data.get("stages")
    if isinstance(stages, list):
        open_ends = config_to_data(Stage(until=1.0))
        data["stages"] = [{**open_ends, **stage} if isinstance(stage, dict) else stage for stage in stages]
    return config_from_data(School, data, where=name)


def school_text(school: School) -> str:
    """Return a school as the JSON text that `school_named` reads."""
    data: dict[str, Any] = config_to_data(school)
    return json.dumps(data, indent=2) + "\n"
