"""How the car's computer is doing: load, heat, memory, disk, and how long a frame takes to become a pulse."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

WINDOW = 150
"""Commands that the latency is taken over: five seconds at 30 frames per second."""
GAP_NS = 500_000_000
"""After a pause this long the car has stopped in between, and old figures are dropped."""


@dataclass(frozen=True)
class Health:
    """The machine, in the units of the community's device status; 0 where it has no such sensor."""

    cpu_percent: float
    """Of all cores, since the last reading."""
    cpu_temperature_c: float
    cpu_frequency_mhz: float
    cpu_frequency_max_mhz: float
    memory_used_percent: float
    disk_free_percent: float


def read_health(disk: Path) -> Health:
    """Read the machine's sensors.

    Args:
        disk: any path on the disk that logs go to.
    """
    frequency = psutil.cpu_freq()
    return Health(
        cpu_percent=psutil.cpu_percent(),
        cpu_temperature_c=_temperature_c(),
        cpu_frequency_mhz=float(frequency.current) if frequency else 0.0,
        cpu_frequency_max_mhz=float(frequency.max or frequency.current) if frequency else 0.0,
        memory_used_percent=psutil.virtual_memory().percent,
        disk_free_percent=100.0 - psutil.disk_usage(str(disk)).percent,
    )


class RecentLatency:
    """Camera to PWM over the last few seconds of driving."""

    def __init__(self) -> None:
        self._written_ns: deque[int] = deque(maxlen=WINDOW)
        self._latency_ms: deque[float] = deque(maxlen=WINDOW)

    def add(self, *, source_ns: int, written_ns: int) -> None:
        """Take in one command that the car obeyed."""
        if self._written_ns and written_ns - self._written_ns[-1] > GAP_NS:
            self._written_ns.clear()
            self._latency_ms.clear()
        self._written_ns.append(written_ns)
        self._latency_ms.append((written_ns - source_ns) / 1e6)

    @property
    def mean_ms(self) -> float:
        """Mean latency; 0 without commands."""
        return float(np.mean(self._latency_ms)) if self._latency_ms else 0.0

    @property
    def p95_ms(self) -> float:
        """Latency that one command in twenty exceeds; 0 without commands."""
        return float(np.percentile(self._latency_ms, 95)) if self._latency_ms else 0.0

    @property
    def fps(self) -> float:
        """Commands per second; 0 with less than two."""
        if len(self._written_ns) < 2:
            return 0.0
        return (len(self._written_ns) - 1) / ((self._written_ns[-1] - self._written_ns[0]) / 1e9)


def _temperature_c() -> float:
    """Return the processor's temperature, or that of the first sensor there is."""
    sensors = psutil.sensors_temperatures()
    for name in ("coretemp", "cpu_thermal", *sensors):
        if sensors.get(name):
            return float(sensors[name][0].current)
    return 0.0
