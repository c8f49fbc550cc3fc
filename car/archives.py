"""Taking the policy out of a file from somewhere: `policy.onnx` itself, or a .tar.gz or .zip with it.

Nothing is ever unpacked to the disk: one member is read into memory, with a limit that counts what really
comes out of the decompression and not what the archive says. An archive with a path that leads out of it, or
with a link, is refused as a whole: somebody wanted something with it.
"""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from car.errors import BadFileError

POLICY_NAME = "policy.onnx"
MAX_POLICY_BYTES = 160 * 1024 * 1024
"""DeepRacer's five-layer network for 160 x 120 pixels weighs 115 MB with its heat map."""
MAX_ARCHIVE_BYTES = 256 * 1024 * 1024
"""All members together, unpacked."""
MAX_MEMBERS = 1000
_PIECE = 1024 * 1024


def read_policy_file(path: Path) -> bytes:
    """Return the bytes of the policy in the file `path`; what kind it is shows in its first bytes.

    Raises:
        BadFileError: missing, too large, damaged, without exactly one policy, or with a path or link that no
            honest archive has.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0)
            if size > MAX_ARCHIVE_BYTES:
                raise BadFileError(f"{path} has {size} bytes; expected at most {MAX_ARCHIVE_BYTES}.")
            if head.startswith(b"\x1f\x8b"):
                return _from_tar(file, path)
            if head.startswith(b"PK"):
                return _from_zip(file, path)
            if not size:
                raise BadFileError(f"{path} is empty.")
            return _read_bounded(file, str(path))
    except FileNotFoundError as error:
        raise BadFileError(f"{path} does not exist.") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise BadFileError(f"The archive {path} is damaged: {error}.") from error
    except (RuntimeError, NotImplementedError) as error:
        raise BadFileError(f"The archive {path} cannot be unpacked: {error}.") from error
    except OSError as error:
        raise BadFileError(f"{path} cannot be read: {error.strerror or error}.") from error


class _BoundedReader:
    """A file that ends with an error after so many bytes."""

    def __init__(self, file: gzip.GzipFile, source: Path) -> None:
        self._file = file
        self._source = source
        self._left = MAX_ARCHIVE_BYTES

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise BadFileError(f"{self._source} unpacks to more than {MAX_ARCHIVE_BYTES} bytes.")
        return data


def _from_tar(file: IO[bytes], path: Path) -> bytes:
    """Read as a stream, so that headers and members are bounded alike."""
    names: list[str] = []
    policies: dict[str, bytes] = {}
    unpacked = _BoundedReader(gzip.GzipFile(fileobj=file), path)
    # A stream reads forward only and is asked for nothing but `read`.
    with tarfile.open(fileobj=unpacked, mode="r|") as archive:  # type: ignore[call-overload]
        for member in archive:
            names.append(member.name)
            check_member(member.name, len(names), path)
            if not (member.isfile() or member.isdir()):
                raise BadFileError(f"{path} holds {member.name!r}, a link or device; expected plain files.")
            if member.isfile() and PurePosixPath(member.name).name == POLICY_NAME:
                content = archive.extractfile(member)
                assert content is not None
                policies[member.name] = _read_bounded(content, f"{member.name} in {path}")
    return _only(policies, names, path)


def _from_zip(file: IO[bytes], path: Path) -> bytes:
    names: list[str] = []
    policies: dict[str, bytes] = {}
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            names.append(member.filename)
            check_member(member.filename, len(names), path)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise BadFileError(
                    f"{path} holds {member.filename!r}, a link or device; expected plain files."
                )
            if not member.is_dir() and PurePosixPath(member.filename).name == POLICY_NAME:
                with archive.open(member) as content:
                    policies[member.filename] = _read_bounded(content, f"{member.filename} in {path}")
    return _only(policies, names, path)


def check_member(name: str, count: int, path: Path) -> None:
    """Refuse the `count`-th member of an archive if there are too many, or if its path leads out.

    Raises:
        BadFileError: it is one of these; no honest archive does that.
    """
    if count > MAX_MEMBERS:
        raise BadFileError(f"{path} holds more than {MAX_MEMBERS} files.")
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts or PureWindowsPath(name).drive or "\\" in name:
        raise BadFileError(
            f"{path} holds {name!r}, which leads out of it; expected paths inside the archive."
        )


def _read_bounded(content: IO[bytes], source: str) -> bytes:
    data = bytearray()
    while piece := content.read(_PIECE):
        data += piece
        if len(data) > MAX_POLICY_BYTES:
            raise BadFileError(f"{source} is larger than {MAX_POLICY_BYTES} bytes; no policy is.")
    return bytes(data)


def _only(policies: dict[str, bytes], names: list[str], path: Path) -> bytes:
    if len(policies) == 1:
        return next(iter(policies.values()))
    if policies:
        raise BadFileError(f"{path} holds {len(policies)} policies: {', '.join(policies)}; expected one.")
    if any(PurePosixPath(name).suffix == ".pb" for name in names):
        raise BadFileError(f"{path} holds a TensorFlow model (.pb); expected {POLICY_NAME}.")
    raise BadFileError(f"{path} holds no {POLICY_NAME}.")
