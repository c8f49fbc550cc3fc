"""Taking in runs from outside: a .mcap or .db3 file, a SIM_TRACE .csv or metrics .json, an archive of them.

What comes in is hostile until shown otherwise. It is bounded as it comes and again as it unpacks; only the
files that make a run are unpacked, under names of our making, into a folder aside; each run is opened there
as any other; and only then moved among the others.
"""

from __future__ import annotations

import gzip
import os
import re
import secrets
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, cast

from analysis.run_files import TABLES, is_table, open_run
from analysis.sim_trace import MAX_TRACE_BYTES
from car.archives import MAX_POLICY_BYTES, check_member
from car.errors import BadFileError, Sim2RaceError
from car.log_parts import PACKED, SUFFIXES, is_log_file
from car.log_reader import read_log

MAX_UPLOAD_BYTES = 512 * 2**20
MAX_UNPACKED_BYTES = 4 * MAX_UPLOAD_BYTES
MAX_LOGS = 50
MAX_PARTS = 200
"""Files of one log."""
INCOMING = ".incoming"

_PIECE = 2**20
_SMALL = {"run.json": 2**20, "model_metadata.json": 2**20, "policy.onnx": MAX_POLICY_BYTES}
"""What may lie beside a log, and how large it may be."""
_EXPECTED = "a .mcap or .db3 file, a SIM_TRACE .csv or metrics .json"
_SPARE_BYTES = 200 * 2**20
"""What an upload must leave of the disk."""


@dataclass
class _Allowance:
    """What may still be unpacked."""

    bytes_left: int = field(default_factory=lambda: MAX_UNPACKED_BYTES)
    members: int = 0


@dataclass
class _Group:
    """The files of one log in an archive."""

    parts: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)


def receive(stream: IO[bytes], folder: Path) -> Path:
    """Write an upload to a file of our naming aside.

    Raises:
        Sim2RaceError: too large, or the disk is full.
    """
    aside = folder / INCOMING / secrets.token_hex(8)
    size = 0
    try:
        aside.mkdir(parents=True)
        with (aside / "upload").open("wb") as file:
            while piece := stream.read(_PIECE):
                size += len(piece)
                if size > MAX_UPLOAD_BYTES:
                    raise Sim2RaceError(f"An upload holds up to {MAX_UPLOAD_BYTES // 2**20} MiB.")
                if shutil.disk_usage(aside).free < _SPARE_BYTES:
                    raise Sim2RaceError("The disk is almost full; make room and try again.")
                file.write(piece)
    except OSError as error:
        forget(aside)
        raise Sim2RaceError(f"The upload cannot be kept: {error.strerror or error}.") from error
    except BaseException:
        forget(aside)
        raise
    return aside


def forget(aside: Path) -> None:
    """Remove what is left of an upload."""
    shutil.rmtree(aside, ignore_errors=True)


