"""Reading car logs: ours and the community's, whole or cut off, into one table of frames.

A log is opened in one pass over its file. Numbers go into arrays; of the pictures only the place in the file
is kept, so that ten minutes of driving take a few megabytes, and `CarLog.jpeg` reads one when asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Nodetype
from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore

from car.action_space import ActionSpace, load_model_metadata, parse_model_metadata
from car.errors import BadFileError, Sim2RaceError
from car.frame_table import build_events, build_frames, build_health
from car.infer_results import parse_compressed_image, parse_infer_results
from car.json_file import read_json_object
from car.log_parts import LogFile, Part, is_log, open_parts
from car.mcap_file import Entry, Handle, TopicType
from car.messages import deserialize, typestore
from car.preprocess import frame_from_jpeg
from car.raw_log import NEEDED, PICTURE_COLUMNS, PICTURE_TOPICS, FieldDefinitions, RawLog
from car.topics import RL_RESULTS, RUN_INFO, TOPICS

MAX_RUN_INFO_BYTES = 2**20
"""More than any run has to say of itself."""


@dataclass(frozen=True)
class LogSummary:
    """One log in a list of logs, without reading its messages."""

    path: Path
    name: str
    started_ns: int
    """Wall clock of the first message; 0 if there is none."""
    duration_s: float
    frames: int
    """Frames that the policy saw."""
    size_bytes: int
    damage: str | None
    """Why the log is not whole; None if it is."""


class CarLog:
    """One log, open for replay; made by `read_log`."""

    def __init__(self, path: Path, parts: list[Part], raw: RawLog, damages: list[str]) -> None:
        self.path = path
        """The directory or file that was opened."""
        self.name = path.stem if path.is_file() else path.name
        """What people call the log."""
        self.run = _run_info(path, raw)
        """Policy, action space, calibration, versions, track; empty where the car did not log them."""
        beside = _folder(path) / "policy.onnx"
        self.policy_path = beside if beside.is_file() else None
        """The policy that drove, if it lies beside the log."""
        self.action_space = _action_space(path, self.run)
        """What the actions mean, if the log says so."""
        self.frames = build_frames(raw, self.action_space)
        """One row for every frame that the policy saw."""
        self.health = build_health(raw)
        """`stamp_ns` and the fields of the device status, one array each."""
        self.events = build_events(raw, self.run)
        """What happened, in order of time."""
        if raw.unreadable:
            damages = [*damages, f"{raw.unreadable} damaged messages were left out"]
        self.damage = "; ".join(damages) or None
        """What could not be read; None if everything was."""
        self._parts: dict[int, Part] = dict(enumerate(parts))
        self._places = raw.frames().places[self.frames.picture]

    @property
    def has_pictures(self) -> bool:
        """Whether any frame was logged with its picture."""
        return bool((self._places[:, PICTURE_COLUMNS.index("jpeg_size")] > 0).any())

    def jpeg(self, index: int) -> bytes:
        """Return the picture of frame `index` as it was logged, read from the file now.

        Raises:
            BadFileError: the file has changed or gone since it was opened.
            Sim2RaceError: the frame has no picture.
            IndexError: there is no such frame.
        """
        number, offset, size, chunk, start, length = self._places[index].tolist()
        if length <= 0:
            raise Sim2RaceError(f"Frame {index} of {self.name} was logged without a picture.")
        data = self._part(number).file.fetch(Handle(offset, size, chunk))
        return data[start : start + length]

    def _part(self, number: int) -> Part:
        """Return one of the log's files, open."""
        return self._parts[number]

    def image(self, index: int) -> NDArray[np.uint8]:
        """Return the picture of frame `index` as (120, 160, 3) RGB.

        Raises:
            Sim2RaceError: as for `jpeg`, or the picture is damaged.
        """
        return frame_from_jpeg(self.jpeg(index))


def read_log(path: Path) -> CarLog:
    """Open a log: a rosbag2 directory, or one MCAP or SQLite file.

    Raises:
        BadFileError: there is no log, or nothing in it can be read.
    """
    parts = open_parts(Path(path))
    raw = RawLog()
    damages: list[str] = []
    for number, part in enumerate(parts):
        topics: dict[str, _Reading] = {}
        for entry in part.file.entries():
            reading = topics.get(entry.topic)
            if reading is None:
                reading = topics[entry.topic] = _reading(entry.topic, part.file.types[entry.topic])
                damages += [reading.problem] if reading.problem else []
            if reading.wanted:
                _collect(raw, number, entry, reading.definitions)
        if part.file.damage:
            damages.append(part.file.damage)
    if not raw.messages and damages:
        raise BadFileError(f"Nothing in the log {path} can be read: {damages[0]}.")
    return CarLog(Path(path), parts, raw, list(dict.fromkeys(damages)))


def list_logs(folder: Path) -> list[LogSummary]:
    """Return the logs in `folder`, the newest first; a log that cannot be read is listed with the reason.

    Raises:
        BadFileError: the folder does not exist or cannot be read.
    """
    try:
        children = sorted(Path(folder).iterdir())
    except OSError as error:
        raise BadFileError(f"The log folder {folder} cannot be read: {error.strerror or error}.") from error
    logs = [_summary(child) for child in children if is_log(child)]
    return sorted(logs, key=lambda log: (log.started_ns, log.name), reverse=True)


@dataclass(frozen=True)
class _Reading:
    """How one topic of one file is read."""

    wanted: bool
    """Whether at all."""
    definitions: FieldDefinitions | None = None
    """The fields of its messages, where the file has others than ours; None for ours."""
    problem: str | None = None
    """Why a topic of the table is not."""


