"""The words of who drove, in the run info of a finished log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from car.errors import BadFileError
from car.log_end import end_was_asked_for, ended_in_order, write_end


def test_the_end_is_told_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(
        json.dumps({"name": "a", "end": {"reason": "ended in order", "asked_for": True, "written": 7}})
    )
    write_end(tmp_path, "1 lap driven", in_order=True)
    run = json.loads(path.read_text())
    told = {"reason": "1 lap driven", "in_order": True, "asked_for": False, "written": 7}
    assert run == {"name": "a", "end": told}
    assert ended_in_order(run)
    write_end(tmp_path, "interrupted", in_order=False)
    failed = json.loads(path.read_text())
    assert not ended_in_order(failed) and not end_was_asked_for(failed)


@pytest.mark.parametrize("text", ["{}", '{"end": "soon"}', "no JSON"])
def test_a_log_that_was_not_finished_keeps_its_run_info(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(BadFileError):
        write_end(tmp_path, "1 lap driven", in_order=True)
    assert (tmp_path / "run.json").read_text() == text


@pytest.mark.parametrize("run", [{}, {"end": 3}, {"end": {"in_order": "yes", "asked_for": 1}}])
def test_a_foreign_run_info_tells_no_end_in_order(run: dict[str, object]) -> None:
    assert not ended_in_order(run) and not end_was_asked_for(run)
