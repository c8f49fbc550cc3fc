"""The loop of one training session.

It drives, learns, notes, looks (greedy evaluation) and saves, in this order, so that every snapshot is of a
finished update. It ends when greedy evaluation meets the goal, when the budget is spent, on Ctrl-C, or when
the numbers stop being numbers; except for the last, the best snapshot becomes `policy.onnx`.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat

from car.action_space import DiscreteActionSpace, load_model_metadata
from car.errors import BadFileError, Sim2RaceError
from sim.sb3_adapter import SimVecEnv
from training.assembly import build_cars, build_learner, export_snapshot, load_school, start_snapshot
from training.display import TrainingDisplay
from training.evaluation import Evaluation
from training.examiner import Examiner
from training.health import DivergedError, is_collapsed, is_finite
from training.learner import UpdateReport
from training.run_folder import RunFolder
from training.school import Stage
from training.snapshots import TrainingState, load_snapshot, save_snapshot
from training.stop_requests import stop_requests
from training.stopwatch import Stopwatch
from training.teacher import TeacherReport, load_teacher, train_teacher
from training.teacher_snapshot import TeacherSnapshots
from training.train_config import TrainConfig


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
        self._school = load_school(folder)
        self._stage: Stage | None = None
        self._examiner = Examiner(config, self._actions)
        self._watch = Stopwatch()
        self._state = TrainingState()
        self._saved: Path | None = None
        if folder.snapshots():
            self._restore()
        elif config.start_from is not None:
            load_snapshot(start_snapshot(config, folder), self._learner, for_training=False)
            self._learner.num_timesteps = 0
        folder.cut_metrics(self._state.steps)
        self._began_s = time.monotonic() - self._state.seconds
        self._tensorboard = Logger(None, [TensorBoardOutputFormat(str(folder.tensorboard_path))])
        self._complained = False

    def train(self) -> TrainResult:
        """Train to the end and export the best snapshot.

        Raises:
            Sim2RaceError: training diverged, or no snapshot or policy could be written.
        """
        begun = self._state.steps or self._folder.teacher_snapshot_path.exists()
        verb = "Going on with" if begun else "Training in"
        world = f"{', '.join(self._config.sim.tracks)}, noise {self._config.sim.noise}"
        self._display.say(f"{verb} {self._folder.path}: {world}, {self._config.ppo.cars} cars.")
        with stop_requests() as stop, self._display:
            with self._watch.measure("teacher"):
                self._meet_teacher(stop)
            while self._reason_to_stop() is None and not stop.is_set():
                self._advance()
        reason = self._reason_to_stop()
        self._save(must=True)
        if reason is not None:
            self._rank_snapshots()
        else:
            self._display.say(f"Stopped by request after {self._state.steps:,} steps; exports the best.")
        proof = export_snapshot(self._folder, "best", self._folder.policy_path)
        self._display.say(f"PyTorch against onnxruntime on the exported policy, largest difference: {proof}.")
        if self._config.profile:
            self._display.show(self._watch.table(within={"driving": self._cars_seconds}))
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

    def _meet_teacher(self, stop: threading.Event) -> None:
        """Train the teacher on, or read the one that an earlier session trained, if one is wanted yet."""
        config, folder = self._config, self._folder
        if not config.teacher.share(self._state.steps / config.max_steps):
            return
        if folder.teacher_path.is_file():
            self._learner.teacher = load_teacher(
                folder.teacher_path, config.teacher, config.teacher_sim(self._school), self._actions
            )
            return

        def report(figures: TeacherReport) -> bool:
            self._display.show_teacher(figures, total_steps=config.teacher.steps)
            return not stop.is_set()

        # Its two small layers are done before a second thread has woken.
        torch.set_num_threads(1)
        teacher = train_teacher(
            config.teacher,
            config.teacher_sim(self._school),
            self._actions,
            seed=config.seed,
            report=report,
            snapshots=TeacherSnapshots(folder.teacher_snapshot_path, config.snapshot_steps, self._complain),
        )
        torch.set_num_threads(config.torch_threads)
        if teacher is None:
            return
        teacher.save(folder.teacher_path)
        folder.teacher_snapshot_path.unlink(missing_ok=True)
        self._learner.teacher = teacher
        self._display.show_evaluation("the teacher", self._examiner.examine_teacher(teacher))

    def _advance(self) -> None:
        """Drive and learn once; then look, note and save as far as it is time to."""
        before = self._state.steps
        progress = min(1.0, before / self._config.max_steps)
        self._go_to_stage(self._school.stage_at(progress))
        try:
            report = self._learner.advance(progress, teacher_share=self._config.teacher.share(progress))
            self._check_health(report)
        except DivergedError as problem:
            raise DivergedError(
                f"Training diverged after {self._learner.num_timesteps} steps: {problem}; "
                f"last good snapshot: {self._saved or 'none'}."
            ) from problem
        self._state = replace(
            self._state,
            steps=report.steps,
            updates=self._state.updates + 1,
            seconds=time.monotonic() - self._began_s,
            entropy_weight=float(self._learner.ent_coef),
        )
        self._watch.add("driving", report.rollout_s)
        self._watch.add("learning", report.update_s)
        self._display.show_update(report)
        evaluation = self._evaluate() if self._is_time_to_evaluate(report) else None
        self._note(report, evaluation)
        is_best = evaluation is not None and list(evaluation.merit) >= self._state.best_merit
        if is_best and evaluation is not None:
            self._state = replace(self._state, best_merit=list(evaluation.merit))
        interval = self._config.snapshot_steps
        is_time = report.steps // interval > before // interval
        if evaluation is not None or is_time:
            self._keep(evaluation, is_best=is_best)

    def _keep(self, evaluation: Evaluation | None, *, is_best: bool) -> None:
        """Write a snapshot; its evaluation comes before it, so that a kill between them loses neither."""
        snapshot = self._folder.snapshot_path(self._state.steps)
        try:
            if evaluation is not None:
                self._folder.write_evaluation(snapshot, evaluation)
            if self._save() and is_best:
                self._folder.write_best(snapshot.stem)
        except Sim2RaceError as error:
            self._complain(str(error))

    def _check_health(self, report: UpdateReport) -> None:
        """Stop a training that can no longer come to anything; a continuous policy may make up its mind.

        Raises:
            DivergedError: it diverged, or the policy does always the same before it can drive.
        """
        if not is_finite(self._learner.policy):
            raise DivergedError("the network holds numbers that are not finite")
        discrete = isinstance(self._actions, DiscreteActionSpace)
        lap_share, episodes = report.lap_share, report.episodes
        if discrete and is_collapsed(entropy=report.entropy, lap_share=lap_share, episodes=episodes):
            raise DivergedError(
                f"the policy explores no more (entropy {report.entropy:.1e}) and cannot drive"
            )

    def _is_time_to_evaluate(self, report: UpdateReport) -> bool:
        """Say whether a greedy evaluation is due and worth its time."""
        due = report.steps - self._state.evaluated_at >= self._config.evaluation_steps
        last = report.steps >= self._config.max_steps
        return last or (due and report.progress >= self._config.evaluation_from_progress)

    def _evaluate(self) -> Evaluation:
        """Drive greedily, in surroundings that differ from one evaluation to the next."""
        with self._watch.measure("evaluating"):
            evaluation = self._examiner.examine(self._learner, turn=self._state.updates)
        passed = evaluation.worst_lap_share >= self._config.until_lap_share
        self._state = replace(
            self._state,
            evaluated_at=self._state.steps,
            passes=self._state.passes + 1 if passed else 0,
            seconds=time.monotonic() - self._began_s,
        )
        self._display.show_evaluation(f"greedy after {self._state.steps:,} steps", evaluation)
        return evaluation

    def _go_to_stage(self, stage: Stage) -> None:
        """Put the cars into the world of a stage, unless they are in it."""
        if stage is self._stage:
            return
        if self._stage is not None:
            world = stage.world(self._config.sim)
            self._display.say(f"Next stage: {', '.join(world.tracks)}, noise {world.noise}.")
        # Other surroundings than another stage, or an earlier session, began with.
        sequence = np.random.SeedSequence([self._config.seed, self._state.steps])
        cars = build_cars(
            self._config, self._actions, stage.world(self._config.sim), int(sequence.generate_state(1)[0])
        )
        for part, seconds in self._cars_seconds.items():
            cars.batch.seconds[part] += seconds
        self._learner.set_env(cars)
        self._learner.begin()
        self._stage = stage

    @property
    def _cars_seconds(self) -> dict[str, float]:
        """Time spent inside the cars so far, by what it was spent on."""
        cars = self._learner.env
        return dict(cars.batch.seconds) if isinstance(cars, SimVecEnv) else {}

    def _rank_snapshots(self) -> None:
        """Name the snapshot that drives best where it never trained, if any was evaluated."""
        with self._watch.measure("ranking"):
            places = self._examiner.rank_snapshots(self._folder, self._learner, say=self._display.say)
        if places:
            self._folder.write_best(places[0].snapshot, places)

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
            # A kill may have come between the snapshot and the note that it is the best.
            known = [one for one in reversed(self._folder.candidates()) if one.path <= path]
            if known:
                self._folder.write_best(max(known, key=lambda one: one.merit).path.stem)
            return
        raise damaged
