"""The fault matrix: what is listed, and when an aim counts as met."""

from __future__ import annotations

from pathlib import Path

import pytest

from car.fault_matrix import CONSOLE, FAULTS, GUARD_MS, STOP_MS, Fault, Kind, Row, Setting, markdown
from car.node_graph import CAMERA_NODE, graph_called

MUST_STOP = Fault("x", "a fault", Kind.CAMERA, "stall")
MUST_GO_ON = Fault("y", "another", Kind.DISK, "full", None)


def test_every_node_is_killed_and_hung_and_only_the_ones_that_drive_must_stop_the_car() -> None:
    for kind in (Kind.KILL, Kind.HANG):
        aims = {fault.target: fault.aim_ms for fault in FAULTS if fault.kind is kind}
        assert aims.keys() == {node.name for node in (*graph_called("sim_car"), CAMERA_NODE)} | {CONSOLE}
        assert aims["bag_log_node"] is aims["device_status_node"] is None
        assert (aims["drive_node"], aims["inference_node"]) == (GUARD_MS, STOP_MS)
        assert aims["sim_car_node"] == aims["camera_node"] == STOP_MS
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_a_console_stops_the_car_only_where_a_person_drives_from_it() -> None:
    aims = {(fault.setting, fault.kind): fault.aim_ms for fault in FAULTS if fault.target == CONSOLE}
    for kind in (Kind.KILL, Kind.HANG):
        assert aims[Setting.WATCHED, kind] is None
        assert aims[Setting.BY_HAND, kind] == STOP_MS


def test_every_fault_stands_in_the_documentation() -> None:
    page, readme = (Path(__file__).parents[2] / name for name in ("docs/faults.md", "README.md"))
    for fault in FAULTS:
        assert f"`{fault.name}`" in page.read_text()
        for text in (page, readme):
            assert f"| {fault.about} |" in text.read_text(), fault.name


@pytest.mark.parametrize(
    ("fault", "times_ms", "trials", "verdict"),
    [
        (MUST_STOP, [80.0, 119.9], 2, "met"),
        (MUST_STOP, [80.0, 120.1], 2, "too late"),
        (MUST_STOP, [80.0], 2, "no stop in 1 of 2"),
        (MUST_STOP, [], 0, "not measured"),
        (MUST_GO_ON, [], 3, "met"),
        (MUST_GO_ON, [500.0], 3, "stopped in 1 of 3"),
    ],
)
def test_an_aim_is_met_only_if_every_trial_met_it(
    fault: Fault, times_ms: list[float], trials: int, verdict: str
) -> None:
    row = Row(fault, times_ms=times_ms, trials=trials)
    assert row.verdict == verdict
    assert row.is_met == (verdict == "met")


def test_the_table_has_median_and_maximum_and_the_words_of_the_drive() -> None:
    row = Row(MUST_STOP, times_ms=[80.0, 90.0, 110.0], trials=3, drive_says="no fresh | command")
    text = markdown([row, Row(MUST_GO_ON, trials=3)])
    assert "| a fault | neutral in 120 ms | 90 ms | 110 ms | 3 | met | no fresh \\| command |" in text
    assert "| another | goes on | - | - | 3 | met |" in text
