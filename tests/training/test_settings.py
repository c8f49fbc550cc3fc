"""Settings by dotted name are read, checked and suggested."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import tyro

from car.errors import BadFileError, Sim2RaceError, UnknownNameError
from sim2race_ablate import AblateConfig
from training.settings import options_of, parse_vary, setting_kinds, with_settings
from training.train_config import TrainConfig


def test_every_field_has_a_dotted_name_but_where_a_run_is_kept() -> None:
    kinds = setting_kinds()
    assert {"network", "seed", "ppo.epochs", "sim.noise", "sim.reward.off_track"} <= set(kinds)
    assert not {"runs", "resume", "name", "ppo", "sim"} & set(kinds)


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("ppo.epochs=2,4", "ppo.epochs", [2, 4]),
        ("ppo.learning_rate=1e-3,2", "ppo.learning_rate", [1e-3, 2]),
        ("ppo.bfloat16=true,false", "ppo.bfloat16", [True, False]),
        ("network=small,deepracer", "network", ["small", "deepracer"]),
        ("sim.directions=clockwise,clockwise+counter-clockwise", "sim.directions",
         [["clockwise"], ["clockwise", "counter-clockwise"]]),
        ('sim.tracks=[["random:seed=1,width=1"], ["trapezoid"]]', "sim.tracks",
         [["random:seed=1,width=1"], ["trapezoid"]]),
        ("actions=none,a.json", "actions", [None, "a.json"]),
        ("max_steps=131_072", "max_steps", [131_072]),
    ],
)  # fmt: skip
def test_values_are_read_by_the_type_of_the_setting(text: str, name: str, values: list[object]) -> None:
    assert parse_vary(text) == (name, values)
    for value in values:
        with_settings(TrainConfig(), {name: value})


def test_a_setting_is_changed_and_the_others_stay() -> None:
    base = TrainConfig(seed=3, actions=Path("a.json"))
    changed = with_settings(base, {"ppo.epochs": 7, "sim.reward.off_track": -1.0})
    assert (changed.ppo.epochs, changed.sim.reward.off_track) == (7, -1.0)
    assert with_settings(changed, {"ppo.epochs": base.ppo.epochs, "sim.reward.off_track": -2.0}) == base


def test_what_differs_can_be_typed_again() -> None:
    changes = {
        "held_out_laps": 2,
        "sim.directions": ["clockwise"],
        "sim.vary_vehicle": False,
        "actions": "a b",
    }
    config = with_settings(TrainConfig(), changes)
    options = options_of(config, TrainConfig(), "train")
    assert options.startswith(
        "--train.actions 'a b' --train.held-out-laps 2 --train.sim.directions clockwise "
    )
    assert options.endswith(" --train.sim.no-vary-vehicle")
    typed = tyro.cli(AblateConfig, args=shlex.split(options))
    assert typed.train == replace(config, name="ablation")


def test_what_cannot_be_is_named() -> None:
    with pytest.raises(
        UnknownNameError, match=r"No setting is called 'ppo.epoch'. Did you mean 'ppo.epochs'"
    ):
        parse_vary("ppo.epoch=2")
    with pytest.raises(Sim2RaceError, match="expected a setting and its values, as in"):
        parse_vary("ppo.epochs")
    with pytest.raises(Sim2RaceError, match="is not JSON"):
        parse_vary("sim.tracks=[a")
    with pytest.raises(BadFileError, match=r"ppo: epochs is 'many'; expected int"):
        with_settings(TrainConfig(), dict([("ppo.epochs", parse_vary("ppo.epochs=many")[1][0])]))
    with pytest.raises(Sim2RaceError, match=r"ppo.epochs is 0; expected more than 0"):
        with_settings(TrainConfig(), {"ppo.epochs": 0})
