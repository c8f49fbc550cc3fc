"""The page about training names only what exists."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shlex
from pathlib import Path

import pytest
import tyro

import sim2race
from sim2race_bench import BenchLearner
from training.networks import NETWORKS
from training.school import SCHOOLS, school_named
from training.settings import NOT_VARIED, setting_kinds

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
COMMANDS = [line.partition("#")[0].strip() for line in PAGE.splitlines() if line.startswith("    sim2race ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_its_commands_are_understood(command: str) -> None:
    _, name, *words = shlex.split(command)
    row = sim2race.SUBCOMMANDS[name]
    tyro.cli(getattr(importlib.import_module(row.module), row.config), args=words)


def test_its_options_exist() -> None:
    known = {name.replace("_", "-") for name in (*setting_kinds(), *NOT_VARIED)}
    known |= {field.name.replace("_", "-") for field in dataclasses.fields(BenchLearner)}
    for name in ("evaluate", "export", "sweep", "matrix", "runs"):
        row = sim2race.SUBCOMMANDS[name]
        config = getattr(importlib.import_module(row.module), row.config)
        known |= {field.name.replace("_", "-") for field in dataclasses.fields(config)}
    named = set(re.findall(r"--([a-z][a-z0-9.-]*)", PAGE)) - {"help", "logdir"}
    settings = {name.removeprefix("train.") for name in named if name != "train."}
    assert len(settings) > 30
    assert settings <= known


def test_its_school_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    path = tmp_path / "my_school.json"
    path.write_text(example)
    assert len(school_named(str(path)).stages) == 3


def test_it_names_every_network_and_school() -> None:
    assert all(f"`{name}`" in PAGE for name in (*NETWORKS, *SCHOOLS))
