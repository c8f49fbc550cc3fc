"""How the machine kept up: frame rate, dropped frames, latency, and the device's own health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.metrics import dropped_frames, frame_times_s, latencies_ms
from car.frame_table import FrameTable


@dataclass(frozen=True)
class MachineFigures:
    """Figures of one drive; NaN where the log does not hold what they need."""

    fps: float
    """Frames per second: (frames - 1) over the time between the first and the last."""
    dropped_share: float
    """Frames missing over frames captured, 0 to 1."""
    latency_p50_ms: float
    """Camera to PWM written: half of the frames are faster, ms."""
    latency_p95_ms: float
    """One frame in twenty is slower, ms."""
    latency_p99_ms: float
    """One frame in a hundred is slower, ms."""
    cpu_percent: float
    """Mean load of the processor as the device reports it, %."""
    cpu_temp_c: float
    """Highest temperature of the processor, degrees Celsius."""


def machine_figures(frames: FrameTable, health: Mapping[str, NDArray[Any]]) -> MachineFigures:
    """Measure the machine.

    Args:
        frames: the drive.
        health: what the device reported of itself, see `car.log_reader.CarLog.health`; may be empty.
    """
    nan = float("nan")
    seconds = frame_times_s(frames)
    span_s = float(seconds[-1]) if len(seconds) else 0.0
    dropped, _ = dropped_frames(frames)
    latency = latencies_ms(frames)
    latency = latency[np.isfinite(latency)]
    p50, p95, p99 = np.percentile(latency, (50, 95, 99)).tolist() if len(latency) else (nan, nan, nan)
    load, heat = (np.asarray(health.get(name, ()), np.float64) for name in ("cpu_percent", "cpu_temp"))
    return MachineFigures(
        fps=(len(seconds) - 1) / span_s if span_s > 0 else nan,
        dropped_share=dropped / (len(seconds) + dropped) if len(seconds) else nan,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        cpu_percent=float(load.mean()) if len(load) else nan,
        cpu_temp_c=float(heat.max()) if len(heat) else nan,
    )
