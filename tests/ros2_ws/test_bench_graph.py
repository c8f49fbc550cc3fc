"""The benches on the running graph: a few faults stop the car in time, and a short drive adds up."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from car.errors import UnknownNameError
from sim2race_car.bench_car import run_car
from sim2race_car.bench_faults import run_faults
from tests.car.policies import save_policy

IN_TIME = ("kill-inference", "hang-drive", "camera-frozen", "stamps-future", "result-nan", "disk-full")
SLACK_MS = 100.0
"""A test runs beside others; `sim2race bench faults` on a quiet machine has none."""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    return save_policy(tmp_path / "policy.onnx")


def test_faults_stop_the_car_or_leave_it_alone(policy: Path, tmp_path: Path) -> None:
    table = tmp_path / "faults.md"
    console = Console(file=StringIO())
    run_faults(console, policy, trials=1, only=IN_TIME, markdown_file=table)
    rows = [line.split(" | ") for line in table.read_text().splitlines()[2:]]
    assert len(rows) == len(IN_TIME)
    for about, must, _, longest, trials, verdict, *_ in rows:
        assert (trials, verdict != "not measured") == ("1", True), about
        if must.startswith("neutral"):
            limit_ms = float(must.split()[2]) + SLACK_MS
            assert 0.0 <= float(longest.split()[0]) <= limit_ms, about
    words = {row[0].strip("| "): " ".join(row[6:]) for row in rows}
    assert "no fresh command" in words["kill -9 of the inference node"]
    assert "in the future" in words["stamps of a second ahead"]
    assert "File too large" in words["the log's disk is full"]


def test_an_unknown_fault_is_refused_with_the_nearest(policy: Path) -> None:
    with pytest.raises(UnknownNameError, match="'camera-frozen'"):
        run_faults(Console(file=StringIO()), policy, trials=1, only=("camera-frozn",))


def test_a_short_drive_accounts_for_every_frame(policy: Path, tmp_path: Path) -> None:
    table = tmp_path / "car.md"
    run_car(Console(file=StringIO()), policy, duration_s=3.0, fps=30.0, load=True, markdown_file=table)
    text = table.read_text()
    assert "| every frame acted on or counted |" in text
    assert "| met |" in text.split("every frame acted on or counted")[1].splitlines()[0]
    assert "one core loaded" in text
    for node in ("bag_log_node", "device_status_node", "drive_node", "inference_node", "sim_car_node"):
        assert f"| {node} |" in text
