"""Reading car logs: ours and the community's, whole or cut off, into one table of frames.

A log is opened in one pass over its file. Numbers go into arrays; of the pictures only the place in the file
is kept, so that ten minutes of driving take a few megabytes, and `CarLog.jpeg` reads one when asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore

from car.action_space import ActionSpace, load_model_metadata, parse_model_metadata
from car.errors import BadFileError, Sim2RaceError
from car.frame_table import RawLog, build_events, build_frames, build_health
from car.infer_results import parse_compressed_image, parse_infer_results
from car.json_file import read_json_object
from car.mcap_file import Handle, McapFile, TopicType
from car.messages import deserialize, typestore
from car.preprocess import frame_from_jpeg
from car.sqlite_file import SqliteFile
from car.topics import CAMERA, RL_RESULTS, RUN_INFO, TOPICS

LogFile = McapFile | SqliteFile
SUFFIXES = (".mcap", ".db3")


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

    def __init__(self, path: Path, files: list[LogFile], raw: RawLog, damages: list[str]) -> None:
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
        self._files = files
        self._pictures = [raw.pictures[i] for i in self.frames.picture]

    def jpeg(self, index: int) -> bytes:
        """Return the picture of frame `index` as it was logged, read from the file now.

        Raises:
            BadFileError: the file has changed or gone since it was opened.
            Sim2RaceError: the frame has no picture.
            IndexError: there is no such frame.
        """
        picture = self._pictures[index]
        if not picture.jpeg_size:
            raise Sim2RaceError(f"Frame {index} of {self.name} was logged without a picture.")
        data: bytes = self._files[picture.file].fetch(picture.handle)
        return data[picture.jpeg_start : picture.jpeg_start + picture.jpeg_size]

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
    files = _open_files(Path(path))
    raw = RawLog()
    damages: list[str] = []
    for number, file in enumerate(files):
        unusable: set[str] = set()
        checked: set[str] = set()
        for entry in file.entries():
            if entry.topic not in checked:
                checked.add(entry.topic)
                problem = _foreign_type(entry.topic, file.types[entry.topic])
                if problem:
                    unusable.add(entry.topic)
                    damages.append(problem)
            if entry.topic in TOPICS and entry.topic not in unusable:
                _collect(raw, number, entry.topic, entry.stamp_ns, entry.data, entry.handle)
        if file.damage:
            damages.append(file.damage)
    if not raw.stamps and damages:
        raise BadFileError(f"Nothing in the log {path} can be read: {damages[0]}.")
    return CarLog(Path(path), files, raw, damages)


def list_logs(folder: Path) -> list[LogSummary]:
    """Return the logs in `folder`, the newest first; a log that cannot be read is listed with the reason.

    Raises:
        BadFileError: the folder does not exist or cannot be read.
    """
    try:
        children = sorted(Path(folder).iterdir())
    except OSError as error:
        raise BadFileError(f"The log folder {folder} cannot be read: {error.strerror or error}.") from error
    logs = [_summary(child) for child in children if _looks_like_a_log(child)]
    return sorted(logs, key=lambda log: (log.started_ns, log.name), reverse=True)


def _collect(raw: RawLog, file: int, topic: str, stamp_ns: int, data: bytes, handle: Handle) -> None:
    raw.stamps.append(stamp_ns)
    if topic in (RL_RESULTS.name, CAMERA.name):
        parse = parse_infer_results if topic == RL_RESULTS.name else parse_compressed_image
        try:
            raw.add_picture(topic, file, handle, stamp_ns, parse(data))
        except BadFileError:
            raw.unreadable += 1
    else:
        raw.messages.setdefault(topic, []).append(data)
        raw.message_stamps.setdefault(topic, []).append(stamp_ns)


def _open_files(path: Path) -> list[LogFile]:
    if path.is_dir():
        paths = [child for child in path.iterdir() if child.suffix in SUFFIXES]
        if not paths:
            raise BadFileError(f"{path} is no log: there is no .mcap or .db3 file in it.")
    elif path.suffix in SUFFIXES:
        paths = [path]
    elif path.exists():
        raise BadFileError(f"{path} is no log; expected a log's folder, an .mcap or a .db3 file.")
    else:
        raise BadFileError(f"The log {path} does not exist.")
    return [_open_file(child) for child in sorted(paths, key=_split_number)]


def _open_file(path: Path) -> LogFile:
    return McapFile(path) if path.suffix == ".mcap" else SqliteFile(path)


def _split_number(path: Path) -> tuple[int, str]:
    """Sort the parts of a split log as they were written: `_10` after `_9`."""
    match = re.search(r"_(\d+)$", path.stem)
    return int(match[1]) if match else 0, path.name


def _foreign_type(topic: str, given: TopicType) -> str | None:
    """Return why a topic of the table cannot be read here, or None."""
    if topic not in TOPICS:
        return None
    expected = TOPICS[topic].type_name
    if given.name != expected:
        return f"{topic} has the type {given.name}; expected {expected}"
    if not given.definition:
        return None
    try:
        theirs = get_types_from_msg(given.definition, given.name)[given.name]
    except Exception as error:  # the parser of a foreign text may fail in any way
        return f"{topic} has a definition that cannot be parsed: {type(error).__name__}"
    store: Typestore = typestore()
    if theirs[1] != store.fielddefs[expected][1]:
        return f"{topic} has another definition of {expected}, as the stock car software has"
    return None


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _run_info(path: Path, raw: RawLog) -> dict[str, Any]:
    """Return what the log says about its run: the file beside it, else the message in it."""
    try:
        beside = read_json_object(_folder(path) / "run.json")
    except BadFileError:
        beside = {}
    logged: dict[str, Any] = {}
    for data in raw.messages.get(RUN_INFO.name, []):
        try:
            found = json.loads(deserialize(data, RUN_INFO.type_name).data)
        except Exception:
            continue
        if isinstance(found, dict):
            logged.update(found)
    return {**logged, **beside}


def _action_space(path: Path, run: dict[str, Any]) -> ActionSpace | None:
    described = run.get("action_space")
    try:
        if isinstance(described, dict):
            return parse_model_metadata(described, source="run.json")
        return load_model_metadata(_folder(path) / "model_metadata.json")
    except BadFileError:
        return None


def _looks_like_a_log(path: Path) -> bool:
    if path.is_file():
        return path.suffix in SUFFIXES
    return path.is_dir() and any(child.suffix in SUFFIXES for child in _children(path))


def _children(path: Path) -> Iterator[Path]:
    try:
        yield from path.iterdir()
    except OSError:
        return


def _summary(path: Path) -> LogSummary:
    name = path.stem if path.is_file() else path.name
    try:
        size = sum(child.stat().st_size for child in ([path] if path.is_file() else _children(path)))
        files = _open_files(path)
    except (OSError, Sim2RaceError) as error:
        return LogSummary(path, name, 0, 0.0, 0, 0, str(error))
    start_ns, end_ns, frames, damage = 2**63, 0, 0, None
    for file in files:
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
