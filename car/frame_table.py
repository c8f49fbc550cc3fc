"""From the messages of a log to one row per frame: which command, when, written how, and where the car was.

Every message names the frame that it belongs to by the time the frame was captured, so rows are joined by
that stamp and by nothing else. What a log does not have is NaN, 0, -1 or empty, never a guess.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from car.action_space import ActionSpace, ContinuousActionSpace, DiscreteActionSpace
from car.cdr import Columns, decode_columns
from car.infer_results import RESULT_BYTES, InferResults
from car.mcap_file import Handle
from car.time_join import NEAR_NS, StampJoin, interpolate, nearest
from car.topics import (
    DEVICE_STATUS,
    DRIVE_REPORT,
    GROUND_TRUTH,
    INFERENCE_REPORT,
    RL_RESULTS,
    TRACK_POSITION,
    Topic,
)


@dataclass(frozen=True)
class Picture:
    """One frame: where its picture is, and what the policy said."""

    file: int
    handle: Handle
    jpeg_start: int
    jpeg_size: int
    stamp_ns: int
    frame_id: str
    results: bytes
    is_little_endian: bool


@dataclass
class RawLog:
    """What one pass over a log collects."""

    pictures: list[Picture] = field(default_factory=list)
    """Frames that the policy saw."""
    camera: list[Picture] = field(default_factory=list)
    """Frames of the camera, where they were logged."""
    messages: dict[str, list[bytes]] = field(default_factory=dict)
    """CDR bytes of everything else, by topic."""
    message_stamps: dict[str, list[int]] = field(default_factory=dict)
    """When each of them was received."""
    stamps: list[int] = field(default_factory=list)
    """When each message of a known topic was received."""
    unreadable: int = 0
    """Messages that were damaged."""
    _decoded: dict[str, Columns] = field(default_factory=dict)

    def add_picture(
        self, topic: str, file: int, handle: Handle, received_ns: int, results: InferResults
    ) -> None:
        """Keep one frame; a camera without a clock is given the time of receiving."""
        pictures = self.pictures if topic == RL_RESULTS.name else self.camera
        pictures.append(
            Picture(
                file=file,
                handle=handle,
                jpeg_start=results.jpeg_start,
                jpeg_size=results.jpeg_size,
                stamp_ns=results.stamp_ns or received_ns,
                frame_id=results.frame_id,
                results=results.results,
                is_little_endian=results.is_little_endian,
            )
        )

    def columns(self, topic: Topic) -> Columns:
        """Return all messages of `topic`, decoded once; what cannot be decoded is counted."""
        if topic.name not in self._decoded:
            messages = self.messages.get(topic.name, [])
            columns = self._decoded[topic.name] = decode_columns(messages, topic.type_name)
            self.unreadable += len(messages) - len(columns)
        return self._decoded[topic.name]


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
    pictures = raw.pictures
    if not pictures and raw.camera:
        pictures = raw.pictures = raw.camera
    order = np.argsort([picture.stamp_ns for picture in pictures], kind="stable").astype(np.int64)
    ordered = [pictures[i] for i in order]
    stamp_ns = np.array([picture.stamp_ns for picture in ordered], dtype=np.int64)
    probabilities = _probabilities(ordered)
    action = _actions(probabilities, space)
    steering_rad, speed_mps = _asked_for(probabilities, action, space)
    drive = raw.columns(DRIVE_REPORT)
    written = StampJoin(drive.stamp_ns("source_stamp"), stamp_ns)
    inference = raw.columns(INFERENCE_REPORT)
    inferred_ns = StampJoin(inference.stamp_ns("source_stamp"), stamp_ns).take(
        inference.stamp_ns("header.stamp"), 0
    )
    return FrameTable(
        stamp_ns=stamp_ns,
        frame_number=np.array([_number(picture.frame_id) for picture in ordered], dtype=np.int64),
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
        **_ground_truth(raw, stamp_ns),
    )


def build_health(raw: RawLog) -> dict[str, NDArray[Any]]:
    """Return `stamp_ns` and every field of the device status, one array each."""
    columns = raw.columns(DEVICE_STATUS)
    stamps = np.array(raw.message_stamps.get(DEVICE_STATUS.name, []), dtype=np.int64)[columns.rows]
    return {"stamp_ns": stamps, **columns.fields}


def build_events(raw: RawLog, run: dict[str, Any]) -> list[LogEvent]:
    """Return changes of the drive's state, laps, leaving the track, and the end, in order of time."""
    drive = raw.columns(DRIVE_REPORT)
    events = []
    before = ("", "")
    for stamp, state, reason in zip(
        drive.stamp_ns("header.stamp"), drive["state"], drive["reason"], strict=True
    ):
        if (state, reason) != before:
            events.append(LogEvent(int(stamp), str(state), str(reason)))
            before = (state, reason)
    events += _track_events(raw.columns(TRACK_POSITION))
    end = run.get("end")
    if isinstance(end, dict) and raw.stamps:
        events.append(LogEvent(max(raw.stamps), "end", str(end.get("reason", ""))))
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
        LogEvent(int(stamps[i]), "off_track", f"left the track at {position['progress_percent'][i]:.0f} %")
        for i in np.flatnonzero(np.diff(off_track, prepend=0) > 0)
    ]
    return events


