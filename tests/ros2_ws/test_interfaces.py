"""The interface packages: complete, and the same on the wire as the community's."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest

from car.topics import SERVICES, TOPICS
from sim2race_car import ros
from tests.ros2_ws import community_types
from tests.ros2_ws.conftest import Graph

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


EVERY_TYPE = [
    *(f"msg/{name}" for name in community_types.MESSAGES),
    *(f"srv/{name}" for name in community_types.SERVICES),
]


def installed_hash(name: str) -> str:
    """Return the hash that ROS 2's generator gave the type that is installed."""
    described = json.loads((INSTALLED / community_types.PACKAGE / f"{name}.json").read_text())
    full_name = f"{community_types.PACKAGE}/{name}"
    (found,) = (row["hash_string"] for row in described["type_hashes"] if row["type_name"] == full_name)
    return str(found)


@pytest.mark.parametrize("name", COMMUNITY_HASHES)
def test_a_type_has_the_communitys_hash(name: str) -> None:
    assert installed_hash(name).startswith(f"RIHS01_{COMMUNITY_HASHES[name]}")


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_every_type_has_the_hash_of_the_communitys_fields(name: str) -> None:
    assert installed_hash(name) == community_types.type_hash(f"{community_types.PACKAGE}/{name}")


def test_the_hashes_on_the_wire_are_those_of_the_communitys_fields(graph: Graph) -> None:
    theirs = [topic for topic in TOPICS.values() if topic.type_name.startswith(community_types.PACKAGE)]
    assert len(theirs) >= 5
    for topic in theirs:
        ros.publish(graph.tester, topic)
        (found,) = graph.tester.get_publishers_info_by_topic(topic.name)
        on_the_wire = f"RIHS01_{bytes(found.topic_type_hash.value).hex()}"
        assert on_the_wire == community_types.type_hash(topic.type_name), topic.name


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
