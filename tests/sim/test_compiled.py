"""Compiled code comes from the cache, where one process at a time puts what is missing."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest

from sim import compiled
from sim.compiled import _own_temporary_folder, compile_ahead
from sim.renderer import render_batch
from sim.simulator import SimConfig, Simulator

Runs = list[list[str]]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Return the commands that are run, with an empty cache and nobody who really compiles."""
    commands: Runs = []
    monkeypatch.setitem(vars(numba.config), "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", lambda command, **options: commands.append(command))
    return commands


def _completed(folder: Path) -> list[Path]:
    return list(folder.glob("complete-*"))


def test_pictures_are_made_by_code_from_the_cache() -> None:
    simulator = Simulator(SimConfig(threads=1), n_cars=1, seed=0)
    simulator.look()
    simulator.look_rgb()
    assert sum(render_batch.stats.cache_hits.values()) == 1
    assert not render_batch.stats.cache_misses, "compiled here, it would round otherwise"


def test_another_process_compiles_once(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compile_ahead()
    compile_ahead()
    assert runs == [[sys.executable, "-m", "sim.compile_all"]]
    assert len(_completed(tmp_path)) == 1
    assert capsys.readouterr().err.count("Compiling the simulator") == 1


def test_that_process_does_not_ask_for_another(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM2RACE_COMPILES", "1")
    compile_ahead()
    assert not runs


@pytest.mark.parametrize("change", ["content", "time", "place", "processor"])
def test_what_numba_would_not_find_again_is_compiled_anew(
    runs: Runs, change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "one.py"
    source.write_text("pass")
    monkeypatch.setattr(compiled, "_compiled_sources", lambda folder: [source])
    compile_ahead()
    before = source.stat()
    if change == "content":
        source.write_text("pass  # other")
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "time":
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    elif change == "place":
        source = source.rename(tmp_path / "two.py")
    else:
        monkeypatch.setattr("llvmlite.binding.get_host_cpu_name", lambda: "other")
    compile_ahead()
    compile_ahead()
    assert len(runs) == 2


def _fail(command: list[str], **_: Any) -> None:
    raise subprocess.CalledProcessError(1, command)


def _take_too_long(command: list[str], **_: Any) -> None:
    raise subprocess.TimeoutExpired(command, 600.0)


@pytest.mark.parametrize("outcome", [_fail, _take_too_long])
def test_what_did_not_compile_there_is_tried_again(
    runs: Runs, outcome: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as failing:
        failing.setattr(subprocess, "run", outcome)
        compile_ahead()
    assert not _completed(tmp_path)
    compile_ahead()
    assert len(runs) == 1


def test_where_no_cache_can_be_written_this_process_goes_on(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setitem(vars(numba.config), "CACHE_DIR", str(tmp_path / "file" / "folder"))
    compile_ahead()
    assert not runs


def test_who_comes_second_waits_and_finds_it_done(runs: Runs, tmp_path: Path) -> None:
    compile_ahead()
    (done,) = _completed(tmp_path)
    done.unlink()
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=compile_ahead)
        second.start()
        second.join(0.3)
        assert second.is_alive()
        done.touch()
        fcntl.flock(lock, fcntl.LOCK_UN)
        second.join(30.0)
    assert not second.is_alive()
    assert len(runs) == 1, "it was done meanwhile"


def test_a_lock_that_is_never_given_back_does_not_stop_anybody(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "LONGEST_COMPILING_S", 0.2)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        compile_ahead()
    assert not runs


def test_a_temporary_cache_is_ours_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = _own_temporary_folder("cache")
    assert folder == tmp_path / "cache"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert _own_temporary_folder("cache") == folder


@pytest.mark.parametrize("kind", ["open to others", "link", "file"])
def test_a_temporary_cache_that_others_could_have_filled_is_not_used(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken = tmp_path / "cache"
    if kind == "file":
        taken.touch()
    elif kind == "link":
        (tmp_path / "other").mkdir(mode=0o700)
        taken.symlink_to(tmp_path / "other")
    else:
        taken.mkdir()
        taken.chmod(0o777)
    folder = _own_temporary_folder("cache")
    assert folder not in (taken, tmp_path / "other")
    assert folder.stat().st_mode & 0o777 == 0o700