def _number(frame_id: str) -> int:
    return int(frame_id) if frame_id.isascii() and frame_id.isdigit() and len(frame_id) < 19 else -1


def _probabilities(pictures: list[Picture]) -> NDArray[np.float32]:
    """Return (F, A) outputs, each in the column of its label; A is what most frames have."""
    sizes = Counter(len(picture.results) // RESULT_BYTES for picture in pictures if picture.results)
    size = sizes.most_common(1)[0][0] if sizes else 0
    table = np.full((len(pictures), size), np.nan, dtype=np.float32)
    for is_little_endian, sign in ((True, "<"), (False, ">")):
        rows = [
            row
            for row, picture in enumerate(pictures)
            if len(picture.results) == size * RESULT_BYTES and picture.is_little_endian is is_little_endian
        ]
        joined = b"".join(pictures[row].results for row in rows)
        shape = len(rows), size, RESULT_BYTES // 4
        labels = np.frombuffer(joined, dtype=f"{sign}i4").reshape(shape)[:, :, 0]
        values = np.frombuffer(joined, dtype=f"{sign}f4").reshape(shape)[:, :, 1]
        # What is labelled twice or out of range is damaged and stays NaN.
        is_whole = (np.sort(labels, axis=1) == np.arange(size)).all(axis=1)
        table[np.array(rows, dtype=np.int64)[is_whole]] = np.take_along_axis(
            values[is_whole], np.argsort(labels[is_whole], axis=1), axis=1
        )
    return table


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
    return np.where(at >= 0, states[np.maximum(at, 0)], "")


def _ground_truth(raw: RawLog, stamp_ns: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    pose, position = raw.columns(GROUND_TRUTH), raw.columns(TRACK_POSITION)
    pose_ns, position_ns = pose.stamp_ns("header.stamp"), position.stamp_ns("header.stamp")
    yaw_rad = 2.0 * np.arctan2(pose["pose.pose.orientation.z"], pose["pose.pose.orientation.w"])
    yaw_at = (
        interpolate(stamp_ns, pose_ns, np.unwrap(yaw_rad)) if len(pose) else np.full(len(stamp_ns), np.nan)
    )
    return {
        "x_m": interpolate(stamp_ns, pose_ns, pose["pose.pose.position.x"]),
        "y_m": interpolate(stamp_ns, pose_ns, pose["pose.pose.position.y"]),
        "yaw_rad": np.arctan2(np.sin(yaw_at), np.cos(yaw_at)),
        "true_speed_mps": interpolate(stamp_ns, pose_ns, pose["twist.twist.linear.x"]),
        "progress": nearest(stamp_ns, position_ns, position["progress_percent"]),
        "lateral_m": interpolate(stamp_ns, position_ns, position["lateral_m"]),
    }
