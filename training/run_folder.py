"""The folder of a training run, and what lies where in it.

config.json     the resolved configuration
metrics.jsonl   one line per rollout: figures while exploring, and of the greedy evaluation when there was one
school.json     the stages of the training
files/          copies of the reward file, the camera's calibration and the track files that the settings name
start.zip       the weights that it began with, if those of another run
snapshots/      step-000123456.zip, and .json with its counters to read, .greedy.json with its evaluation
teacher.pt      the teacher's weights, if there is one; teacher-snapshot.zip while it is being trained
best.json       which snapshot drove best in greedy evaluation
tensorboard/    the same figures as curves
policy.onnx     the exported policy
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from car.errors import BadFileError, Sim2RaceError, unknown_name
from car.files import write_atomically
from car.json_file import read_json_object
from training.evaluation import Evaluation
from training.held_out import Candidate, Place, ranking_data

_SNAPSHOT_NAME = re.compile(r"step-\d{9,}")


@dataclass(frozen=True)
class RunFolder:
    """One training run on disk."""

    path: Path
    """The folder."""

    @staticmethod
    def create(
        parent: Path,
        name: str,
        config: Mapping[str, Any],
        *,
        prepare: Callable[[RunFolder], None] = lambda _: None,
    ) -> RunFolder:
        """Make a new folder `<name>-YYYYmmdd-HHMMSS` in `parent` and write the configuration into it.

        Args:
            parent: where to.
            name: what its own name begins with.
            config: the configuration, written last: with it the folder is a run, which has to be complete.
            prepare: writes what else belongs into it.

        Raises:
            Sim2RaceError: the folder cannot be written.
        """
        stem = f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
        path = parent / stem
        attempt = 1
        try:
            parent.mkdir(parents=True, exist_ok=True)
            while True:
                try:
                    path.mkdir()
                    break
                except FileExistsError:
                    attempt += 1
                    path = parent / f"{stem}-{attempt}"
        except OSError as error:
            raise Sim2RaceError(f"Cannot write {path}: {error.strerror or error}.") from error
        folder = RunFolder(path)
        prepare(folder)
        write_atomically(folder.config_path, json.dumps(config, indent=2) + "\n")
        return folder

    @staticmethod
    def open(path: Path) -> RunFolder:
        """Return the run in an existing folder.

        Raises:
            Sim2RaceError: there is no run; the message suggests the nearest folder.
        """
        folder = RunFolder(path)
        if folder.config_path.is_file():
            return folder
        siblings = [run.parent.name for run in sorted(path.parent.glob("*/config.json"))]
        if not path.exists() and siblings:
            raise unknown_name(f"training run in {path.parent}", path.name, siblings)
        raise BadFileError(f"{path} is not a training run: expected {folder.config_path.name} in it.")

    @property
    def config_path(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.json"

    @property
    def actions_path(self) -> Path:
        """The action space, as DeepRacer writes it."""
        return self.path / "model_metadata.json"

    @property
    def school_path(self) -> Path:
        """The stages of the training."""
        return self.path / "school.json"

    @property
    def start_path(self) -> Path:
        """The snapshot of another run that this one began with."""
        return self.path / "start.zip"

    def copy_path(self, name: str) -> Path:
        """Return where the copy of a file belongs that a setting calls `name`.

        The copy keeps the file's own name, which tracks are called by; its folder tells two of one name
        apart.
        """
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return self.path / "files" / digest / Path(name).name

    @property
    def metrics_path(self) -> Path:
        """One JSON object per line and rollout."""
        return self.path / "metrics.jsonl"

    @property
    def teacher_path(self) -> Path:
        """The teacher's weights."""
        return self.path / "teacher.pt"

    @property
    def teacher_snapshot_path(self) -> Path:
        """The teacher while it is being trained."""
        return self.path / "teacher-snapshot.zip"

    @property
    def tensorboard_path(self) -> Path:
        """Folder of TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def policy_path(self) -> Path:
        """The exported policy."""
        return self.path / "policy.onnx"

    @property
    def best_path(self) -> Path:
        """Which snapshot was best."""
        return self.path / "best.json"

    def snapshot_path(self, steps: int) -> Path:
        """Return where the snapshot after `steps` belongs."""
        return self.path / "snapshots" / f"step-{steps:09d}.zip"

    def snapshots(self) -> list[Path]:
        """Return the snapshots, oldest first."""
        files = (self.path / "snapshots").glob("step-*.zip")
        return sorted(file for file in files if _SNAPSHOT_NAME.fullmatch(file.stem))

    def find_snapshot(self, name: str) -> Path:
        """Return the snapshot called `name`: "best", "last", or a file's stem.

        "best" falls back to the last one in a run that was never evaluated.

        Raises:
            Sim2RaceError: the run has no snapshot, or none of that name.
        """
        snapshots = {file.stem: file for file in self.snapshots()}
        if not snapshots:
            raise Sim2RaceError(f"{self.path} has no snapshot yet.")
        if name == "best" and self.best_path.is_file():
            name = str(read_json_object(self.best_path).get("snapshot"))
        if name in ("best", "last"):
            return list(snapshots.values())[-1]
        if name not in snapshots:
            raise unknown_name(f"snapshot in {self.path}", name, ["best", "last", *snapshots])
        return snapshots[name]

    def write_evaluation(self, snapshot: Path, evaluation: Evaluation) -> None:
        """Keep the greedy evaluation of a snapshot beside it."""
        content = {"merit": evaluation.merit, **evaluation.to_data()}
        write_atomically(snapshot.with_suffix(".greedy.json"), json.dumps(content, indent=2) + "\n")

    def candidates(self) -> list[Candidate]:
        """Return the snapshots that were evaluated, oldest first."""
        return [
            Candidate(snapshot, tuple(read_json_object(file)["merit"]))
            for snapshot in self.snapshots()
            if (file := snapshot.with_suffix(".greedy.json")).is_file()
        ]

    def write_best(self, snapshot: str, ranking: Sequence[Place] = ()) -> None:
        """Name the best snapshot so far, with the greedy evaluation that says so, and its final ranking."""
        file = self.path / "snapshots" / f"{snapshot}.greedy.json"
        evaluation = read_json_object(file) if file.is_file() else None
        content = {"snapshot": snapshot, "evaluation": evaluation, "ranking": ranking_data(ranking)}
        write_atomically(self.best_path, json.dumps(content, indent=2) + "\n")

    def best_evaluation(self) -> dict[str, Any] | None:
        """Return the greedy evaluation of the best snapshot, None before the first."""
        if not self.best_path.is_file():
            return None
        evaluation = read_json_object(self.best_path).get("evaluation")
        return evaluation if isinstance(evaluation, dict) else None

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add one line to the metrics.

        Raises:
            OSError: the line could not be written; training need not stop for it.
        """
        with self.metrics_path.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def cut_metrics(self, steps: int) -> None:
        """Drop the metrics after `steps`, and a half-written last line: the training goes on from there."""
        if not self.metrics_path.is_file():
            return
        kept = [row for row in self.metrics() if row["steps"] <= steps]
        write_atomically(self.metrics_path, "".join(json.dumps(row) + "\n" for row in kept))

    def metrics(self) -> list[dict[str, Any]]:
        """Return the rows of the metrics up to the first damaged line."""
        rows: list[dict[str, Any]] = []
        if not self.metrics_path.is_file():
            return rows
        for line in self.metrics_path.read_text().splitlines():
            try:
                row = json.loads(line)
                if row["steps"] < 0:
                    break
            except (json.JSONDecodeError, KeyError, TypeError):
                break
            rows.append(row)
        return rows
