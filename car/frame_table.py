"""From the messages of a log to one row per frame: which command, when, written how, and where the car was.

Every message names the frame that it belongs to by the time the frame was captured, so rows are joined by
that stamp and by nothing else. What a log does not have is NaN, 0, -1 or empty, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from car.action_space import ActionSpace, ContinuousActionSpace, DiscreteActionSpace
from car.cdr import Columns
from car.raw_log import RawLog
from car.time_join import NEAR_NS, StampJoin, interpolate, nearest
from car.topics import DEVICE_STATUS, DRIVE_REPORT, GROUND_TRUTH, INFERENCE_REPORT, TRACK_POSITION

MAX_EVENTS = 10_000
"""Of more, only the first are kept: a log in which more happened is damaged, or made to hurt."""
MAX_APART_NS = 12 * 3600 * 1_000_000_000
"""A frame further than half a day from the middle of its log has a damaged stamp."""
MAX_PLACE_M = 1e5
"""A place further from the track's origin is none."""
_MAX_STATE = 32


@dataclass(frozen=True)
class FrameTable:
    """Arrays of length F, one entry for each frame, in order of capture."""

    stamp_ns: NDArray[np.int64]
    """When it was captured."""
    frame_number: NDArray[np.int64]
    """The camera's own count, which shows what was dropped; -1 if it does not count."""
    probabilities: NDArray[np.float32]
    """(F, A) all outputs of the policy; NaN if it was not asked."""
    action: NDArray[np.int64]
    """The most probable action; -1 of a continuous policy, or if it was not asked."""
    steering_rad: NDArray[np.float64]
    """What was asked for; NaN if unknown."""
    speed_mps: NDArray[np.float64]
    steering_pwm_ns: NDArray[np.int64]
    """What was written; 0 if unknown or nothing."""
    motor_pwm_ns: NDArray[np.int64]
    inferred_ns: NDArray[np.int64]
    """When the policy had decided; 0 if unknown."""
    written_ns: NDArray[np.int64]
    """When the pulse widths were written; 0 if unknown or never."""
    state: NDArray[np.str_]
    """State of the drive: disarmed, armed, driving, stopped; empty if unknown."""
    x_m: NDArray[np.float64]
    """Position in the frame of the track; NaN without ground truth."""
    y_m: NDArray[np.float64]
    yaw_rad: NDArray[np.float64]
    progress: NDArray[np.float64]
    """Percent of the present lap; NaN without ground truth."""
    lateral_m: NDArray[np.float64]
    """From the centre line, left is positive; NaN without ground truth."""
    true_speed_mps: NDArray[np.float64]
    """NaN without ground truth."""
    picture: NDArray[np.int64]
    """Which picture of the log belongs to it."""

    def __len__(self) -> int:
        return len(self.stamp_ns)


@dataclass(frozen=True)
class LogEvent:
    """Something that happened once."""

    stamp_ns: int
    kind: str
    """A state of the drive, or lap, off_track, end."""
    text: str


