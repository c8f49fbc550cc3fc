"""What the ablation asks: one ingredient of the school a row, as the article it follows claims it.

A row compares two ways of training that differ in that ingredient alone, by one measure of the exam that
was chosen before anything was trained. Every figure is kept; the verdict goes by this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from car.action_space import DiscreteActionSpace, default_action_space, to_model_metadata
from car.errors import unknown_name
from training.settings import setting_kinds

TARGET = "forever-raceway"
"""The track that is raced."""
NEW_TRACKS = ("trapezoid-narrow", "random:seed=2001")
"""Tracks that no row trains on, nor chooses its snapshot by."""
HARDER = ("championship-2022", "random:seed=11", "random:seed=12", "random:seed=13")
"""Tracks that are harder than the target, or other."""
HARDER_FIRST = {"stages": [{"until": 0.6, "also_tracks": list(HARDER)}, {"until": 1.0}]}
"""A school that differs from the target alone in the tracks of its first part."""
STABILISING_RAD = math.radians(5.0)
"""Angles up to this, but for straight ahead, are the stabilising ones."""

Where = Literal["all", "target", "new"]


@dataclass(frozen=True)
class Variant:
    """One way of training."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What it changes, by dotted name."""
    files: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    """Settings that name a JSON file, and what is in it."""

    @property
    def missing(self) -> list[str]:
        """Settings that this version does not know."""
        kinds = setting_kinds()
        return [name for name in (*self.settings, *self.files) if name not in kinds]


BASE = Variant("base")
"""The common configuration as it is."""


@dataclass(frozen=True)
class AblationRow:
    """One claim, and how it is tried."""

    name: str
    claim: str
    """In a sentence, as it would be said if it holds."""
    better: Variant
    """With the ingredient, as the claim has it."""
    worse: Variant
    """Without it."""
    measure: str
    """Figure of the exam that decides."""
    good: Literal["higher", "lower"]
    """Which way that figure is better."""
    noise: str = "high"
    """Visual noise of the exam that decides."""
    where: Where = "all"
    """Tracks of it: all three, the target, or those never trained on."""
    others: tuple[Variant, ...] = ()
    """Ways in between, for the table."""
    exams: tuple[str, ...] = ("high",)
    """Noise levels that are examined beside the one that decides."""

    @property
    def variants(self) -> tuple[Variant, ...]:
        """All ways of training."""
        return (self.better, *self.others, self.worse)

    @property
    def tracks(self) -> tuple[str, ...]:
        """Tracks that decide."""
        return {"all": (TARGET, *NEW_TRACKS), "target": (TARGET,), "new": NEW_TRACKS}[self.where]

    @property
    def decided_by(self) -> str:
        """What decides, in words."""
        where = {"all": "all tracks", "target": TARGET, "new": "tracks never trained on"}[self.where]
        return f"{self.measure}, noise {self.noise}, {where}"

    @property
    def missing(self) -> list[str]:
        """Settings that it needs and that this version does not know."""
        return list(dict.fromkeys(name for variant in self.variants for name in variant.missing))


