"""Laps and episodes as the reference simulator's metrics files, key for key.

Times are milliseconds of the simulation's clock, percentages are whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

FAILURES = ("crashed", "immobilized", "off_track", "reversed")
LABELS = {
    "lap_complete": "Lap complete",
    "crashed": "Crashed",
    "off_track": "Off track",
    "immobilized": "Immobilized",
    "in_progress": "In progress",
    "pause": "Pause",
    "reversed": "Reversed",
    "time_up": "Time Up",
    "prepare": "Prepare",
}
"""How the metrics files call what a trace calls by the key."""
_COUNTS = {
    "crash_count": "crashed",
    "immobilized_count": "immobilized",
    "off_track_count": "off_track",
    "reversed_count": "reversed",
}


@dataclass(frozen=True)
class Trial:
    """One lap of a race, or one episode."""

    status: str
    """How it ended, as in "lap_complete"."""
    progress: float
    """0 to 100."""
    start_s: float
    """When it began, by the simulation's clock."""
    end_s: float
    reward: float = 0.0
    """Sum of its rewards."""
    failures: dict[str, int] = field(default_factory=dict)
    """How often each of `FAILURES` happened in it, the one that ended it included."""

    @property
    def seconds(self) -> float:
        """How long it took, penalties included."""
        return self.end_s - self.start_s


def evaluation_metrics(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return the content of an evaluation's metrics file."""
    return {
        "metrics": [
            {
                "completion_percentage": int(trial.progress),
                **_times(trial),
                "episode_status": LABELS[trial.status],
                **{key: trial.failures.get(status, 0) for key, status in _COUNTS.items()},
                "reset_count": sum(trial.failures.get(status, 0) for status in FAILURES),
                "trial": number,
            }
            for number, trial in enumerate(trials, start=1)
        ]
    }


def training_metrics(
    episodes: Sequence[Trial], *, best_model_metric: Literal["progress", "reward", "laptime"] = "progress"
) -> dict[str, Any]:
    """Return the content of a training's metrics file."""
    return {
        "metrics": [
            {
                "reward_score": round(episode.reward),
                **_times(episode),
                "episode": number,
                "trial": number,
                "phase": "training",
                "completion_percentage": int(episode.progress),
                "episode_status": LABELS[episode.status],
            }
            for number, episode in enumerate(episodes, start=1)
        ],
        "version": "2.0",
        "best_model_metric": best_model_metric,
    }


def _times(trial: Trial) -> dict[str, int]:
    return {
        "metric_time": round(1000.0 * trial.end_s),
        "start_time": round(1000.0 * trial.start_s),
        "elapsed_time_in_milliseconds": round(1000.0 * trial.seconds),
    }