def build_frames(raw: RawLog, space: ActionSpace | None) -> FrameTable:
    """Join everything that belongs to a frame.

    Args:
        raw: the log; frames are those that the policy saw, or the camera's if no policy was running.
        space: what the actions mean, if known.
    """
    pictures = raw.frames()
    stamp_ns = pictures.stamp_ns
    order = np.argsort(stamp_ns, kind="stable").astype(np.int64)
    # Half a day of a log whose stamps are right is more than any battery lasts.
    away = stamp_ns[order] - (stamp_ns[order[len(order) // 2]] if len(order) else 0)
    raw.unreadable += int((np.abs(away) > MAX_APART_NS).sum())
    order = order[np.abs(away) <= MAX_APART_NS]
    stamp_ns = stamp_ns[order]
    probabilities = pictures.probabilities()[order]
    action = _actions(probabilities, space)
    steering_rad, speed_mps = _asked_for(probabilities, action, space)
    drive = raw.columns(DRIVE_REPORT)
    written = StampJoin(drive.stamp_ns("source_stamp"), stamp_ns)
    inference = raw.columns(INFERENCE_REPORT)
    inferred_ns = StampJoin(inference.stamp_ns("source_stamp"), stamp_ns).take(
        inference.stamp_ns("header.stamp"), 0
    )
    raw.forget(INFERENCE_REPORT)
    truth = _ground_truth(raw, stamp_ns)
    raw.forget(GROUND_TRUTH)
    return FrameTable(
        stamp_ns=stamp_ns,
        frame_number=pictures.frame_number[order],
        probabilities=probabilities,
        action=action,
        steering_rad=written.take(drive["steering_rad"].astype(np.float64), steering_rad),
        speed_mps=written.take(drive["speed_mps"].astype(np.float64), speed_mps),
        steering_pwm_ns=written.take(drive["steering_pulse_ns"].astype(np.int64), 0),
        motor_pwm_ns=written.take(drive["motor_pulse_ns"].astype(np.int64), 0),
        inferred_ns=np.where(inferred_ns > 0, inferred_ns, written.take(drive.stamp_ns("inferred_stamp"), 0)),
        written_ns=written.take(drive.stamp_ns("header.stamp"), 0),
        state=_states(drive, stamp_ns),
        picture=order,
        **truth,
    )


def build_health(raw: RawLog) -> dict[str, NDArray[Any]]:
    """Return `stamp_ns` and every field of the device status, one array each."""
    fields = dict(raw.columns(DEVICE_STATUS).fields)
    return {"stamp_ns": fields.pop("received_ns"), **fields}


def build_events(raw: RawLog, run: dict[str, Any]) -> list[LogEvent]:
    """Return changes of the drive's state, laps, leaving the track, and the end, in order of time."""
    drive = raw.columns(DRIVE_REPORT)
    states, reasons, stamps = drive["state"], drive["reason"], drive.stamp_ns("header.stamp")
    changed = np.ones(len(drive), bool)
    changed[1:] = (states[1:] != states[:-1]) | (reasons[1:] != reasons[:-1])
    events = [
        LogEvent(int(stamps[i]), str(states[i]), str(reasons[i]))
        for i in np.flatnonzero(changed)[:MAX_EVENTS].tolist()
        if states[i] or reasons[i]
    ]
    events += _track_events(raw.columns(TRACK_POSITION))
    end = run.get("end")
    events = sorted(events, key=lambda event: event.stamp_ns)[:MAX_EVENTS]
    if isinstance(end, dict) and raw.messages:
        events.append(LogEvent(raw.last_ns, "end", str(end.get("reason", ""))))
    return sorted(events, key=lambda event: event.stamp_ns)


def _track_events(position: Columns) -> list[LogEvent]:
    stamps = position.stamp_ns("header.stamp")
    laps = position["laps"].astype(np.int64)
    off_track = position["off_track"].astype(np.int64)
    events = [
        LogEvent(int(stamps[i]), "lap", f"lap {laps[i]} in {position['last_lap_time_s'][i]:.2f} s")
        for i in np.flatnonzero(np.diff(laps, prepend=laps[:1]) > 0)
    ]
    events += [
        left_track(int(stamps[i]), float(position["progress_percent"][i]))
        for i in np.flatnonzero(np.diff(off_track, prepend=0) > 0)
    ]
    return events


def left_track(stamp_ns: int, progress_percent: float) -> LogEvent:
    """Return the event of leaving the track at this share of the lap."""
    return LogEvent(stamp_ns, "off_track", f"left the track at {progress_percent:.0f} %")


def _actions(probabilities: NDArray[np.float32], space: ActionSpace | None) -> NDArray[np.int64]:
    actions = np.full(len(probabilities), -1, dtype=np.int64)
    if isinstance(space, ContinuousActionSpace) or not probabilities.shape[1]:
        return actions
    if space is None and not _are_probabilities(probabilities):
        return actions
    known = ~np.isnan(probabilities).all(axis=1)
    actions[known] = np.nanargmax(probabilities[known], axis=1)
    return actions


def _are_probabilities(outputs: NDArray[np.float32]) -> bool:
    """Tell a discrete policy from a continuous one in a log that does not say: probabilities add up to 1."""
    known = outputs[~np.isnan(outputs).any(axis=1)]
    return bool(len(known)) and bool(np.allclose(known.sum(axis=1), 1.0, atol=0.02) and (known >= 0).all())


def _asked_for(
    probabilities: NDArray[np.float32], action: NDArray[np.int64], space: ActionSpace | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    commands = np.full((len(action), 2), np.nan)
    if isinstance(space, DiscreteActionSpace):
        known = (action >= 0) & (action < space.size)
        commands[known] = space.table()[action[known]]
    elif isinstance(space, ContinuousActionSpace) and probabilities.shape[1] == 2:
        commands[:] = space.scale(probabilities)
    return commands[:, 0], commands[:, 1]


def _states(drive: Columns, stamp_ns: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return the drive's state at each frame: that of the last report before the next frame was captured."""
    if not len(drive):
        return np.full(len(stamp_ns), "", dtype=np.str_)
    reported_ns = drive.stamp_ns("header.stamp")
    order = np.argsort(reported_ns, kind="stable")
    until_ns = np.append(stamp_ns[1:], np.iinfo(np.int64).max)
    at = np.searchsorted(reported_ns[order], np.minimum(until_ns, stamp_ns + NEAR_NS), side="right") - 1
    states = drive["state"][order]
    found = np.where(at >= 0, states[np.maximum(at, 0)], "")
    longest = max((len(name) for name in set(found.tolist())), default=0)
    return found.astype(f"<U{min(max(longest, 1), _MAX_STATE)}")


def _ground_truth(raw: RawLog, stamp_ns: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    pose, position = _by_time(raw.columns(GROUND_TRUTH)), _by_time(raw.columns(TRACK_POSITION))
    pose_ns, position_ns = pose.stamp_ns("header.stamp"), position.stamp_ns("header.stamp")
    yaw_rad = 2.0 * np.arctan2(pose["pose.pose.orientation.z"], pose["pose.pose.orientation.w"])
    yaw_at = (
        interpolate(stamp_ns, pose_ns, np.unwrap(yaw_rad)) if len(pose) else np.full(len(stamp_ns), np.nan)
    )
    place = {name: interpolate(stamp_ns, pose_ns, pose[f"pose.pose.position.{name}"]) for name in ("x", "y")}
    nowhere = ~((np.abs(place["x"]) < MAX_PLACE_M) & (np.abs(place["y"]) < MAX_PLACE_M))
    return {
        "x_m": np.where(nowhere, np.nan, place["x"]),
        "y_m": np.where(nowhere, np.nan, place["y"]),
        "yaw_rad": np.arctan2(np.sin(yaw_at), np.cos(yaw_at)),
        "true_speed_mps": interpolate(stamp_ns, pose_ns, pose["twist.twist.linear.x"]),
        "progress": nearest(stamp_ns, position_ns, position["progress_percent"]),
        "lateral_m": interpolate(stamp_ns, position_ns, position["lateral_m"]),
    }


def _by_time(columns: Columns) -> Columns:
    """Return messages in order of their stamps: a log keeps them in the order of arrival."""
    stamps = columns.stamp_ns("header.stamp")
    if (np.diff(stamps) >= 0).all():
        return columns
    order = np.argsort(stamps, kind="stable")
    return Columns(columns.rows[order], {name: column[order] for name, column in columns.fields.items()})
