from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from analysis.bench import maps_per_second, measure_open, run_bench
from analysis.bench_log import write_bench_log
from analysis.log_index import index_path
from car.log_reader import read_log
from tests.car.policies import save_policy


def test_the_bench_log_is_a_drive_with_laps_positions_and_pictures(tmp_path: Path) -> None:
    log = read_log(write_bench_log(tmp_path, frames=60, weave_m=0.1))

    assert len(log.frames) == 60
    assert log.image(59).shape == (120, 160, 3)
    assert abs(log.frames.lateral_m).max() == pytest.approx(0.1, abs=0.01)
    assert log.frames.true_speed_mps == pytest.approx(1.2)


def test_opening_warm_uses_the_index_that_opening_cold_left(tmp_path: Path) -> None:
    log = write_bench_log(tmp_path, frames=60)

    measure_open(log, cold=True)
    made = index_path(log).stat().st_mtime_ns
    found = measure_open(log, cold=False)

    assert index_path(log).stat().st_mtime_ns == made
    assert 0.0 < found.opened_s < found.shown_s < 10.0
    assert 20.0 < found.shown_mib <= found.scored_mib < 400.0


def test_the_bench_prints_every_line(tmp_path: Path) -> None:
    out = StringIO()
    policies = {"tiny": save_policy(tmp_path / "policy.onnx")}

    assert run_bench(Console(file=out, width=120), minutes=0.02, seconds=0.01, policies=policies) == 0
    assert all(
        word in out.getvalue() for word in ("cold", "warm", "peak memory", "all-layers, tiny", "video")
    )


def test_maps_are_counted_in_whole_batches(tmp_path: Path) -> None:
    assert maps_per_second(save_policy(tmp_path / "policy.onnx"), seconds=0.01) > 10.0
