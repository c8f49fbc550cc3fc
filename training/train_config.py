"""What a training run is: world, learner, budget, goal, and where its files go."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from car.errors import Sim2RaceError
from sim.rewards import RewardConfig
from sim.simulator import SimConfig
from training.config_file import LATER
from training.networks import network_label
from training.ppo_config import PpoConfig
from training.school import School
from training.teacher import TeacherConfig


def _all_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _world() -> SimConfig:
    """Return a world in which calm and distance from the border are worth a little of the progress."""
    reward = RewardConfig(steering_change_per_rad=0.05, edge_per_m=1.0)
    return SimConfig(control_rate_hz=10.0, reward=reward, tight_spot_share=0.1)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Train a camera policy in the simulator and export it as policy.onnx."""

    name: str = "racer"
    """What the policy is called; the run's folder begins with it."""
    runs: Path = Path("runs")
    """Folder that the run's folder is made in."""
    resume: Path | None = None
    """Go on with the run in this folder, with its own configuration; no other option goes with it."""
    start_from: Path | None = None
    """Begin with the weights of another run's best snapshot, to teach it this run's tracks."""
    school: str = "target"
    """Stages: target, hall (harder tracks first), world (harder tracks throughout), or a JSON file."""
    network: str = "small"
    """Network: small (fast on a CPU), deepracer (DeepRacer's three layers) or deep (its five layers)."""
    network_width: float = field(default=1.0, metadata=LATER)
    """Factor on the network's filters and dense layers, 0.1 to 4; narrower is faster."""
    network_pool: int | None = field(default=None, metadata=LATER)
    """Side of the squares of pixels that are averaged first, inside the network: 1, 2, 4 or 5 (deepracer: 1
    or 2); its own, 2 in small and 1 in the others, unless given. Larger is faster."""
    actions: Path | None = None
    """DeepRacer model_metadata.json with the action space; the inverted chevron unless given."""
    frames: int = 1
    """Pictures stacked in an observation."""
    history: int = 0
    """Last commands in an observation: with latency, a picture alone does not tell where the car goes."""
    sky_mask_rows: int = 0
    """Rows of the picture, from the top, that the policy does not see: lamps hang there, not the track."""
    critic: Literal["truth", "camera"] = "truth"
    """What the critic sees: the ground truth, which a teacher wants too, or the actor's pictures."""
    seed: int = 1
    """Seed of everything random."""
    max_steps: int = 131_072
    """End after so many simulated steps; learning rate, clip range and entropy follow their schedules
    over them."""
    max_minutes: float = 0.0
    """End after so many minutes of wall clock, over all sessions; 0 for no limit."""
    until_lap_share: float = 1.1
    """End early when greedy evaluation completes this share of laps on each track and way; above 1 never."""
    until_evaluations: int = 2
    """How many such evaluations in a row end the training."""
    evaluation_laps: int = 10
    """Laps per track and direction in a greedy evaluation."""
    evaluation_steps: int = 32_768
    """Steps between greedy evaluations."""
    evaluation_from_progress: float = 60.0
    """Evaluate only once the mean progress while exploring, 0 to 100, has reached this."""
    evaluation_rate_hz: float = 30.0
    """Decisions per second in evaluation: the car's."""
    held_out_tracks: tuple[str, ...] = ("reinvent-2018", "random:seed=1001")
    """Driven beside the run's own, in both directions and unseen surroundings, to choose the snapshot that is
    exported."""
    held_out_laps: int = 5
    """Laps per track and direction for that; 0 to choose by the greedy evaluations alone."""
    snapshot_steps: int = 50_000
    """Steps between snapshots: what a kill can cost at most."""
    torch_threads: int = field(default_factory=_all_cores)
    """Threads of the learner; all cores unless given."""
    profile: bool = False
    """Print at the end where the time went."""
    sim: SimConfig = field(default_factory=_world)
    """The world. Pictures differ more, and what a decision is worth shows sooner, when it lasts three of the
    car's frames."""
    ppo: PpoConfig = field(default_factory=PpoConfig)
    """The learner."""
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    """Who shows the policy how to drive, until reward alone does."""

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
        for name in ("history", "held_out_laps", "sky_mask_rows"):
            if getattr(self, name) < 0:
                raise Sim2RaceError(f"{name} is {getattr(self, name)}; expected 0 or more.")
        if self.teacher.steps and self.critic != "truth":
            raise Sim2RaceError("A teacher goes by the ground truth: --critic truth, or --teacher.steps 0.")
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise Sim2RaceError(f"name is {self.name!r}; expected a name that a folder can have.")
        if self.seed < 0:
            raise Sim2RaceError(f"seed is {self.seed}; expected 0 or more.")

    def teacher_sim(self, school: School) -> SimConfig:
        """Return the teacher's world: all tracks of the school, at the car's rate, with more tight spots."""
        return replace(
            self.sim,
            tracks=school.all_tracks(self.sim),
            noise="none",
            control_rate_hz=self.evaluation_rate_hz,
            tight_spot_share=max(self.sim.tight_spot_share, self.teacher.tight_spot_share),
        )

    @property
    def network_label(self) -> str:
        """The network's name, with its width and pool where they are not the usual ones.

        Raises:
            Sim2RaceError: there is no network of that name, or it cannot have that width or pool.
        """
        return network_label(self.network, width=self.network_width, pool=self.network_pool)

    @property
    def evaluation_sim(self) -> SimConfig:
        """The world of greedy evaluation: that of training, from the start line, decided as fast as a car."""
        return replace(self.sim, start="line", control_rate_hz=self.evaluation_rate_hz)
