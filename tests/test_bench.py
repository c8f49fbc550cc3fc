"""`sim2race bench` before it measures anything."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import tyro

import sim2race
import sim2race_bench
from car.errors import Sim2RaceError
from sim2race_bench import BenchCar, BenchConfig, BenchFuzz, BenchLearner, BenchSim

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("bench", "said"),
    [
        (BenchSim(seconds=-1.0), "--seconds is -1.0; expected a number above 0"),
        (BenchCar(minutes=float("nan")), "--minutes is nan; expected a number above 0"),
        (BenchFuzz(files=0), "--files is 0; expected a number above 0"),
        (BenchLearner(steps=-5), "--steps is -5; expected a number above 0"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(bench: Any, said: str) -> None:
    with pytest.raises(Sim2RaceError, match=said):
        sim2race_bench.run(BenchConfig(what=bench))


def test_without_a_word_it_is_the_simulator() -> None:
    assert tyro.cli(BenchConfig, args=[]) == BenchConfig(what=BenchSim())


def test_the_help_of_a_bench_names_its_own_options(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit):
        sim2race.main(["bench", "faults", "--help"])
    options = set(re.findall(r"--([a-z]+)", capsys.readouterr().out))
    assert options == {"help", "trials", "only", "policy", "markdown"}


def test_an_option_of_another_bench_is_refused_with_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        sim2race.main(["bench", "faults", "--minutes", "3"])
    assert refused.value.code == 2
    said = capsys.readouterr().err
    assert "--minutes (applied to sim2race bench faults)" in said
    assert "car --help" in said and "sim2race bench --help" in said


def test_every_command_that_is_written_down_is_understood() -> None:
    pages = [REPOSITORY / name for name in ("README.md", "Makefile")] + [*REPOSITORY.glob("docs/*.md")]
    found = [
        shlex.split(words, comments=True)
        for page in pages
        for words in re.findall(r"sim2race bench( [^`\n]*)", page.read_text())
    ]
    assert len(found) > 20
    for words in found:
        tyro.cli(BenchConfig, args=words)