def take_in(aside: Path, name: str, folder: Path) -> list[str]:
    """Check what was received, and move the logs in it among the others.

    Args:
        aside: what `receive` returned; it is gone afterwards.
        name: what the sender calls the file; only a plain form of it is used.
        folder: of logs.

    Returns:
        Names of the logs, as they are now.

    Raises:
        Sim2RaceError: no log in it, or nothing that can be opened; nothing is kept then.
    """
    try:
        unpacked = aside / "logs"
        unpacked.mkdir()
        _unpack(aside / "upload", name, unpacked)
        found = sorted(unpacked.iterdir())
        if not found:
            raise Sim2RaceError(f"There is no run in the archive; expected {_EXPECTED}.")
        for log in found:
            _check(log)
        return [_move(log, folder) for log in found]
    except (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise Sim2RaceError(f"The archive is damaged: {error}.") from error
    except (RuntimeError, NotImplementedError) as error:
        raise Sim2RaceError(f"The archive cannot be unpacked: {error}.") from error
    except OSError as error:
        raise Sim2RaceError(f"The upload cannot be kept: {error.strerror or error}.") from error
    finally:
        forget(aside)


def _check(run: Path) -> None:
    """Open what was unpacked.

    Raises:
        Sim2RaceError: it cannot be read, or there is nothing in it.
    """
    try:
        held = read_log(run) if run.is_dir() else open_run(run)
    except BadFileError as error:
        raise BadFileError(str(error).replace(str(run), run.name)) from error
    if run.is_file() and not is_table(run):
        raise Sim2RaceError(f"{run.name} does not begin as a SIM_TRACE or metrics file does.")
    if not len(held.frames) and run.suffix != ".json":
        raise Sim2RaceError(f"There is no frame in {run.name}.")


def plain_name(name: str) -> str:
    """Return a name as a folder's: letters, digits, dots inside, and never a path."""
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", last).strip("-.")[:80] or "log"


def _unpack(upload: Path, name: str, target: Path) -> None:
    with upload.open("rb") as file:
        head = file.read(262 + 8)
    if head.startswith(b"PK"):
        _unpack_zip(upload, name, target)
    elif head.startswith(b"\x1f\x8b"):
        _unpack_tar(_gunzipped(upload), name, target)
    elif head[257:262] == b"ustar":
        _unpack_tar(upload, name, target)
    elif is_log_file(Path(plain_name(name))):
        suffix = _suffix(name)
        folder = target / plain_name(name[: -len(suffix)])
        folder.mkdir()
        os.replace(upload, folder / f"part-000{suffix}")
    elif Path(name).suffix in TABLES:
        os.replace(upload, target / _table_name(name))
    else:
        raise Sim2RaceError(f"This is no run; expected {_EXPECTED}, or a .zip or .tar.gz of them.")


def _unpack_zip(upload: Path, name: str, target: Path) -> None:
    allowance = _Allowance()
    with zipfile.ZipFile(upload) as archive:
        for member in archive.infolist():
            allowance.members += 1
            check_member(member.filename, allowance.members, Path(plain_name(name)))
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise BadFileError(f"{member.filename!r} is a link or device; expected plain files.")
        files = [member.filename for member in archive.infolist() if not member.is_dir()]
        for source, place in _places(files, name, target):
            with archive.open(source) as content:
                _write(content, place, allowance)


def _unpack_tar(upload: Path, name: str, target: Path) -> None:
    allowance = _Allowance()
    with tarfile.open(upload, "r:") as archive:
        members: dict[str, tarfile.TarInfo] = {}
        for member in archive:
            allowance.members += 1
            check_member(member.name, allowance.members, Path(plain_name(name)))
            if not (member.isfile() or member.isdir()):
                raise BadFileError(f"{member.name!r} is a link or device; expected plain files.")
            if member.isfile():
                members[member.name] = member
        for source, place in _places(list(members), name, target):
            content = archive.extractfile(members[source])
            assert content is not None
            with content:
                _write(content, place, allowance)


def _gunzipped(upload: Path) -> Path:
    """Decompress first, with a limit: a tar is looked through by leaps, which a bomb would make long."""
    plain = upload.with_name("plain.tar")
    with gzip.open(upload) as content, plain.open("xb") as file:
        _copy(cast("IO[bytes]", content), file, _Allowance(), MAX_UNPACKED_BYTES, "The archive")
    return plain


def _places(files: list[str], name: str, target: Path) -> Iterator[tuple[str, Path]]:
    """Say where which files go: one folder for each folder that holds parts of a log."""
    groups: dict[str, _Group] = defaultdict(_Group)
    tables = []
    for file in sorted(files):
        path = PurePosixPath(file)
        if is_log_file(Path(path.name)):
            groups[str(path.parent)].parts.append(file)
        elif path.name in _SMALL:
            groups[str(path.parent)].beside.append(file)
        elif path.suffix in TABLES:
            tables.append(file)
    logs = {folder: group for folder, group in groups.items() if group.parts}
    if len(logs) > MAX_LOGS or any(len(group.parts) > MAX_PARTS for group in logs.values()):
        raise Sim2RaceError(f"An archive holds up to {MAX_LOGS} logs of up to {MAX_PARTS} files.")
    for folder, group in logs.items():
        place = _free(target, plain_name(folder) if folder != "." else plain_name(_stem(name)))
        place.mkdir()
        for number, part in enumerate(group.parts):
            yield part, place / f"part-{number:03d}{_suffix(part)}"
        for file in group.beside:
            yield file, place / PurePosixPath(file).name
    yield from _table_places(tables, target)


def _table_places(files: list[str], target: Path) -> Iterator[tuple[str, Path]]:
    """Say where tables go, and take those away again that are something else than runs."""
    runs = 0
    for file in files:
        place = _free(target, _table_name(file))
        yield file, place
        if is_table(place):
            runs += 1
        else:
            place.unlink()
        if runs > MAX_LOGS:
            raise Sim2RaceError(f"An archive holds up to {MAX_LOGS} traces and metrics files.")


def _table_name(name: str) -> str:
    """Return a plain name for a table; those that are all called the same are called by their folder too."""
    path = PurePosixPath(name.replace("\\", "/"))
    alike = re.fullmatch(r"\d+-iteration|metrics", path.stem) and path.parent.name
    return f"{plain_name(f'{path.parent.name}-{path.stem}' if alike else path.stem)}{path.suffix}"


def _write(content: IO[bytes], place: Path, allowance: _Allowance) -> None:
    """Write one member, counting what really comes out of the decompression."""
    with place.open("xb") as file:
        most = MAX_TRACE_BYTES if place.suffix in TABLES else MAX_UNPACKED_BYTES
        _copy(content, file, allowance, _SMALL.get(place.name, most), place.name)


def _copy(content: IO[bytes], file: IO[bytes], allowance: _Allowance, limit: int, what: str) -> None:
    left = limit
    while piece := content.read(_PIECE):
        left -= len(piece)
        allowance.bytes_left -= len(piece)
        if left < 0 or allowance.bytes_left < 0:
            raise BadFileError(f"{what} unpacks to more than is allowed.")
        if shutil.disk_usage(file.name).free < _SPARE_BYTES:
            raise Sim2RaceError("The disk is almost full; make room and try again.")
        file.write(piece)


def _suffix(name: str) -> str:
    packed = PACKED if name.endswith(PACKED) else ""
    bare = name.removesuffix(PACKED)
    return next(suffix for suffix in SUFFIXES if bare.endswith(suffix)) + packed


def _stem(name: str) -> str:
    return re.sub(r"\.(zip|tar|tgz|tar\.gz|gz)$", "", name, flags=re.IGNORECASE)


def _free(folder: Path, name: str) -> Path:
    """Return a path of that name that is not taken."""
    suffix = PurePosixPath(name).suffix if name.endswith(TABLES) else ""
    place, number = folder / name, 2
    while place.exists():
        place, number = folder / f"{name.removesuffix(suffix)}-{number}{suffix}", number + 1
    return place


def _move(log: Path, folder: Path) -> str:
    for _ in range(MAX_LOGS):
        place = _free(folder, log.name)
        try:
            if log.is_file():
                place.open(
                    "xb"
                ).close()  # A file would be moved over one that somebody else has just put there.
            os.rename(log, place)
        except FileExistsError:
            continue  # Somebody was quicker.
        os.utime(place, (time.time(), time.time()))
        return place.name
    raise Sim2RaceError(f"There are too many logs called {log.name}.")
