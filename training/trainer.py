"""The loop of one training session.

It drives, learns, notes, looks (greedy evaluation) and saves, in this order, so that every snapshot is of a
finished update. It ends when greedy evaluation meets the goal, when the budget is spent, on Ctrl-C, or when
the numbers stop being numbers; except for the last, the best snapshot becomes `policy.onnx`.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from rich.console import Console
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat

from car.action_space import load_model_metadata
from car.errors import BadFileError, Sim2RaceError
from training.assembly import build_learner, export_snapshot
from training.display import TrainingDisplay
from training.evaluation import Evaluation, evaluate
from training.learner import UpdateReport
from training.run_folder import RunFolder
from training.snapshots import TrainingState, load_snapshot, save_snapshot
from training.train_config import TrainConfig

EVALUATION_SEED = 100_000
"""Added to the run's seed, so that evaluation shows other surroundings than training."""


@dataclass(frozen=True)
class TrainResult:
    """What a training came to."""

    folder: Path
    """The run's folder."""
    policy: Path
    """The exported policy."""
    steps: int
    """Simulated steps, over all sessions."""
    seconds: float
    """Wall clock, over all sessions."""
    reason: str
    """Why it ended, in words."""
    interrupted: bool
    """Whether it was told to stop before its end."""
    best: dict[str, Any] | None
    """Greedy evaluation of the exported snapshot (`Evaluation.to_data`), None if there was none."""
    history: list[dict[str, Any]]
    """The rows of `metrics.jsonl`."""


