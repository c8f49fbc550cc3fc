"""What a training run came to, in one row, and in which settings runs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from car.errors import BadFileError
from car.json_file import read_json_object
from training.run_folder import RunFolder
from training.session import last_session

NOT_COMPARED = ("name", "runs", "resume", "torch_threads", "sim.threads")
"""Settings that say where and how wide a run runs, not what it is."""


@dataclass(frozen=True)
class RunOverview:
    """One run in figures; None where it has not come to that."""

    path: Path
    """The run's folder."""
    state: str
    """waiting, running, finished, stopped, killed, diverged or failed."""
    reason: str
    """Why it ended, in words; empty while it runs."""
    settings: dict[str, Any]
    """Every setting by its dotted name."""
    steps: int
    """Simulated steps."""
    max_steps: int | None
    """Steps that it would end after."""
    seconds: float
    """Wall clock, over all sessions."""
    greedy_lap_share: float | None
    """Of the best greedy evaluation, 0 to 1."""
    exploring_lap_share: float | None
    """Of the last episodes while exploring, 0 to 1."""
    best_lap_s: float | None
    """Best lap of the best greedy evaluation."""
    entropy: float | None
    """Entropy of the policy in the last update, nats."""
    steps_per_second: float | None
    """Rate of the last rollout and update."""

    def to_data(self) -> dict[str, Any]:
        """Return the run as JSON-able data."""
        return {**self.__dict__, "path": str(self.path)}


def overview(folder: RunFolder) -> RunOverview:
    """Read a run's folder.

    Raises:
        BadFileError: its configuration cannot be read.
    """
    settings = flatten(read_json_object(folder.config_path))
    rows = folder.metrics()
    last = rows[-1] if rows else {}
    session = last_session(folder)
    best = _best_greedy(folder, rows)
    return RunOverview(
        path=folder.path,
        state=session.state,
        reason=session.reason,
        settings=settings,
        steps=int(last.get("steps", 0)),
        max_steps=settings.get("max_steps"),
        seconds=float(last.get("seconds", 0.0)),
        greedy_lap_share=_share(best),
        exploring_lap_share=last.get("lap_share"),
        best_lap_s=None if best is None else best.get("best_lap_s"),
        entropy=last.get("entropy"),
        steps_per_second=last.get("steps_per_second"),
    )


def find_runs(folder: Path) -> list[RunFolder]:
    """Return the runs in a folder, or the one that the folder itself is, by name.

    Raises:
        BadFileError: there is none.
    """
    runs = [path.parent for path in sorted(folder.glob("*/config.json"))]
    if (folder / "config.json").is_file():
        runs = [folder]
    if not runs:
        raise BadFileError(f"No training runs in {folder}: expected folders with a config.json.")
    return [RunFolder(path) for path in runs]


def differing_settings(runs: Sequence[RunOverview]) -> list[str]:
    """Return the settings that are not the same in all runs, in the order of the configuration."""
    names = dict.fromkeys(name for run in runs for name in run.settings if name not in NOT_COMPARED)
    return [name for name in names if len({repr(run.settings.get(name)) for run in runs}) > 1]


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings by dotted name, as in `ppo.epochs`."""
    flat: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _best_greedy(folder: RunFolder, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the summary of the best greedy evaluation: of the best snapshot, else of the metrics."""
    try:
        evaluation = folder.best_evaluation()
    except BadFileError:
        evaluation = None
    if evaluation is not None and isinstance(evaluation.get("total"), dict):
        total: dict[str, Any] = evaluation["total"]
        return total
    greedy = [row["greedy"] for row in rows if isinstance(row.get("greedy"), dict)]
    return max(greedy, key=lambda one: (_share(one) or 0.0, one.get("progress", 0.0)), default=None)


def _share(summary: Mapping[str, Any] | None) -> float | None:
    if not summary or not summary.get("attempted"):
        return None
    return float(summary["completed"]) / float(summary["attempted"])
