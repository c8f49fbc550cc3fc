"""Reading the metrics JSON of the reference simulator: how every trial of an evaluation or training went."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from car.errors import BadFileError
from car.json_file import read_json_object

MAX_METRICS_BYTES = 8 * 2**20
_HEAD_BYTES = 4096
_SHAPE = re.compile(rb'"metrics"\s*:\s*\[\s*\{[^{}\[\]]*"completion_percentage"\s*:')
"""A list of trials, and the first one's share of the lap."""
MAX_TRIALS = 100_000


@dataclass(frozen=True)
class MetricsTrial:
    """One trial."""

    seconds: float
    """How long it took."""
    share: float
    """Of the lap that was driven, 0 to 1."""
    off_tracks: float
    """How often the car left the track."""

    @property
    def complete(self) -> bool:
        """Whether it is a whole lap."""
        return self.share >= 1.0


def read_metrics(path: Path) -> list[MetricsTrial]:
    """Read a metrics file.

    Raises:
        BadFileError: the file cannot be read or is no metrics file.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BadFileError(f"The metrics file {path} cannot be read: {error.strerror or error}.") from error
    if size > MAX_METRICS_BYTES:
        raise BadFileError(f"The metrics file {path} is larger than {MAX_METRICS_BYTES >> 20} MiB.")
    trials = read_json_object(path).get("metrics")
    if not isinstance(trials, list) or not trials or len(trials) > MAX_TRIALS:
        raise BadFileError(f"{path} is no metrics file: it has no list 'metrics' of trials.")
    return [_trial(trial, path) for trial in trials]


def is_metrics_file(path: Path) -> bool:
    """Say whether a file looks like one, by its beginning: there is other JSON in a folder."""
    try:
        with path.open("rb") as file:
            return _SHAPE.search(file.read(_HEAD_BYTES)) is not None
    except OSError:
        return False


def _trial(trial: Any, path: Path) -> MetricsTrial:
    try:
        share = float(trial["completion_percentage"]) / 100.0
        seconds = float(trial["elapsed_time_in_milliseconds"]) / 1000.0
        status = str(trial.get("episode_status", ""))
        left = float(trial.get("off_track_count", status.lower().replace(" ", "_") == "off_track"))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadFileError(f"{path} is no metrics file: a trial of it has no {error}.") from error
    if not all(math.isfinite(value) and 0.0 <= value < 1e9 for value in (share, seconds, left)):
        raise BadFileError(f"{path}: a trial has the figures {json.dumps(trial)[:100]}.")
    return MetricsTrial(seconds, share, left)
