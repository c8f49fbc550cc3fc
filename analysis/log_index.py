"""The index beside a log: all that reading it found out except pictures, so that it opens at once again.

The index is a NumPy archive, `.sim2race-index.npz`, in the log's folder (for a log that is one file,
`.<file>.sim2race-index.npz` beside it). It is keyed by names, sizes and times of the log's files; one that
is stale, damaged, foreign or cannot be written is passed over, because a log always tells by itself.
Nothing in it is unpickled, and it names no file outside the log: a log may come from a stranger.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from car.action_space import load_model_metadata, parse_model_metadata
from car.errors import BadFileError, Sim2RaceError
from car.files import atomic_path
from car.frame_table import FrameTable, LogEvent
from car.log_parts import Part, is_log_file, open_part
from car.log_reader import CarLog, read_log
from car.raw_log import PICTURE_COLUMNS
from car.unpack import MAX_MESSAGE_BYTES

FORMAT = 2
"""Rises when the reader or the index changes, so that older indexes are made anew."""

MAX_INDEX_BYTES = 512 * 2**20
"""An index of ten minutes has 5 MB; what is larger than this is not read."""

_BESIDE = ("run.json", "model_metadata.json", "metadata.yaml", "policy.onnx")


class IndexedLog(CarLog):
    """A log whose numbers come from its index; only pictures are read from its files.

    Args:
        path: the log's folder or file.
        found: the arrays of the index.
        facts: its texts.

    Raises:
        BadFileError: the index does not fit together.
    """

    def __init__(self, path: Path, found: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        folder = path if path.is_dir() else path.parent
        self.path = path
        self.name = path.stem if path.is_file() else path.name
        self.run = dict(facts["run"])
        beside = folder / "policy.onnx"
        self.policy_path = beside if beside.is_file() else None
        self.action_space = _action_space(folder, self.run)
        self.frames = FrameTable(
            **{field.name: found[f"frames.{field.name}"] for field in fields(FrameTable)}
        )
        self.health = {name[7:]: column for name, column in found.items() if name.startswith("health.")}
        self.events = [LogEvent(int(e["stamp_ns"]), str(e["kind"]), str(e["text"])) for e in facts["events"]]
        self.damage = None if facts["damage"] is None else str(facts["damage"])
        self._places = found["pictures"]
        self._paths = [path if path.is_file() else folder / name for name in facts["files"]]
        self._parts = {}
        self._check(facts["files"])

    def _part(self, number: int) -> Part:
        if number not in self._parts:
            self._parts[number] = open_part(self._paths[number])
        return self._parts[number]

    def _check(self, names: list[str]) -> None:
        count = len(self.frames)
        whole = all(len(getattr(self.frames, field.name)) == count for field in fields(FrameTable))
        if not whole or self._places.shape != (count, len(PICTURE_COLUMNS)):
            raise BadFileError("the columns of the index differ in length")
        if any(Path(name).name != name or not is_log_file(Path(name)) for name in names):
            raise BadFileError("the index names a file that is no part of a log")
        if count and not 0 <= self._places[:, 0].min() <= self._places[:, 0].max() < len(names):
            raise BadFileError("the index counts a file that the log does not have")
        sizes = self._places[:, [PICTURE_COLUMNS.index(name) for name in ("size", "jpeg_start", "jpeg_size")]]
        if count and not 0 <= sizes.min() <= sizes.max() <= MAX_MESSAGE_BYTES:
            raise BadFileError("the index has a picture of a size that no message has")


def open_log(path: Path) -> CarLog:
    """Open a log by its index, or read it and leave an index for the next time.

    Raises:
        BadFileError: there is no log, or nothing in it can be read.
    """
    path = Path(path)
    if not path.exists():
        return read_log(path)  # It knows how to say that there is none.
    mark = fingerprint(path)
    indexed = _read_index(path, mark)
    if indexed is not None:
        return indexed
    log = read_log(path)
    # A log that is still being written would be indexed at every look.
    if fingerprint(path) == mark:
        with contextlib.suppress(Sim2RaceError):
            _write_index(log, mark)
    return log


def index_path(path: Path) -> Path:
    """Return where the index of a log lies."""
    if path.is_dir():
        return path / ".sim2race-index.npz"
    return path.with_name(f".{path.name}.sim2race-index.npz")


def fingerprint(path: Path) -> str:
    """Return 16 characters that change with the name, size or time of any file that the log consists of."""
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if is_log_file(file) or file.name in _BESIDE)
    marks = [_mark(file) for file in files]
    return hashlib.sha256(repr((FORMAT, marks)).encode()).hexdigest()[:16]


def _mark(file: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except FileNotFoundError:  # thrown away since it was listed
        return file.name, -1, -1
    return file.name, status.st_size, status.st_mtime_ns


class _Files(CarLog):
    """Access to where a log that was read keeps its pictures, for the index alone."""

    @staticmethod
    def of(log: CarLog) -> tuple[list[str], NDArray[np.int64]]:
        """Return the names of the log's files and (F, 6) where each picture is, see `PICTURE_COLUMNS`."""
        return [part.path.name for part in log._parts.values()], log._places


def _write_index(log: CarLog, mark: str) -> None:
    names, places = _Files.of(log)
    facts = {
        "format": FORMAT,
        "mark": mark,
        "run": log.run,
        "events": [asdict(event) for event in log.events],
        "damage": log.damage,
        "files": names,
    }
    text = json.dumps(facts, default=str).encode()
    columns = {f"frames.{field.name}": getattr(log.frames, field.name) for field in fields(FrameTable)}
    columns["frames.state"] = np.asarray(log.frames.state, dtype=np.str_)
    health = {f"health.{name}": column for name, column in log.health.items() if column.dtype != object}
    arrays: dict[str, Any] = {"facts": np.frombuffer(text, np.uint8), "pictures": places, **columns, **health}
    with atomic_path(index_path(log.path)) as aside:
        np.savez(aside, **arrays)


def _read_index(path: Path, mark: str) -> IndexedLog | None:
    beside = index_path(path)
    try:
        if beside.stat().st_size > MAX_INDEX_BYTES or beside.is_symlink():
            return None
        with zipfile.ZipFile(beside) as archive:
            # Ours are stored plainly; a packed one could unpack to more than the machine has.
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                return None
        with np.load(beside, allow_pickle=False) as archive:
            facts = json.loads(archive["facts"].tobytes())
            if facts["format"] != FORMAT or facts["mark"] != mark:
                return None
            found = {name: archive[name] for name in archive.files if name != "facts"}
        return IndexedLog(path, found, facts)
    except Exception:  # Whatever is wrong with an index, the log itself is read instead.
        return None


def _action_space(folder: Path, run: dict[str, Any]) -> Any:
    described = run.get("action_space")
    try:
        if isinstance(described, dict):
            return parse_model_metadata(described, source="run.json")
        return load_model_metadata(folder / "model_metadata.json")
    except BadFileError:
        return None
