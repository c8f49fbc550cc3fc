"""What a training run is: world, learner, budget, goal, and where its files go."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from car.errors import Sim2RaceError
from sim.simulator import SimConfig
from training.ppo_config import PpoConfig


def _all_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Train a camera policy in the simulator and export it as policy.onnx."""

    name: str = "racer"
    """What the policy is called; the run's folder begins with it."""
    runs: Path = Path("runs")
    """Folder that the run's folder is made in."""
    resume: Path | None = None
    """Go on with the run in this folder, with its own configuration; no other option goes with it."""
    network: str = "small"
    """Network: small (fast on a CPU) or deepracer (DeepRacer's three layers)."""
    actions: Path | None = None
    """DeepRacer model_metadata.json with the action space; the inverted chevron unless given."""
    frames: int = 1
    """Pictures stacked in an observation."""
    seed: int = 1
    """Seed of everything random."""
    max_steps: int = 262_144
    """End after so many simulated steps; learning rate and entropy follow their schedules over them."""
    max_minutes: float = 0.0
    """End after so many minutes of wall clock, over all sessions; 0 for no limit."""
    until_lap_share: float = 1.0
    """End early when greedy evaluation completes this share of laps on each track and way; above 1 never."""
    until_evaluations: int = 2
    """How many such evaluations in a row end the training."""
    evaluation_laps: int = 10
    """Laps per track and direction in a greedy evaluation."""
    evaluation_steps: int = 16_384
    """Steps between greedy evaluations."""
    evaluation_from_progress: float = 60.0
    """Evaluate only once the mean progress while exploring, 0 to 100, has reached this."""
    evaluation_rate_hz: float = 30.0
    """Decisions per second in evaluation: the car's."""
    snapshot_steps: int = 50_000
    """Steps between snapshots: what a kill can cost at most."""
    torch_threads: int = field(default_factory=_all_cores)
    """Threads of the learner; all cores unless given."""
    sim: SimConfig = field(default_factory=lambda: SimConfig(control_rate_hz=10.0))
    """The world. What a decision is worth shows sooner when it lasts three of the car's frames."""
    ppo: PpoConfig = field(default_factory=PpoConfig)
    """The learner."""

    def __post_init__(self) -> None:
        positive = (
            "frames",
            "max_steps",
            "until_evaluations",
            "evaluation_laps",
            "evaluation_steps",
            "snapshot_steps",
            "torch_threads",
        )
        for name in positive:
            if getattr(self, name) < 1:
                raise Sim2RaceError(f"{name} is {getattr(self, name)}; expected at least 1.")
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise Sim2RaceError(f"name is {self.name!r}; expected a name that a folder can have.")
        if self.seed < 0:
            raise Sim2RaceError(f"seed is {self.seed}; expected 0 or more.")

    @property
    def evaluation_sim(self) -> SimConfig:
        """The world of greedy evaluation: that of training, from the start line, decided as fast as a car."""
        return replace(self.sim, start="line", control_rate_hz=self.evaluation_rate_hz)
