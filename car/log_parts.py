"""The files that a log consists of: found, ordered and opened, whatever they are packed in.

A rosbag2 log is a folder with one or more MCAP or SQLite files, of which each may be compressed whole
(`.zstd`, the community's `compression_mode: file`).
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from car.errors import BadFileError
from car.mcap_file import McapFile
from car.sqlite_file import SqliteFile
from car.unpack import unpack_file

LogFile = McapFile | SqliteFile
SUFFIXES = (".mcap", ".db3")
PACKED = ".zstd"
MAX_GROWTH = 20
"""A file that is mostly JPEGs does not shrink; what unpacks to more than this many times itself is a bomb."""
MIN_LIMIT = 64 * 2**20


@dataclass(frozen=True)
class Part:
    """One file of a log, open."""

    path: Path
    """As it lies in the log."""
    file: LogFile
    """What reads it; of a compressed file, a copy in a temporary folder."""
    folder: tempfile.TemporaryDirectory[str] | None = None
    """Keeps the copy for as long as the part is in use."""


def is_log_file(path: Path) -> bool:
    """Say whether a file's name is that of a part of a log."""
    name = path.name.removesuffix(PACKED)
    return name.endswith(SUFFIXES) and not name.startswith(".")


def is_log(path: Path) -> bool:
    """Say whether a path is a log: a file of one, or a folder with such files."""
    if path.is_file():
        return is_log_file(path)
    try:
        return path.is_dir() and any(is_log_file(child) for child in path.iterdir())
    except OSError:
        return False


def open_parts(path: Path) -> list[Part]:
    """Open the files of a log in the order of writing.

    Raises:
        BadFileError: there is no log, or a file of it cannot be read.
    """
    if path.is_dir():
        paths = [child for child in path.iterdir() if is_log_file(child)]
        if not paths:
            raise BadFileError(f"{path} is no log: there is no .mcap or .db3 file in it.")
    elif path.exists() and is_log_file(path):
        paths = [path]
    elif path.exists():
        raise BadFileError(f"{path} is no log; expected a log's folder, an .mcap or a .db3 file.")
    else:
        raise BadFileError(f"The log {path} does not exist.")
    return [open_part(child) for child in sorted(paths, key=_split_number)]


def open_part(path: Path) -> Part:
    """Open one file of a log; a compressed one is unpacked to a temporary folder first.

    Raises:
        BadFileError: it cannot be read.
    """
    if path.suffix != PACKED:
        return Part(path, _open(path))
    folder = tempfile.TemporaryDirectory(prefix="sim2race-log-")
    copy = Path(folder.name) / f"unpacked{Path(path.stem).suffix}"
    limit = max(MIN_LIMIT, MAX_GROWTH * path.stat().st_size)
    damage = unpack_file(path, copy, limit)
    try:
        file = _open(copy)
    except BadFileError as error:
        raise BadFileError(str(error).replace(str(copy), str(path))) from error
    file.damage = file.damage or damage
    return Part(path, file, folder)


def _open(path: Path) -> LogFile:
    return McapFile(path) if path.suffix == ".mcap" else SqliteFile(path)


def _split_number(path: Path) -> tuple[int, str]:
    """Sort the parts of a split log as they were written: `_10` after `_9`."""
    match = re.search(r"_(\d{1,9})$", Path(path.name.removesuffix(PACKED)).stem)
    return int(match[1]) if match else 0, path.name
