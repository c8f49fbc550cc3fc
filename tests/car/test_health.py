"""Health of the computer, and the latency over the last seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from car.health import GAP_NS, RecentLatency, read_health


def test_the_machine_has_values_in_their_ranges(tmp_path: Path) -> None:
    health = read_health(tmp_path)
    assert 0.0 < health.memory_used_percent < 100.0
    assert 0.0 <= health.disk_free_percent <= 100.0
    assert 0.0 <= health.cpu_percent <= 100.0
    assert health.cpu_temperature_c < 150.0


def test_latency_and_rate_are_those_of_the_commands() -> None:
    latency = RecentLatency()
    assert (latency.mean_ms, latency.p95_ms, latency.fps) == (0.0, 0.0, 0.0)
    for frame in range(31):
        written_ns = 1_000_000_000 + frame * 33_333_333
        latency.add(source_ns=written_ns - (20_000_000 if frame == 30 else 10_000_000), written_ns=written_ns)
    assert latency.fps == pytest.approx(30.0, abs=0.01)
    assert latency.mean_ms == pytest.approx(10.0 + 10.0 / 31)
    assert latency.p95_ms == pytest.approx(10.0)


def test_after_a_pause_the_figures_begin_anew() -> None:
    latency = RecentLatency()
    latency.add(source_ns=0, written_ns=90_000_000)
    latency.add(source_ns=0, written_ns=91_000_000)
    later_ns = 91_000_000 + GAP_NS + 1
    latency.add(source_ns=later_ns - 5_000_000, written_ns=later_ns)
    assert latency.mean_ms == pytest.approx(5.0)
    assert latency.fps == 0.0