def _reading(topic: str, given: TopicType) -> _Reading:
    """Decide how a topic is read: by our definitions, or by the file's own where they hold what is needed."""
    if topic not in TOPICS:
        return _Reading(wanted=False)
    expected = TOPICS[topic].type_name
    if given.name != expected:
        problem = f"{topic} has the type {given.name[:80]}; expected {expected}"
        return _Reading(wanted=False, problem=problem)
    if not given.definition:
        return _Reading(wanted=True)
    try:
        theirs = get_types_from_msg(given.definition, given.name)
        same = theirs[given.name][1] == _ours().fielddefs[expected][1]
        definitions = {**_ours().fielddefs, **theirs}
        names = set(_field_names(definitions, expected)) if topic in NEEDED and not same else set()
    except Exception as error:  # the parser of a foreign text may fail in any way
        problem = f"{topic} has a definition that cannot be parsed: {type(error).__name__}"
        return _Reading(wanted=False, problem=problem)
    if same:
        return _Reading(wanted=True)
    if topic in NEEDED and set(NEEDED[topic]) <= names:
        return _Reading(wanted=True, definitions=definitions)
    problem = f"{topic} has another definition of {expected}, as the stock car software has"
    return _Reading(wanted=topic not in (*NEEDED, *PICTURE_TOPICS), problem=problem)


def _ours() -> Typestore:
    store: Typestore = typestore()
    return store


def _field_names(
    definitions: FieldDefinitions, type_name: str, prefix: str = "", depth: int = 0
) -> Iterator[str]:
    """Yield the dotted names of all fields of a type.

    Raises:
        ValueError: a field that is not read by columns, or of a type that is not defined.
    """
    if depth > 8 or type_name not in definitions:
        raise ValueError(f"no type {type_name}")
    for name, (kind, detail) in definitions[type_name][1]:
        if kind == Nodetype.NAME:
            yield from _field_names(definitions, str(detail), f"{prefix}{name}.", depth + 1)
        elif kind == Nodetype.BASE or (kind == Nodetype.ARRAY and detail[0][0] == Nodetype.BASE):
            yield f"{prefix}{name}"
        else:
            raise ValueError(f"a sequence {name}")


def _collect(raw: RawLog, file: int, entry: Entry, definitions: FieldDefinitions | None) -> None:
    raw.count(entry.stamp_ns)
    if entry.topic in PICTURE_TOPICS:
        parse = parse_infer_results if entry.topic == RL_RESULTS.name else parse_compressed_image
        try:
            raw.add_picture(entry.topic, file, entry.handle, entry.stamp_ns, parse(entry.data))
        except BadFileError:
            raw.unreadable += 1
    elif entry.topic in NEEDED:
        raw.add_message(TOPICS[entry.topic], entry.data, entry.stamp_ns, definitions)
    elif entry.topic == RUN_INFO.name and len(entry.data) <= MAX_RUN_INFO_BYTES:
        raw.run.update(_run_message(entry.data))


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _run_info(path: Path, raw: RawLog) -> dict[str, Any]:
    """Return what the log says about its run: the file beside it, else the message in it."""
    try:
        beside = read_json_object(_folder(path) / "run.json")
    except BadFileError:
        beside = {}
    return {**raw.run, **beside}


def _run_message(data: bytes) -> dict[str, Any]:
    """Return what one message says of the run; nothing if it cannot be read."""
    try:
        found = json.loads(deserialize(data, RUN_INFO.type_name).data)
    except Exception:  # a foreign message may fail in any way
        return {}
    return found if isinstance(found, dict) else {}


def _action_space(path: Path, run: dict[str, Any]) -> ActionSpace | None:
    described = run.get("action_space")
    try:
        if isinstance(described, dict):
            return parse_model_metadata(described, source="run.json")
        return load_model_metadata(_folder(path) / "model_metadata.json")
    except BadFileError:
        return None


def _children(path: Path) -> Iterator[Path]:
    try:
        yield from path.iterdir()
    except OSError:
        return


def _summary(path: Path) -> LogSummary:
    name = path.stem if path.is_file() else path.name
    try:
        size = sum(child.stat().st_size for child in ([path] if path.is_file() else _children(path)))
        parts = open_parts(path)
    except (OSError, Sim2RaceError) as error:
        return LogSummary(path, name, 0, 0.0, 0, 0, str(error))
    start_ns, end_ns, frames, damage = 2**63, 0, 0, None
    for file in (part.file for part in parts):
        totals = file.counts()
        if totals is None:
            first, last, seen = _count(file)
            damage = file.damage or "the log is not finished"
        else:
            first, last, seen = totals.start_ns, totals.end_ns, totals.by_topic.get(RL_RESULTS.name, 0)
        if last:
            start_ns, end_ns = min(start_ns, first), max(end_ns, last)
        frames += seen
    if not end_ns:
        start_ns = 0
    return LogSummary(path, name, start_ns, (end_ns - start_ns) / 1e9, frames, size, damage)


def _count(file: LogFile) -> tuple[int, int, int]:
    """Return first stamp, last stamp and frames of a file without totals, by reading it."""
    first_ns, last_ns, frames = 2**63, 0, 0
    for entry in file.entries():
        first_ns, last_ns = min(first_ns, entry.stamp_ns), max(last_ns, entry.stamp_ns)
        frames += entry.topic == RL_RESULTS.name
    return first_ns, last_ns, frames
