"""A session says who trains a run, and a killed one is told from a running one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from car.errors import Sim2RaceError
from training.run_folder import RunFolder
from training.session import FINISHED, last_session, training_session

HOLD = """
import sys
from pathlib import Path
from training.run_folder import RunFolder
from training.session import training_session
with training_session(RunFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "racer", {"seed": 1})


def test_a_run_that_nobody_has_begun_waits(folder: RunFolder) -> None:
    assert last_session(folder).state == "waiting"


def test_a_run_of_another_process_is_running_until_that_is_killed(folder: RunFolder) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None and child.stdout.readline() == b"held\n"
    assert (last_session(folder).state, last_session(folder).pid) == ("running", child.pid)
    with pytest.raises(Sim2RaceError, match="being trained by another process"), training_session(folder):
        pass
    child.kill()
    assert child.wait() == -signal.SIGKILL
    child.communicate()
    assert last_session(folder).state == "killed"


def test_how_a_session_ended_is_kept(folder: RunFolder) -> None:
    with training_session(folder) as session:
        session.end(FINISHED, "Spent its 8 steps.")
    assert (last_session(folder).state, last_session(folder).reason) == ("finished", "Spent its 8 steps.")
    with pytest.raises(Sim2RaceError), training_session(folder):
        raise Sim2RaceError("Training diverged after 8 steps.")
    assert last_session(folder).state == "diverged"
    with pytest.raises(KeyboardInterrupt), training_session(folder):
        raise KeyboardInterrupt
    assert last_session(folder).state == "stopped"
    with pytest.raises(Sim2RaceError), training_session(folder):
        raise Sim2RaceError("No track is called 'x'.")
    assert (last_session(folder).state, last_session(folder).reason) == ("failed", "No track is called 'x'.")


def test_a_run_from_before_sessions_is_judged_by_what_it_left(folder: RunFolder) -> None:
    folder.append_metrics({"steps": 4})
    assert last_session(folder).state == "killed"
    folder.policy_path.touch()
    assert last_session(folder).state == "finished"


def test_a_damaged_record_is_as_good_as_none(folder: RunFolder) -> None:
    (folder.path / "session.json").write_text('{"state":')
    assert last_session(folder).state == "waiting"
