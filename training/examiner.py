"""Greedy driving for marks: in the run's own world while it trains, and where it never trained at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from car.action_space import ActionSpace
from sim.simulator import SimConfig
from sim.track import DIRECTIONS
from training.evaluation import Act, Evaluation, evaluate
from training.held_out import Place, rank
from training.learner import Learner
from training.run_folder import RunFolder
from training.snapshots import load_snapshot
from training.teacher import Teacher
from training.train_config import TrainConfig

EVALUATION_SEED = 100_000
"""Added to the run's seed, so that evaluation shows other surroundings than training."""
HELD_OUT_SEED = 200_000
"""Added to the run's seed for the ranking of snapshots."""


class Examiner:
    """Examines the drivers of one run."""

    def __init__(self, config: TrainConfig, actions: ActionSpace) -> None:
        self._config, self._actions = config, actions

    def examine(self, learner: Learner, *, turn: int) -> Evaluation:
        """Let a learner drive laps in the run's world; each turn has surroundings of its own."""
        return self._drive(
            learner.act_greedily,
            self._config.evaluation_sim,
            laps=self._config.evaluation_laps,
            seed=self._config.seed + EVALUATION_SEED + turn,
        )

    def examine_teacher(self, teacher: Teacher) -> Evaluation:
        """Let the teacher drive laps in the run's world."""
        config = self._config
        return evaluate(
            teacher.act,
            config.evaluation_sim,
            action_space=self._actions,
            frames=0,
            truth=True,
            laps=config.evaluation_laps,
            seed=config.seed + EVALUATION_SEED,
        )

    def rank_snapshots(
        self, folder: RunFolder, learner: Learner, *, say: Callable[[str], None]
    ) -> list[Place]:
        """Rank the most promising snapshots on tracks and surroundings that the run never trained in.

        Args:
            folder: the run's.
            learner: takes up one snapshot after the other; holds the last one afterwards.
            say: told each result.

        Returns:
            Best first; empty if no snapshot was ever evaluated.
        """
        candidates = folder.candidates()
        if not self._config.held_out_laps or not candidates:
            return []
        say("Driving where it never trained, to choose the snapshot to export ...")

        def drive(snapshot: Path) -> Evaluation:
            load_snapshot(snapshot, learner, for_training=False)
            laps = self._drive(
                learner.act_greedily,
                self._held_out_sim,
                laps=self._config.held_out_laps,
                seed=self._config.seed + HELD_OUT_SEED,
            )
            total = laps.total
            say(f"{snapshot.stem} where it never trained: {total.completed} of {total.attempted} laps")
            return laps

        return rank(candidates, drive)

    @property
    def _held_out_sim(self) -> SimConfig:
        """The world of the ranking: the run's tracks and held-out ones, both ways, in unseen noise."""
        sim = self._config.evaluation_sim
        others = tuple(track for track in self._config.held_out_tracks if track not in sim.tracks)
        return replace(sim, tracks=sim.tracks + others, directions=DIRECTIONS, noise="unseen")

    def _drive(self, act: Act, sim: SimConfig, *, laps: int, seed: int) -> Evaluation:
        config = self._config
        return evaluate(
            act,
            sim,
            action_space=self._actions,
            frames=config.frames,
            history=config.history,
            truth=config.critic == "truth",
            laps=laps,
            seed=seed,
        )
