"""Archives from outside: one policy comes out, and nothing else ever does."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from car import archives
from car.archives import read_policy_file
from car.errors import BadFileError

CONTENT = b"\x08\x0apolicy" * 100
Pack = Callable[[Path, dict[str, bytes]], Path]


def _tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


both = pytest.mark.parametrize("pack", [_tar, _zip])


def test_a_plain_policy_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "policy.onnx").write_bytes(CONTENT)
    assert read_policy_file(tmp_path / "policy.onnx") == CONTENT


@both
@pytest.mark.parametrize("name", ["policy.onnx", "./policy.onnx", "run-7/agent/policy.onnx"])
def test_the_policy_is_found_anywhere_in_an_archive(pack: Pack, name: str, tmp_path: Path) -> None:
    archive = pack(tmp_path / "model.bin", {"readme.txt": b"hello", name: CONTENT, "z.json": b"{}"})
    assert read_policy_file(archive) == CONTENT


@both
def test_nothing_is_written_to_the_disk(pack: Pack, tmp_path: Path) -> None:
    archive = pack(tmp_path / "model.bin", {"policy.onnx": CONTENT, "other.txt": b"x"})
    read_policy_file(archive)
    assert list(tmp_path.iterdir()) == [archive]


@both
@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../policy.onnx", "C:/x", "a\\..\\x"])
def test_a_path_that_leads_out_is_refused(pack: Pack, name: str, tmp_path: Path) -> None:
    archive = pack(tmp_path / "model.bin", {"policy.onnx": CONTENT, name: b"x"})
    with pytest.raises(BadFileError, match="leads out of it"):
        read_policy_file(archive)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_tar_with_a_link_or_device_is_refused(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("policy.onnx")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(BadFileError, match="a link or device"):
        read_policy_file(path)


def test_a_zip_with_a_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("policy.onnx")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(BadFileError, match="a link or device"):
        read_policy_file(path)


@both
def test_two_policies_or_none_are_refused_by_name(pack: Pack, tmp_path: Path) -> None:
    two = pack(tmp_path / "two", {"a/policy.onnx": CONTENT, "b/policy.onnx": CONTENT})
    with pytest.raises(BadFileError, match=r"2 policies: a/policy.onnx, b/policy.onnx"):
        read_policy_file(two)
    with pytest.raises(BadFileError, match=r"holds no policy\.onnx"):
        read_policy_file(pack(tmp_path / "none", {"a.txt": b"x"}))
    with pytest.raises(BadFileError, match="TensorFlow model"):
        read_policy_file(pack(tmp_path / "theirs", {"agent/model.pb": b"x", "model_metadata.json": b"{}"}))


@both
def test_a_bomb_stops_at_the_limit(pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_POLICY_BYTES", 1_000_000)
    archive = pack(tmp_path / "bomb", {"policy.onnx": bytes(5_000_000)})
    assert archive.stat().st_size < 20_000
    with pytest.raises(BadFileError, match="larger than 1000000 bytes"):
        read_policy_file(archive)


def test_a_bomb_beside_the_policy_stops_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 1_000_000)
    archive = _tar(tmp_path / "bomb", {"big.txt": bytes(5_000_000), "policy.onnx": CONTENT})
    with pytest.raises(BadFileError, match="unpacks to more than 1000000 bytes"):
        read_policy_file(archive)


def test_a_bomb_in_a_tar_header_stops_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 1_000_000)
    path = tmp_path / "bomb"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("policy.onnx")
        info.pax_headers = {"comment": "x" * 5_000_000}
        archive.addfile(info)
    with pytest.raises(BadFileError, match="unpacks to more than"):
        read_policy_file(path)


@both
def test_too_many_files_are_refused(pack: Pack, tmp_path: Path) -> None:
    archive = pack(tmp_path / "many", {f"{index}.txt": b"" for index in range(1001)})
    with pytest.raises(BadFileError, match="more than 1000 files"):
        read_policy_file(archive)


@both
def test_a_truncated_archive_is_refused_at_every_length(pack: Pack, tmp_path: Path) -> None:
    whole = pack(tmp_path / "whole", {"a.txt": b"abc" * 50, "policy.onnx": CONTENT}).read_bytes()
    cut = tmp_path / "cut"
    for length in range(4, len(whole) - 8, 7):
        cut.write_bytes(whole[:length])
        with pytest.raises(BadFileError):
            read_policy_file(cut)


def test_damaged_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    for pack in (_tar, _zip):
        whole = pack(tmp_path / "whole", {"policy.onnx": CONTENT}).read_bytes()
        for place in range(len(whole)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
            try:
                read_policy_file(path)
            except BadFileError as error:
                assert "\n" not in str(error)


def test_a_gzip_that_is_no_tar_an_empty_file_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.gz").write_bytes(gzip.compress(b"hello"))
    with pytest.raises(BadFileError):
        read_policy_file(tmp_path / "text.gz")
    (tmp_path / "empty").touch()
    with pytest.raises(BadFileError, match="is empty"):
        read_policy_file(tmp_path / "empty")
    with pytest.raises(BadFileError, match="does not exist"):
        read_policy_file(tmp_path / "none")
    with pytest.raises(BadFileError, match="directory"):
        read_policy_file(tmp_path)
