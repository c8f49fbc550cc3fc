from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from analysis.console.jobs import MOST_WAITING, Job, Jobs, JobState
from analysis.console.security import CSRF_HEADER
from car.errors import Sim2RaceError
from tests.car.logs import write_synthetic_log


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    jobs = Jobs()
    yield jobs
    jobs.close()


def over(job: Job) -> Job:
    end = time.monotonic() + 10
    while not job.is_over and time.monotonic() < end:
        time.sleep(0.005)
    return job


def test_a_job_writes_a_file_of_our_naming_and_says_how_far_it_is(jobs: Jobs) -> None:
    def work(path: Path, progress: Callable[[float], None]) -> None:
        progress(0.5)
        path.write_text("done")

    job = over(jobs.start("../../name of theirs.csv", work))

    assert (job.state, job.done) == (JobState.DONE, 1.0)
    assert job.path.name == f"{job.id}.csv" and job.path.read_text() == "done"
    jobs.close()
    assert not job.path.exists()


def test_a_running_job_is_called_off_at_its_next_step_and_a_waiting_one_never_begins(jobs: Jobs) -> None:
    begun, begin = threading.Event(), threading.Event()

    def work(path: Path, progress: Callable[[float], None]) -> None:
        begun.set()
        begin.wait(10)
        progress(0.1)
        path.write_text("never")

    first, second = jobs.start("a.csv", work), jobs.start("b.csv", work)
    assert begun.wait(10)
    jobs.cancel(first)
    jobs.cancel(second)
    begin.set()

    assert (over(first).state, over(second).state) == (JobState.CANCELLED, JobState.CANCELLED)
    assert not first.path.exists() and not second.path.exists()


@pytest.mark.parametrize("error", [Sim2RaceError("The disk is full."), ZeroDivisionError("The disk is full")])
def test_a_job_that_fails_says_why(jobs: Jobs, error: Exception) -> None:
    def work(path: Path, progress: Callable[[float], None]) -> None:
        raise error

    job = over(jobs.start("a.csv", work))

    assert job.state is JobState.FAILED and "The disk is full." in job.error


def test_jobs_do_not_pile_up(jobs: Jobs) -> None:
    begin = threading.Event()
    for _ in range(MOST_WAITING):
        jobs.start("a.csv", lambda path, progress: (begin.wait(10), None)[1])

    with pytest.raises(Sim2RaceError, match="under way"):
        jobs.start("a.csv", lambda path, progress: None)
    begin.set()


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    write_synthetic_log(tmp_path, frames=5, name="run")
    return create_app(ConsoleConfig(logs=tmp_path)).test_client()


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"kind": "exe"},
        {"kind": 7},
        {"kind": "csv", "start_s": "0"},
        {"kind": "csv", "start_s": -1},
        {"kind": "csv", "start_s": True},
        {"kind": "csv", "heat": "../../etc"},
        {"kind": "csv", "start_s": 99},
        {"kind": "png", "opacity": 2},
        {"kind": "png", "opacity": "1"},
        {"kind": "png", "signed": 1},
        {"kind": "png", "action": "-1"},
        {"kind": "png", "policy": "../../policy.onnx"},
    ],
)
def test_an_export_of_nonsense_is_refused(client: FlaskClient, content: object) -> None:
    log = client.get("/api/logs").get_json()["logs"][0]["id"]
    token = {CSRF_HEADER: client.application.config["CHANGE_TOKEN"]}

    answer = client.post(f"/api/log/{log}/export", json=content, headers=token)

    assert answer.status_code in (400, 422) and answer.get_json()["error"]


def test_an_export_needs_the_pages_token_and_a_job_that_is_there(client: FlaskClient) -> None:
    log = client.get("/api/logs").get_json()["logs"][0]["id"]
    token = {CSRF_HEADER: client.application.config["CHANGE_TOKEN"]}

    assert client.post(f"/api/log/{log}/export", json={"kind": "csv"}).status_code == 403
    assert client.get("/api/job/0123456789abcdef").status_code == 404
    assert client.get("/api/job/..%2f..%2fetc/file").status_code == 404
    assert client.post("/api/job/0123456789abcdef/cancel", json={}, headers=token).status_code == 404
