"""The replay of one log: all that its page shows except pictures, as columns with one entry per frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.events import TimelineEvent, timeline_events
from analysis.metrics import Scorecard, confidence, entropy_nats, frame_times_s, latencies_ms, scorecard
from analysis.trace_log import laps_of
from analysis.track_outline import TrackOutline, track_outline
from car.action_space import ActionSpace, DiscreteActionSpace
from car.log_reader import CarLog

_EARLIEST_NS = 1_000_000_000 * 10**9  # September 2001: no DeepRacer is older.


@dataclass(frozen=True)
class ActionLabel:
    """One action of a discrete policy, in the words people use."""

    index: int
    """Position in the policy's output."""
    steering_deg: float
    """Degrees, + is left."""
    speed_mps: float
    """Metres per second."""


@dataclass(frozen=True)
class Replay:
    """One log, ready to be played."""

    name: str
    """The log's name, as it was written: text from outside."""
    started_at: str
    """See `started_at`."""
    run: dict[str, Any]
    """What the log says of itself: model, track, versions. Text from outside."""
    damage: str | None
    """Why the log ends early, or None."""
    actions: list[ActionLabel]
    """In steering order, the leftmost first; empty for a continuous or unknown policy."""
    limits: dict[str, tuple[float, float]]
    """Range of `steering_deg` (right, left) and `speed_mps` (slow, fast) that the policy can command."""
    states: list[str]
    """Names that the column `state` counts through."""
    columns: dict[str, NDArray[Any]]
    """Name to (F,) or (F, A) values; see `_columns`."""
    events: list[TimelineEvent]
    """In order of time."""
    scorecard: Scorecard
    """Measures and laps."""
    has_pictures: bool
    """Whether there is any frame to look at."""
    track: TrackOutline | None
    """Borders of the track, where the log names one that is known here."""


def replay(log: CarLog) -> Replay:
    """Gather what there is to see in a log."""
    card = scorecard(log.frames, laps_of(log))
    states, codes = _states(log)
    return Replay(
        name=log.name,
        started_at=started_at(log),
        run=log.run,
        damage=log.damage,
        actions=steering_order(log.action_space),
        limits=command_limits(log),
        states=states,
        columns={**_columns(log), "state": codes},
        events=timeline_events(log, card.laps),
        scorecard=card,
        has_pictures=log.has_pictures,
        track=track_outline(log.run),
    )


def started_at(log: CarLog) -> str:
    """Return when the first frame was captured, ISO 8601, UTC.

    Empty for a log without frames, and where the clock was a simulator's or was never set.
    """
    stamps = log.frames.stamp_ns
    return iso_utc(int(stamps[0])) if len(stamps) and stamps[0] >= _EARLIEST_NS else ""


def iso_utc(stamp_ns: int) -> str:
    """Return a stamp as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(stamp_ns / 1e9, tz=timezone.utc).isoformat(timespec="seconds")


def steering_order(space: ActionSpace | None) -> list[ActionLabel]:
    """Return the actions from the leftmost (largest steering angle) to the rightmost, slow before fast."""
    if not isinstance(space, DiscreteActionSpace):
        return []
    labels = [
        ActionLabel(index, round(math.degrees(steering), 3), round(float(speed), 3))
        for index, (steering, speed) in enumerate(zip(space.steering_rad, space.speed_mps, strict=True))
    ]
    return sorted(labels, key=lambda label: (-label.steering_deg, label.speed_mps))


def command_limits(log: CarLog) -> dict[str, tuple[float, float]]:
    """Return the range of steering and speed: the action space's, else what the log holds."""
    space = log.action_space
    if isinstance(space, DiscreteActionSpace):
        steering, speed = np.array(space.steering_rad), np.array(space.speed_mps)
    elif space is not None:
        steering = np.array([space.steering_low_rad, space.steering_high_rad])
        speed = np.array([space.speed_low_mps, space.speed_high_mps])
    else:
        steering, speed = log.frames.steering_rad, log.frames.speed_mps
    return {
        "steering_deg": _range(np.rad2deg(steering), (-30.0, 30.0)),
        "speed_mps": _range(np.append(speed, 0.0), (0.0, 1.0)),
    }


def _range(values: NDArray[np.floating], unknown: tuple[float, float]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if len(known) == 0 or known.min() == known.max():
        return unknown
    return float(known.min()), float(known.max())


def _columns(log: CarLog) -> dict[str, NDArray[Any]]:
    """Return one entry per frame: seconds, degrees, m/s, milliseconds, metres; NaN where unknown."""
    frames = log.frames
    values = {
        "steering_deg": np.rad2deg(frames.steering_rad),
        "speed_mps": frames.speed_mps,
        "true_speed_mps": frames.true_speed_mps,
        "latency_ms": latencies_ms(frames),
        "confidence": confidence(frames.probabilities),
        "entropy_nats": entropy_nats(frames.probabilities),
        "x_m": frames.x_m,
        "y_m": frames.y_m,
        "yaw_rad": frames.yaw_rad,
        "progress": frames.progress,
        "lateral_m": frames.lateral_m,
        "probabilities": frames.probabilities,
    }
    return {
        "time_s": frame_times_s(frames),
        **{name: np.asarray(column, np.float32) for name, column in values.items()},
        "action": frames.action.astype(np.int32),
        "frame_number": frames.frame_number.astype(np.int32),
        "steering_pwm_ns": frames.steering_pwm_ns.astype(np.int32),
        "motor_pwm_ns": frames.motor_pwm_ns.astype(np.int32),
    }


def _states(log: CarLog) -> tuple[list[str], NDArray[np.uint8]]:
    """Return the names of the drive states in this log and (F,) which one each frame was in."""
    names, codes = np.unique(np.asarray(log.frames.state, dtype=str), return_inverse=True)
    return [str(name) for name in names], codes.astype(np.uint8)
