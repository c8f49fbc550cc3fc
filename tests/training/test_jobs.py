"""Jobs run some at a time, once each, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from car.errors import Sim2RaceError
from training import jobs as engine_module
from training.jobs import FOLDER, INPUT, Job, LocalEngine, run_jobs


class _Instant:
    """Ends every job at the next look, and counts how many ran at once."""

    slots = 2

    def __init__(self, failing: Sequence[str] = (), stop_after: int = 1_000) -> None:
        self.started: list[str] = []
        self.most = 0
        self.stopped = False
        self._running: dict[str, Job] = {}
        self._failing, self._stop_after = failing, stop_after
        self._words: dict[str, str | None] = {}

    def start(self, job: Job, slot: int) -> None:
        self.started.append(job.name)
        self._running[job.name] = job
        self.most = max(self.most, len(self._running))
        assert slot in range(self.slots)

    def ended(self) -> dict[str, str | None]:
        if len(self.started) > self._stop_after and not self.stopped:
            raise KeyboardInterrupt
        for name, job in list(self._running.items()):
            if name not in self._failing:
                (job.folder / "done").touch()
            self._words[name] = "no space" if name in self._failing else None
            del self._running[name]
        return self._words

    def stop(self) -> None:
        self.stopped = True
        self._running.clear()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "POLL_S", 0.0)


def _jobs(folder: Path, count: int) -> list[Job]:
    made = []
    for number in range(count):
        place = folder / str(number)
        place.mkdir(parents=True, exist_ok=True)
        made.append(Job(str(number), ("x", FOLDER), place, is_done=(place / "done").is_file))
    return made


def test_all_jobs_run_and_no_more_at_once_than_there_are_slots(tmp_path: Path) -> None:
    engine, jobs = _Instant(), _jobs(tmp_path, 5)
    assert run_jobs(jobs, engine, watch=lambda _: None)
    assert engine.started == ["0", "1", "2", "3", "4"]
    assert engine.most == 2
    assert {job.state for job in jobs} == {"done"}


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    run_jobs(_jobs(tmp_path, 2), _Instant(), watch=lambda _: None)
    engine, jobs = _Instant(), _jobs(tmp_path, 3)
    assert run_jobs(jobs, engine, watch=lambda _: None)
    assert engine.started == ["2"]
    assert [job.state for job in jobs] == ["cached", "cached", "done"]


def test_a_failed_job_keeps_no_other_from_running(tmp_path: Path) -> None:
    jobs = _jobs(tmp_path, 3)
    assert run_jobs(jobs, _Instant(failing=["0"]), watch=lambda _: None)
    assert [job.state for job in jobs] == ["failed", "done", "done"]
    assert jobs[0].reason == "no space"


def test_ctrl_c_ends_the_jobs_in_order_and_says_so(tmp_path: Path) -> None:
    engine, jobs = _Instant(stop_after=2), _jobs(tmp_path, 6)
    assert not run_jobs(jobs, engine, watch=lambda _: None)
    assert engine.stopped
    assert [job.state for job in jobs].count("done") == 2
    assert {job.state for job in jobs} == {"done", "stopped"}


def test_processes_get_cores_of_their_own_and_their_last_words_are_kept(tmp_path: Path) -> None:
    engine = LocalEngine(jobs=1, threads=1, outputs=tmp_path / "output")
    job = Job("bad", ("runs", FOLDER, "--nonsense"), tmp_path, is_done=lambda: False)
    assert run_jobs([job], engine, watch=lambda _: None)
    assert job.state == "failed"
    assert "bad ended with status" in job.reason


def test_paths_are_put_in_where_a_job_runs(tmp_path: Path) -> None:
    job = Job("a", ("evaluate", "--policy", INPUT, "--json", FOLDER), tmp_path, is_done=lambda: False)
    command = job.command(Path("/there"), Path("/p.onnx"))
    assert command == ["evaluate", "--policy", "/p.onnx", "--json", "/there"]


def test_more_jobs_than_cores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match=r"jobs is 1000; expected up to"):
        LocalEngine(jobs=1_000, threads=1, outputs=tmp_path)
    with pytest.raises(Sim2RaceError, match=r"threads is 0; expected 1 to"):
        LocalEngine(jobs=1, threads=0, outputs=tmp_path)