ROWS = (
    AblationRow(
        "noise",
        "Visual noise in training makes a policy ignore noise that it has never seen.",
        Variant("noise-high", {"sim.noise": "high"}),
        Variant("noise-none", {"sim.noise": "none"}),
        "lap_share",
        "higher",
        noise="unseen",
        others=(Variant("noise-low", {"sim.noise": "low"}),),
        exams=("none", "high"),
    ),
    AblationRow(
        "angles",
        "Stabilising angles of 2.5 and 5 degrees keep a car straight on the straights.",
        BASE,
        Variant(
            "no-small-angles", files={"actions": lambda: to_model_metadata(ACTIONS["no-small-angles"]())}
        ),
        "weave_cm",
        "lower",
    ),
    AblationRow(
        "chevron",
        "Higher speeds for smaller angles nudge a car to drive straight rather than to swing left and right.",
        BASE,
        Variant("flat-speeds", files={"actions": lambda: to_model_metadata(ACTIONS["flat-speeds"]())}),
        "straight_tv",
        "lower",
    ),
    AblationRow(
        "directions",
        "Training in both directions teaches corners of either kind.",
        BASE,
        Variant("one-direction", {"sim.directions": ["counter-clockwise"]}),
        "lap_share",
        "higher",
    ),
    AblationRow(
        "tracks",
        "Harder and other tracks before the target make a policy at home on tracks never seen.",
        Variant("harder-first", files={"school": lambda: HARDER_FIRST}),
        BASE,
        "lap_share",
        "higher",
        where="new",
    ),
    AblationRow(
        "entropy",
        "Holding the entropy above 0.5 keeps a policy able to adapt.",
        Variant("entropy-held", {"ppo.entropy_floor": 0.5, "ppo.entropy_release": 1.0}),
        Variant("entropy-free", {"ppo.entropy_floor": 0.0, "ppo.entropy_weight": 0.0}),
        "lap_share",
        "higher",
        noise="unseen",
        where="new",
    ),
    AblationRow(
        "dynamics",
        "A policy for the real car must be trained on the real car's dynamics, varied.",
        Variant("real-car", {"sim.vehicle": "real-car", "sim.vary_vehicle": True}),
        Variant("ideal-car", {"sim.vehicle": "ideal", "sim.vary_vehicle": False}),
        "lap_share",
        "higher",
    ),
    AblationRow(
        "largest-angle",
        "Angles that the car cannot steer, 20 degrees, do harm; 15 is better.",
        Variant("at-most-15", files={"actions": lambda: to_model_metadata(ACTIONS["at-most-15"]())}),
        BASE,
        "lap_share",
        "higher",
    ),
    AblationRow(
        "latency",
        "Knowing the last commands makes up for latency.",
        Variant("last-commands", {"history": 4}),
        Variant("no-memory", {"history": 0}),
        "straight_tv",
        "lower",
    ),
    AblationRow(
        "latency-trained",
        "A policy for a car that obeys late must be trained on one that does.",
        BASE,
        Variant("no-latency", {"sim.latency": False}),
        "lap_share",
        "higher",
    ),
    AblationRow(
        "blur",
        "Averaging each frame with the one before it does not help.",
        BASE,
        Variant("blurred", {"sim.frame_averaging": 0.5}),
        "weave_cm",
        "lower",
    ),
    AblationRow(
        "sky",
        "Masking the sky keeps a policy from being led astray by what is above the track.",
        Variant("no-sky", {"sky_mask_rows": 40}),
        BASE,
        "lap_share",
        "higher",
        noise="unseen",
    ),
)


def rows_named(names: tuple[str, ...]) -> list[AblationRow]:
    """Return rows by name, all if none is named.

    Raises:
        UnknownNameError: no row has that name.
    """
    known = {row.name: row for row in ROWS}
    for name in names:
        if name not in known:
            raise unknown_name("row of the ablation", name, known)
    return [known[name] for name in names] if names else list(ROWS)


def without_small_angles(space: DiscreteActionSpace) -> DiscreteActionSpace:
    """Drop the stabilising angles."""
    return _keep(space, lambda angle: abs(angle) < 1e-9 or abs(angle) > STABILISING_RAD + 1e-9)


def with_flat_speeds(space: DiscreteActionSpace) -> DiscreteActionSpace:
    """Give every angle the mean speed."""
    return replace(space, speed_mps=(sum(space.speed_mps) / space.size,) * space.size)


def with_largest_angle(space: DiscreteActionSpace, largest_rad: float) -> DiscreteActionSpace:
    """Bring angles that are too large down to the largest one."""
    angles = tuple(math.copysign(min(abs(angle), largest_rad), angle) for angle in space.steering_rad)
    return replace(space, steering_rad=angles)


ACTIONS: dict[str, Callable[[], DiscreteActionSpace]] = {
    "no-small-angles": lambda: without_small_angles(default_action_space()),
    "flat-speeds": lambda: with_flat_speeds(default_action_space()),
    "at-most-15": lambda: with_largest_angle(default_action_space(), math.radians(15.0)),
}
"""Action spaces of the rows, all made of the default one."""


def _keep(space: DiscreteActionSpace, wanted: Callable[[float], bool]) -> DiscreteActionSpace:
    kept = [index for index, angle in enumerate(space.steering_rad) if wanted(angle)]
    return DiscreteActionSpace(
        tuple(space.steering_rad[index] for index in kept), tuple(space.speed_mps[index] for index in kept)
    )
