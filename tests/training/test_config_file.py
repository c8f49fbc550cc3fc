"""A configuration comes back from its file exactly as it was, or says where the file is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from car.errors import BadFileError
from sim.simulator import SimConfig
from training.config_file import config_from_data, config_to_data
from training.ppo_config import PpoConfig
from training.train_config import TrainConfig

CONFIG = TrainConfig(
    name="night",
    runs=Path("elsewhere"),
    actions=Path("model_metadata.json"),
    max_minutes=7,
    sim=SimConfig(tracks=("forever-raceway", "trapezoid"), directions=("clockwise",)),
    ppo=PpoConfig(discount=0.9),
)


def _data() -> Any:
    return json.loads(json.dumps(config_to_data(CONFIG)))


def test_a_configuration_survives_the_way_through_json() -> None:
    assert config_from_data(TrainConfig, _data(), where="config.json") == CONFIG


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("seed",), "one", r"config.json: seed is 'one'; expected int"),
        (("sim", "noise"), 3, r"config.json: sim: noise is 3; expected str"),
        (("sim", "start"), "somewhere", r"expected 'anywhere' or 'line'"),
        (("sim", "tracks"), "forever-raceway", r"sim: tracks is 'forever-raceway'"),
        (("ppo", "batch_size"), True, r"ppo: batch_size is True; expected int"),
        (("ppo", "magic"), 1, r"config.json: ppo: 'magic' is not a setting"),
        (("ppo",), None, r"ppo is None; expected an object"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(path: tuple[str, ...], value: object, complaint: str) -> None:
    data = _data()
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(BadFileError, match=complaint):
        config_from_data(TrainConfig, data, where="config.json")


def test_a_missing_value_is_named() -> None:
    data = _data()
    del data["seed"]
    with pytest.raises(BadFileError, match="'seed' is missing"):
        config_from_data(TrainConfig, data, where="config.json")


def test_a_file_from_before_a_setting_loads_with_what_there_was_then() -> None:
    data = _data()
    del data["ppo"]["clip_range_end"], data["network_width"], data["network_pool"], data["sim"]["latency"]
    assert config_from_data(TrainConfig, data, where="config.json") == CONFIG
    assert config_to_data(CONFIG, as_before=True) == data
    falling = replace(CONFIG, ppo=PpoConfig(clip_range_end=0.1))
    assert config_to_data(falling, as_before=True)["ppo"]["clip_range_end"] == 0.1
