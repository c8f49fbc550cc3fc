"""A short fuzz run with a seed, and that the run sees what it is looking for."""

from __future__ import annotations

import re
from collections import Counter
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from analysis import fuzz_open
from analysis.fuzz import _judge, run_fuzz
from analysis.fuzz_cases import KINDS, Case, Corpus
from analysis.fuzz_open import run_case
from analysis.fuzz_report import FuzzReport, read_report
from car.errors import BadFileError, Sim2RaceError
from car.log_reader import read_log
from tests.car.policies import save_policy


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_policy(tmp_path_factory.mktemp("policy") / "policy.onnx")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, policy: Path) -> Corpus:
    return Corpus(tmp_path_factory.mktemp("corpus"), policy)


def test_sixty_damaged_files_are_opened_or_refused_and_nothing_else(policy: Path) -> None:
    out = StringIO()

    assert run_fuzz(Console(file=out, width=120), policy=policy, files=60, seed=20) == 0

    assert "60 files, seed 20" in out.getvalue()


def test_a_run_that_was_stopped_says_how_far_it_was_and_goes_on_from_there(
    policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept" / "fuzz.json"
    out = StringIO()
    monkeypatch.setattr("analysis.fuzz.SAID_EVERY", 4)

    for files in (6, 10):
        run_fuzz(Console(file=out, width=120), policy=policy, files=files, seed=20, report=kept)

    assert re.findall(r"^\d+ of \d+", out.getvalue(), re.MULTILINE) == ["4 of 6", "8 of 10"]
    whole = tmp_path / "whole.json"
    run_fuzz(Console(file=out, width=120), policy=policy, files=10, seed=20, report=whole)
    one, other = (read_report(path, seed=20, first=0) for path in (kept, whole))
    assert one.cases == 10
    assert one.results == other.results


def test_a_report_of_other_cases_is_not_added_to(tmp_path: Path) -> None:
    path = tmp_path / "fuzz.json"
    FuzzReport().write(path, seed=1, first=0)

    with pytest.raises(BadFileError, match="seed 1"):
        read_report(path, seed=2, first=0)
    path.write_text("[]")
    with pytest.raises(BadFileError, match="not a report"):
        read_report(path, seed=1, first=0)


def test_a_case_is_the_same_for_the_same_seed_and_number(corpus: Corpus) -> None:
    assert corpus.case(1, 7) == corpus.case(1, 7)
    assert corpus.case(1, 7) != corpus.case(1, 8) != corpus.case(2, 8)
    kinds = Counter(corpus.case(3, number).kind for number in range(200))
    assert set(kinds) == set(KINDS)


def test_what_is_damaged_was_whole_before(corpus: Corpus, tmp_path: Path) -> None:
    for name, content in (
        ("a.mcap", corpus.mcap),
        ("b.mcap", corpus.plain_mcap),
        ("c.mcap", corpus.zstd_mcap),
        ("d.mcap", corpus.lz4_mcap),
        ("e.db3", corpus.db3),
    ):
        (tmp_path / name).write_bytes(content)
        assert len(read_log(tmp_path / name).frames) == 12


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (None, "opened"),
        (Sim2RaceError("It is no log."), "refused"),
        (Sim2RaceError("two\nlines"), "fault"),
        (ValueError("x"), "fault"),
        (SystemExit(3), "fault"),
    ],
)
def test_only_a_refusal_in_one_line_is_no_fault(
    corpus: Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException | None,
    result: str,
) -> None:
    def pretend(case: Case, store: Path) -> None:
        (store / "left").write_text("over")
        if error is not None:
            raise error

    monkeypatch.setattr(fuzz_open, "open_case", pretend)

    assert run_case(corpus, 1, 5, tmp_path).result == result
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cpu_s": 2.5}, "2.5 s of processor time"),
        ({"peak_mib": 900.0}, "grew to 900 MiB"),
        ({"strangers": ["/x/y"]}, "/x/y"),
        ({}, ""),
    ],
)
def test_time_memory_and_strange_files_are_faults(change: dict[str, Any], says: str) -> None:
    outcome = {
        "number": 3,
        "kind": "log",
        "how": "",
        "result": "opened",
        "text": "",
        "cpu_s": 0.1,
        "peak_mib": 210.0,
    }
    strangers = change.pop("strangers", [])
    opener = SimpleNamespace(ready_mib=200.0, must_end=False, strangers=lambda: strangers)
    found = FuzzReport()

    _judge({**outcome, **change}, opener, found)  # type: ignore[arg-type]

    assert [says in fault["text"] for fault in found.faults] == ([True] if says else [])
