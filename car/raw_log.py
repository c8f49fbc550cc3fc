"""What one pass over a log collects: numbers in arrays as it goes, so that memory does not follow its length.

Messages are decoded a few thousand at a time and only the fields that a table of frames needs are kept; of a
picture only where it is. An hour of driving is 800 MB of file and 30 MB of this.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from car.cdr import Columns, decode_columns
from car.infer_results import RESULT_BYTES, InferResults
from car.mcap_file import Handle
from car.topics import (
    CAMERA,
    DEVICE_STATUS,
    DRIVE_REPORT,
    GROUND_TRUTH,
    INFERENCE_REPORT,
    RL_RESULTS,
    TRACK_POSITION,
    Topic,
)

BATCH = 2048
"""Messages that are decoded at once."""
BATCH_BYTES = 4 * 2**20
"""Fewer, if they are larger than this together."""

PICTURE_COLUMNS = ("file", "offset", "size", "chunk", "jpeg_start", "jpeg_size")
"""Where a picture is: the part of the log, its message (`car.mcap_file.Handle`), and the JPEG in that."""

FieldDefinitions = Mapping[str, tuple[Any, Sequence[Any]]]


def _times(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}.{part}" for name in names for part in ("sec", "nanosec"))


NEEDED: dict[str, tuple[str, ...]] = {
    DRIVE_REPORT.name: (
        *_times("header.stamp", "source_stamp", "inferred_stamp"),
        *("steering_rad", "speed_mps", "steering_pulse_ns", "motor_pulse_ns", "state", "reason"),
    ),
    INFERENCE_REPORT.name: _times("header.stamp", "source_stamp"),
    GROUND_TRUTH.name: (
        *_times("header.stamp"),
        *(f"pose.pose.{name}" for name in ("position.x", "position.y", "orientation.z", "orientation.w")),
        "twist.twist.linear.x",
    ),
    TRACK_POSITION.name: (
        *_times("header.stamp"),
        *("laps", "off_track", "progress_percent", "last_lap_time_s", "lateral_m"),
    ),
    DEVICE_STATUS.name: (
        *("cpu_percent", "cpu_temp", "cpu_freq", "cpu_freq_max", "memory_usage", "free_disk"),
        *("latency_mean", "latency_p95", "fps_mean"),
    ),
}
"""Topic to the fields of its messages that are kept."""


class MessageRows:
    """The messages of one topic, as columns.

    Args:
        topic: which.
    """

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._definitions: FieldDefinitions | None = None
        self._parts: list[Columns] = []
        self._count = 0
        self.received_ns = array("q")
        """When each message was received."""

    def append(self, data: bytes, received_ns: int, definitions: FieldDefinitions | None) -> None:
        """Keep one message; `definitions` are those of the file that it is in, where they are not ours."""
        if definitions is not self._definitions:
            self._decode()
            self._definitions = definitions
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        self.received_ns.append(received_ns)
        if len(self._waiting) >= BATCH or self._waiting_bytes >= BATCH_BYTES:
            self._decode()

    def columns(self) -> Columns:
        """Return all messages that could be decoded."""
        self._decode()
        if not self._parts:
            return decode_columns([], self._topic.type_name, wanted=NEEDED[self._topic.name])
        names = self._parts[0].fields
        return Columns(
            np.concatenate([part.rows for part in self._parts]),
            {name: _joined([part[name] for part in self._parts]) for name in names},
        )

    def __len__(self) -> int:
        return len(self.received_ns)

    def _decode(self) -> None:
        if not self._waiting:
            return
        found = decode_columns(
            self._waiting,
            self._topic.type_name,
            wanted=NEEDED[self._topic.name],
            definitions=self._definitions,
        )
        fields = {name: _coded(column) for name, column in found.fields.items()}
        self._parts.append(Columns(found.rows + self._count, fields))
        self._count += len(self._waiting)
        self._waiting, self._waiting_bytes = [], 0


class PictureRows:
    """Frames: where each picture is, and what the policy said about it."""

    def __init__(self) -> None:
        self._places = array("q")
        self._stamps = array("q")
        self._numbers = array("q")
        self._waiting: list[tuple[int, bool, bytes]] = []
        self._waiting_bytes = 0
        self._outputs: dict[int, list[tuple[NDArray[np.int64], NDArray[np.float32]]]] = {}

    def append(self, file: int, handle: Handle, received_ns: int, found: InferResults) -> None:
        """Keep one frame; a camera without a clock is given the time of receiving."""
        if found.results:
            self._waiting.append((len(self), found.is_little_endian, found.results))
            self._waiting_bytes += len(found.results)
        self._places.extend((file, *handle, found.jpeg_start, found.jpeg_size))
        self._stamps.append(found.stamp_ns or received_ns)
        self._numbers.append(number_of(found.frame_id))
        if len(self._waiting) >= BATCH or self._waiting_bytes >= BATCH_BYTES:
            self._decode()

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def places(self) -> NDArray[np.int64]:
        """(F, 6) where each picture is, see `PICTURE_COLUMNS`."""
        return np.array(self._places, dtype=np.int64).reshape(-1, len(PICTURE_COLUMNS))

    @property
    def stamp_ns(self) -> NDArray[np.int64]:
        """(F,) when each was captured."""
        return np.array(self._stamps, dtype=np.int64)

    @property
    def frame_number(self) -> NDArray[np.int64]:
        """(F,) the camera's own count; -1 if it does not count."""
        return np.array(self._numbers, dtype=np.int64)

    def probabilities(self) -> NDArray[np.float32]:
        """Return (F, A) outputs, each in the column of its label; A is what most frames have."""
        self._decode()
        counts = {size: sum(len(rows) for rows, _ in parts) for size, parts in self._outputs.items()}
        size = max(counts, key=lambda one: counts[one], default=0)
        table = np.full((len(self), size), np.nan, dtype=np.float32)
        for rows, values in self._outputs.get(size, []):
            table[rows] = values
        return table

    def _decode(self) -> None:
        groups: dict[tuple[int, bool], list[int]] = {}
        for place, (_, is_little, results) in enumerate(self._waiting):
            groups.setdefault((len(results) // RESULT_BYTES, is_little), []).append(place)
        for (size, is_little), places in groups.items():
            joined = b"".join(self._waiting[place][2] for place in places)
            rows = np.array([self._waiting[place][0] for place in places], np.int64)
            shape = len(places), size, RESULT_BYTES // 4
            sign = "<" if is_little else ">"
            labels = np.frombuffer(joined, dtype=f"{sign}i4").reshape(shape)[:, :, 0]
            values = np.frombuffer(joined, dtype=f"{sign}f4").reshape(shape)[:, :, 1]
            # What is labelled twice or out of range is damaged and stays NaN.
            is_whole = (np.sort(labels, axis=1) == np.arange(size)).all(axis=1)
            ordered = np.full((len(places), size), np.nan, np.float32)
            order = np.argsort(labels[is_whole], axis=1)
            ordered[is_whole] = np.take_along_axis(values[is_whole], order, axis=1)
            self._outputs.setdefault(size, []).append((rows, ordered))
        self._waiting, self._waiting_bytes = [], 0


class RawLog:
    """What one pass over a log collects."""

    def __init__(self) -> None:
        self.pictures = PictureRows()
        """Frames that the policy saw."""
        self.camera = PictureRows()
        """Frames of the camera, where they were logged."""
        self.messages = 0
        """Messages of known topics."""
        self.last_ns = 0
        """When the latest of them was received."""
        self.unreadable = 0
        """Messages that were damaged."""
        self.run: dict[str, Any] = {}
        """What the log says of its run in a message."""
        self._rows: dict[str, MessageRows] = {}
        self._decoded: dict[str, Columns] = {}

    def count(self, received_ns: int) -> None:
        """Count one message of a known topic."""
        self.messages += 1
        self.last_ns = max(self.last_ns, received_ns)

    def add_picture(
        self, topic: str, file: int, handle: Handle, received_ns: int, results: InferResults
    ) -> None:
        """Keep one frame of the policy's or of the camera's topic."""
        rows = self.pictures if topic == RL_RESULTS.name else self.camera
        rows.append(file, handle, received_ns, results)

    def add_message(
        self, topic: Topic, data: bytes, received_ns: int, definitions: FieldDefinitions | None
    ) -> None:
        """Keep one message of a topic in `NEEDED`."""
        rows = self._rows.setdefault(topic.name, MessageRows(topic))
        rows.append(data, received_ns, definitions)

    def columns(self, topic: Topic) -> Columns:
        """Return all messages of a topic in `NEEDED`; what cannot be decoded is counted."""
        if topic.name not in self._decoded:
            rows = self._rows.pop(topic.name, MessageRows(topic))
            columns = self._decoded[topic.name] = rows.columns()
            received = np.array(rows.received_ns, dtype=np.int64)
            columns.fields["received_ns"] = received[columns.rows]
            self.unreadable += len(rows) - len(columns)
        return self._decoded[topic.name]

    def forget(self, topic: Topic) -> None:
        """Let go of the messages of a topic that nothing more is made of."""
        self._decoded.pop(topic.name, None)

    def frames(self) -> PictureRows:
        """Return the frames that the policy saw, or the camera's if no policy was running."""
        return self.pictures if len(self.pictures) or not len(self.camera) else self.camera


PICTURE_TOPICS = (RL_RESULTS.name, CAMERA.name)


def _coded(column: NDArray[Any]) -> NDArray[Any]:
    """Return texts as objects that are shared among rows: a state is said a hundred thousand times."""
    if column.dtype.kind != "U":
        return column
    names, codes = np.unique(column, return_inverse=True)
    return np.array([str(name) for name in names], dtype=object)[codes]


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def number_of(frame_id: str) -> int:
    """Return the count that our camera writes as the name of a frame, or -1: others write a place there."""
    return int(frame_id) if frame_id.isascii() and frame_id.isdigit() and len(frame_id) < 19 else -1
