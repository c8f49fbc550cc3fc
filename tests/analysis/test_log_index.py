from __future__ import annotations

import json
import os
import shutil
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from analysis.log_index import IndexedLog, fingerprint, index_path, open_log
from car.errors import BadFileError
from car.frame_table import FrameTable
from car.log_reader import read_log
from tests.car.logs import write_synthetic_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_synthetic_log(tmp_path, frames=30, skip=(7,))


def test_a_log_opened_by_its_index_is_the_log_that_was_read(log: Path) -> None:
    read = read_log(log)
    open_log(log)
    indexed = open_log(log)

    assert isinstance(indexed, IndexedLog)
    for field in fields(FrameTable):
        np.testing.assert_array_equal(getattr(indexed.frames, field.name), getattr(read.frames, field.name))
    assert (indexed.run, indexed.events, indexed.damage) == (read.run, read.events, read.damage)
    assert indexed.action_space == read.action_space
    assert [indexed.jpeg(i) for i in range(29)] == [read.jpeg(i) for i in range(29)]
    assert indexed.health.keys() == read.health.keys()


def test_an_index_is_stale_when_any_file_of_the_log_changes(log: Path) -> None:
    open_log(log)
    before = fingerprint(log)
    (log / "run.json").write_text('{"name": "other"}')

    assert fingerprint(log) != before
    assert open_log(log).run["name"] == "other"


def test_a_log_that_is_thrown_away_has_a_version_still(log: Path) -> None:
    before = fingerprint(log)
    shutil.rmtree(log)
    assert fingerprint(log) != before


@pytest.mark.parametrize("damage", [b"", b"not an archive", b"PK\x03\x04" + bytes(500)])
def test_a_damaged_index_is_passed_over_and_made_anew(log: Path, damage: bytes) -> None:
    index_path(log).write_bytes(damage)

    assert not isinstance(open_log(log), IndexedLog)
    assert isinstance(open_log(log), IndexedLog)


def test_an_index_cut_anywhere_never_stops_a_log_from_opening(log: Path) -> None:
    open_log(log)
    whole = index_path(log).read_bytes()
    for size in range(0, len(whole), len(whole) // 20):
        index_path(log).write_bytes(whole[:size])
        assert len(open_log(log).frames) == 29


def test_a_packed_or_foreign_index_is_not_read(log: Path) -> None:
    open_log(log)
    with np.load(index_path(log)) as archive:
        content = {name: archive[name] for name in archive.files}
    np.savez_compressed(index_path(log), **content)
    assert not isinstance(open_log(log), IndexedLog)

    facts = json.loads(content["facts"].tobytes())
    facts["files"] = [f"../{log.name}/{log.name}.mcap"]
    content["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(index_path(log), **content)
    assert not isinstance(open_log(log), IndexedLog)


def test_a_folder_that_cannot_be_written_opens_without_an_index(log: Path) -> None:
    index_path(log).mkdir()  # Root may write anywhere, but no file can replace a folder.

    assert len(open_log(log).frames) == 29
    assert sorted(p.name for p in log.iterdir() if p.name.startswith(".")) == [index_path(log).name]


def test_a_log_that_is_one_file_has_its_index_beside_it(log: Path, tmp_path: Path) -> None:
    (file,) = log.glob("*.mcap")
    alone = tmp_path / "alone" / "run.mcap"
    alone.parent.mkdir()
    os.link(file, alone)

    open_log(alone)

    assert isinstance(open_log(alone), IndexedLog)
    assert {p.name for p in alone.parent.iterdir()} == {"run.mcap", ".run.mcap.sim2race-index.npz"}


def test_a_log_that_does_not_exist_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="does not exist"):
        open_log(tmp_path / "nothing")
