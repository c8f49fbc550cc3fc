"""What the page about the simulator names is there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from car.node_graph import arguments_of
from car.topics import SERVICES
from sim.camera import CAMERAS
from sim.rewards import RewardConfig
from sim.scenery import KINDS, NOISE_LEVELS, SURFACE_NAMES
from sim.simulator import SimConfig
from sim.vehicle_parameters import VEHICLES
from sim2race_car.drive_command import DriveConfig

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text()


def options_of(config: type) -> set[str]:
    """Return the fields of a configuration as the command line spells them, without their `no-`."""
    return {field.name.replace("_", "-") for field in fields(config)}


def test_every_option_and_argument_exists() -> None:
    simulation = set(re.findall(r"--sim\.(?:no-)?([a-z-]+[a-z])(?![a-z.])", PAGE))
    assert len(simulation) > 12
    assert simulation <= options_of(SimConfig) | {"reward"}
    assert set(re.findall(r"--sim\.reward\.([a-z-]+)", PAGE)) <= options_of(RewardConfig)
    (drive,) = re.findall(r"sim2race drive (.*)", PAGE)
    assert set(re.findall(r"--([a-z-]+)", drive)) <= options_of(DriveConfig)
    launched = set(re.findall(r"(\w+):=", PAGE))
    assert launched <= {argument.name for argument in arguments_of("sim_car")}


def test_every_service_of_the_simulated_car_is_called_by_its_type() -> None:
    called = dict(re.findall(r"ros2 service call (\S+) (\S+)", PAGE))
    served = {name: row.type_name for name, row in SERVICES.items() if row.server == "simulated car"}
    assert called == served


def test_every_preset_level_and_kind_is_named() -> None:
    for name in (*VEHICLES, *NOISE_LEVELS, *KINDS, *SURFACE_NAMES):
        assert f"`{name}`" in PAGE, name
    for name in CAMERAS:
        assert name in PAGE, name
