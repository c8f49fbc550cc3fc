"""The interface packages: complete, and the same on the wire as the community's."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from car.topics import SERVICES, TOPICS
from sim2race_car import ros

SOURCES = Path(__file__).parents[2] / "ros2_ws" / "src"
INSTALLED = Path(sys.prefix) / "share"

COMMUNITY_HASHES = {
    "msg/CameraMsg": "91ab17cf",
    "msg/EvoSensorMsg": "bf0d7064",
    "msg/InferResults": "84eeb5fc",
    "msg/InferResultsArray": "4c256fe0",
    "msg/ServoCtrlMsg": "54064b9f",
    "srv/ActiveStateSrv": "0a96a33e",
    "srv/EnableStateSrv": "dfa6956f",
    "srv/LoadModelSrv": "50429f16",
    "srv/NavThrottleSrv": "ab1e8668",
    "srv/VideoStateSrv": "81486e74",
}
"""First digits of the type hashes that the community's own package gets."""


@pytest.mark.parametrize("name", COMMUNITY_HASHES)
def test_a_type_has_the_communitys_hash(name: str) -> None:
    described = json.loads((INSTALLED / "deepracer_interfaces_pkg" / f"{name}.json").read_text())
    full_name = f"deepracer_interfaces_pkg/{name}"
    (found,) = (row["hash_string"] for row in described["type_hashes"] if row["type_name"] == full_name)
    assert found.startswith(f"RIHS01_{COMMUNITY_HASHES[name]}")


@pytest.mark.parametrize(
    ("package", "kind", "count"),
    [
        ("deepracer_interfaces_pkg", "msg", 10),
        ("deepracer_interfaces_pkg", "srv", 30),
        ("sim2race_msgs", "msg", 3),
    ],
)
def test_every_definition_is_built_and_can_be_imported(package: str, kind: str, count: int) -> None:
    names = [path.stem for path in (SOURCES / package / kind).glob(f"*.{kind}")]
    assert len(names) == count
    module = import_module(f"{package}.{kind}")
    for name in names:
        assert hasattr(module, name)


def test_every_topic_and_service_of_the_table_has_a_class() -> None:
    types = [topic.type_name for topic in TOPICS.values()] + [row.type_name for row in SERVICES.values()]
    for name in types:
        assert ros.interface(name).__name__ == name.rpartition("/")[2]
