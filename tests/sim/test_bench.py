from typing import Any

import pytest
from rich.console import Console

from sim.bench import BATCHES, driving, run_bench
from sim.simulator import SimConfig, Simulator


def test_the_benchmark_measures_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.bench.BATCHES", (1, 64))
    console = Console(record=True, width=120)
    assert run_bench(console, seconds=0.1) == 0
    text = console.export_text()
    assert text.startswith("Everything on, 64 cars: ")
    for words in (
        "1 core",
        "processes side by side",
        "everything off",
        "in colour",
        "CarRacing-v3",
        "ground warp",
        "objects",
        "Memory",
        "Start-up",
    ):
        assert words in text
    assert BATCHES == (1, 8, 64, 256)


@pytest.mark.parametrize("in_colour", [False, True])
def test_every_step_drives_and_takes_its_picture(in_colour: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    for name in ("step", "look", "look_rgb"):
        method = getattr(Simulator, name)

        def counted(*arguments: Any, name: str = name, method: Any = method) -> Any:
            done.append(name)
            return method(*arguments)

        monkeypatch.setattr(Simulator, name, counted)
    step = driving(SimConfig(noise="none"), 2, 1, in_colour=in_colour)
    done.clear()
    assert step() == 2
    assert done == ["step", "look_rgb" if in_colour else "look"]