class Trainer:
    """One session of a run, from its start or its last snapshot to its end."""

    def __init__(self, config: TrainConfig, folder: RunFolder, *, console: Console) -> None:
        """Build the cars and the learner, and load the last snapshot if there is one.

        Raises:
            Sim2RaceError: a name in the configuration does not exist, or no snapshot can be read.
        """
        torch.set_num_threads(config.torch_threads)
        self._config, self._folder = config, folder
        self._display = TrainingDisplay(console, total_steps=config.max_steps)
        self._actions = load_model_metadata(folder.actions_path)
        self._learner = build_learner(config, self._actions)
        self._state = TrainingState()
        self._saved: Path | None = None
        if folder.snapshots():
            self._restore()
        self._began_s = time.monotonic() - self._state.seconds
        self._tensorboard = Logger(None, [TensorBoardOutputFormat(str(folder.tensorboard_path))])
        self._complained = False

    def train(self) -> TrainResult:
        """Train to the end and export the best snapshot.

        Raises:
            Sim2RaceError: training diverged, or no snapshot or policy could be written.
        """
        verb = "Going on with" if self._state.steps else "Training in"
        world = f"{', '.join(self._config.sim.tracks)}, noise {self._config.sim.noise}"
        self._display.say(f"{verb} {self._folder.path}: {world}, {self._config.ppo.cars} cars.")
        with _stop_requests() as stop, self._display:
            self._learner.begin()
            while self._reason_to_stop() is None and not stop.is_set():
                self._advance()
        reason = self._reason_to_stop()
        self._save(must=True)
        proof = export_snapshot(self._folder, "best", self._folder.policy_path)
        self._display.say(f"PyTorch against onnxruntime on the exported policy, largest difference: {proof}.")
        return TrainResult(
            folder=self._folder.path,
            policy=self._folder.policy_path,
            steps=self._state.steps,
            seconds=self._state.seconds,
            reason=reason or "Stopped by request.",
            interrupted=reason is None,
            best=self._folder.best_evaluation(),
            history=self._folder.metrics(),
        )

    def _advance(self) -> None:
        """Drive and learn once; then look, note and save as far as it is time to."""
        before = self._state.steps
        report = self._learner.advance(min(1.0, before / self._config.max_steps))
        if not self._learner.is_finite:
            raise Sim2RaceError(
                f"Training diverged after {report.steps} steps: the network holds numbers that are not "
                f"finite; last good snapshot: {self._saved or 'none'}."
            )
        self._state = replace(
            self._state,
            steps=report.steps,
            updates=self._state.updates + 1,
            seconds=time.monotonic() - self._began_s,
            entropy_weight=float(self._learner.ent_coef),
        )
        self._display.show_update(report)
        evaluation = self._evaluate() if self._is_time_to_evaluate(report) else None
        self._note(report, evaluation)
        is_best = evaluation is not None and list(evaluation.merit) >= self._state.best_merit
        if is_best and evaluation is not None:
            self._state = replace(self._state, best_merit=list(evaluation.merit))
        interval = self._config.snapshot_steps
        is_time = report.steps // interval > before // interval
        if (is_best or is_time) and self._save() and is_best and evaluation is not None:
            self._folder.write_best(self._folder.snapshot_path(report.steps), evaluation.to_data())

    def _is_time_to_evaluate(self, report: UpdateReport) -> bool:
        """Say whether a greedy evaluation is due and worth its time."""
        due = report.steps - self._state.evaluated_at >= self._config.evaluation_steps
        last = report.steps >= self._config.max_steps
        return last or (due and report.progress >= self._config.evaluation_from_progress)

    def _evaluate(self) -> Evaluation:
        """Drive greedily, in surroundings that differ from one evaluation to the next."""
        evaluation = evaluate(
            self._learner.act_greedily,
            self._config.evaluation_sim,
            action_space=self._actions,
            frames=self._config.frames,
            laps=self._config.evaluation_laps,
            seed=self._config.seed + EVALUATION_SEED + self._state.updates,
        )
        passed = evaluation.worst_lap_share >= self._config.until_lap_share
        self._state = replace(
            self._state,
            evaluated_at=self._state.steps,
            passes=self._state.passes + 1 if passed else 0,
            seconds=time.monotonic() - self._began_s,
        )
        self._display.show_evaluation(self._state.steps, evaluation)
        return evaluation

    def _reason_to_stop(self) -> str | None:
        """Return why training is over, None while it is not."""
        config, state = self._config, self._state
        if state.passes >= config.until_evaluations:
            goal = f"{config.until_lap_share:.0%} of greedy laps in {state.passes} evaluations in a row"
            return f"Reached the goal: {goal}."
        if state.steps >= config.max_steps:
            return f"Spent its {config.max_steps:,} steps."
        if config.max_minutes and state.seconds >= 60.0 * config.max_minutes:
            return f"Spent its {config.max_minutes:g} minutes."
        return None

    def _note(self, report: UpdateReport, evaluation: Evaluation | None) -> None:
        """Write the figures to `metrics.jsonl` and TensorBoard; a full disk costs figures, not training."""
        figures = {**asdict(report), "steps_per_second": report.steps_per_second}
        row: dict[str, Any] = {**figures, "seconds": self._state.seconds}
        if evaluation is not None:
            greedy = asdict(evaluation.total) | {"lap_share": evaluation.total.lap_share}
            row["greedy"] = greedy
            figures |= {f"greedy/{name}": value for name, value in greedy.items()}
        for name, value in figures.items():
            if isinstance(value, int | float):
                self._tensorboard.record(name if "/" in name else f"exploring/{name}", value)
        try:
            self._folder.append_metrics(row)
            self._tensorboard.dump(report.steps)
        except OSError as error:
            self._complain(f"Cannot write figures to {self._folder.path}: {error.strerror or error}.")

    def _save(self, *, must: bool = False) -> bool:
        """Write a snapshot unless there is one of this step; return whether it is there.

        Raises:
            Sim2RaceError: it cannot be written, and `must` be.
        """
        path = self._folder.snapshot_path(self._state.steps)
        if self._saved == path:
            return True
        try:
            save_snapshot(path, self._learner, self._state)
        except Sim2RaceError as error:
            if must:
                raise
            self._complain(str(error))
            return False
        self._saved = path
        return True

    def _complain(self, text: str) -> None:
        """Say once that something could not be written; training goes on in the hope of better times."""
        if not self._complained:
            self._complained = True
            self._display.say(f"{text} Training goes on.")

    def _restore(self) -> None:
        """Go on from the newest snapshot that can be read.

        Raises:
            BadFileError: none can be read.
        """
        damaged = BadFileError("")
        for path in reversed(self._folder.snapshots()):
            try:
                self._state = load_snapshot(path, self._learner)
            except BadFileError as error:
                damaged = error
                self._display.say(str(error))
                continue
            self._saved = path
            self._folder.cut_metrics(self._state.steps)
            assert self._learner.env is not None
            # Other surroundings than the first session began with.
            sequence = np.random.SeedSequence([self._config.seed, self._state.steps])
            self._learner.env.seed(int(sequence.generate_state(1)[0]))
            return
        raise damaged


@contextmanager
def _stop_requests() -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that the update under way is finished; twice interrupts."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def request(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
