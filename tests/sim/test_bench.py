import pytest
from rich.console import Console

from sim.bench import BATCHES, run_bench


def test_the_benchmark_measures_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.bench.BATCHES", (1, 64))
    console = Console(record=True, width=120)
    assert run_bench(console, seconds=0.1) == 0
    text = console.export_text()
    assert text.startswith("Everything on, 64 cars: ")
    for words in (
        "64 cars, 1 core",
        "everything off",
        "in colour",
        "ground warp",
        "objects",
        "Memory",
        "Start-up",
    ):
        assert words in text
    assert BATCHES == (1, 8, 64, 256)
