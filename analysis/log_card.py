"""What the list of logs shows of one log: a line that tells runs apart."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.metrics import Scorecard
from analysis.replay import started_at
from car.log_end import end_was_asked_for, ended_in_order
from car.log_reader import CarLog


@dataclass(frozen=True)
class LogCard:
    """One line of the list. None or empty where the log does not hold it."""

    model: str
    """Name of the policy: text from outside."""
    track: str
    """Name of the track: text from outside."""
    direction: str
    """Direction of driving."""
    started_at: str
    """See `analysis.replay.started_at`."""
    duration_s: float
    """From the first frame to the last."""
    frames: int
    """Number of frames."""
    has_pictures: bool
    """Whether there is any frame to look at."""
    fps: float | None
    """Frames per second."""
    dropped: int
    """Frames missing in between."""
    laps: int | None
    """Completed laps; None where the log holds no progress."""
    best_lap_s: float | None
    """The shortest lap."""
    latency_p50_ms: float | None
    """Camera to PWM, median."""
    latency_p99_ms: float | None
    """Camera to PWM, one in a hundred is slower."""
    stop_reason: str
    """Why the run was stopped, as the log says it: text from outside. Empty if it ended in order."""
    damage: str | None
    """Why the log ends early."""


def log_card(log: CarLog, card: Scorecard) -> LogCard:
    """Pick the line of the list from a log and its scorecard."""
    has_progress = bool((log.frames.progress >= 0).any())
    return LogCard(
        model=model_name(log),
        track=str(log.run.get("track") or ""),
        direction=str(log.run.get("direction") or ""),
        started_at=started_at(log),
        duration_s=card.duration_s,
        frames=card.frames,
        has_pictures=log.has_pictures,
        fps=card.fps,
        dropped=card.dropped,
        laps=len(card.laps) if has_progress or card.laps else None,
        best_lap_s=card.best_lap_s,
        latency_p50_ms=card.latency.p50_ms if card.latency else None,
        latency_p99_ms=card.latency.p99_ms if card.latency else None,
        stop_reason=stop_reason(log),
        damage=log.damage,
    )


def model_name(log: CarLog) -> str:
    """Return the policy's name, else the name of the log, which begins with it."""
    name = log.run.get("name")
    return name if isinstance(name, str) and name else log.name


def stop_reason(log: CarLog) -> str:
    """Return why the run was stopped: the last stop, else what the log's writer said.

    Empty where nothing says it, and for a drive that came to the end that was asked for. Where only the log
    did, because somebody ended the log node of a car, a stop of the car still counts.
    """
    if ended_in_order(log.run):
        return ""
    for kind in ("stopped",) if end_was_asked_for(log.run) else ("stopped", "end"):
        reasons = [event.text for event in log.events if event.kind == kind and event.text]
        if reasons:
            return reasons[-1]
    return ""
