"""From the reports of a drive to its figures: every frame, how late, how regular, at what cost.

No ROS here: `sim2race bench car` collects the reports of the running graph and asks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

IDLE_P99_MS = 15.0
LOADED_P99_MS = 33.0
GROWTH_LIMIT_MIB_PER_HOUR = 60.0
"""A megabyte a minute: what a process allocates once is over after the first minutes."""
WARM_UP_SHARE = 0.25
"""Share of the drive after which memory must not grow any more."""


@dataclass(frozen=True)
class Percentiles:
    """Of a time, in milliseconds."""

    p50: float
    p99: float
    max: float

    @staticmethod
    def of(values_ms: Sequence[float] | NDArray[np.float64]) -> Percentiles:
        """Return them; NaN without values."""
        if len(values_ms) == 0:
            return Percentiles(math.nan, math.nan, math.nan)
        p50, p99 = np.percentile(values_ms, (50, 99))
        return Percentiles(float(p50), float(p99), float(np.max(values_ms)))

    def __str__(self) -> str:
        return f"{self.p50:.1f} / {self.p99:.1f} / {self.max:.1f} ms"


@dataclass(frozen=True)
class FrameTotals:
    """Counts of the inference node since its start."""

    frames_in: int = 0
    acted: int = 0
    overtaken: int = 0
    too_old: int = 0
    future: int = 0
    malformed: int = 0
    frozen: int = 0
    failed: int = 0

    def since(self, before: FrameTotals) -> FrameTotals:
        """Return what was counted since `before`."""
        mine, theirs = self.__dict__, before.__dict__
        return FrameTotals(**{name: mine[name] - theirs[name] for name in mine})

    @property
    def dropped(self) -> dict[str, int]:
        """Drops by cause, those that happened."""
        return {
            name.replace("_", " "): count
            for name, count in self.__dict__.items()
            if name not in ("frames_in", "acted") and count
        }

    @property
    def unaccounted(self) -> int:
        """Frames of which nothing is known."""
        return self.frames_in - self.acted - sum(self.dropped.values())


@dataclass
class ProcessTrace:
    """Readings of one process."""

    name: str
    at_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)

    @property
    def cpu_percent(self) -> float:
        """Share of one core."""
        if len(self.at_s) < 2:
            return math.nan
        return 100.0 * (self.cpu_s[-1] - self.cpu_s[0]) / (self.at_s[-1] - self.at_s[0])

    @property
    def growth_mib_per_hour(self) -> float:
        """Slope of the memory after the warm-up, by least squares; NaN with too few readings."""
        at_s, memory = np.array(self.at_s), np.array(self.memory_mib)
        if len(at_s) < 8:
            return math.nan
        late = at_s >= at_s[0] + WARM_UP_SHARE * (at_s[-1] - at_s[0])
        slope, _ = np.polyfit(at_s[late] - at_s[0], memory[late], 1)
        return float(slope) * 3600.0


@dataclass
class DriveTrace:
    """Everything that a drive showed."""

    fps: float
    loaded: bool
    duration_s: float = 0.0
    frames: FrameTotals = field(default_factory=FrameTotals)
    obeyed: int = 0
    """Frames whose command was written."""
    to_inferred_ms: list[float] = field(default_factory=list)
    to_written_ms: list[float] = field(default_factory=list)
    written_s: list[float] = field(default_factory=list)
    """When pulses were written, in order."""
    stops: list[str] = field(default_factory=list)
    processes: list[ProcessTrace] = field(default_factory=list)

    @property
    def aim_ms(self) -> float:
        """What the 99th percentile from camera to pulse must stay under."""
        return LOADED_P99_MS if self.loaded else IDLE_P99_MS

    @property
    def inferred(self) -> Percentiles:
        """Capture to decision."""
        return Percentiles.of(self.to_inferred_ms)

    @property
    def written(self) -> Percentiles:
        """Capture to pulse."""
        return Percentiles.of(self.to_written_ms)

    @property
    def jitter(self) -> Percentiles:
        """Deviation of the interval between two pulses from the frame's period, while driving on."""
        intervals_ms = np.diff(np.array(self.written_s)) * 1e3
        # Past a stop there is no interval: the car stood until it was armed again.
        return Percentiles.of(np.abs(intervals_ms[intervals_ms < 500.0] - 1e3 / self.fps))

    @property
    def acted_fps(self) -> float:
        """Commands per second."""
        return self.obeyed / self.duration_s if self.duration_s else math.nan

    def growing(self) -> list[ProcessTrace]:
        """Return processes whose memory grows."""
        return [trace for trace in self.processes if trace.growth_mib_per_hour > GROWTH_LIMIT_MIB_PER_HOUR]

    def verdicts(self) -> list[tuple[str, str, bool]]:
        """Return the aims that can be judged: what, how it came out, whether it is met."""
        frames, share = self.frames, self.frames.acted / max(1, self.frames.frames_in)
        growing = ", ".join(trace.name for trace in self.growing())
        aims = [
            (
                "every frame acted on or counted",
                f"{share:.2%} acted on, {frames.unaccounted} of {frames.frames_in} unaccounted for",
                frames.frames_in > 0 and frames.unaccounted == 0,
            ),
            (
                f"camera to pulse, p99 under {self.aim_ms:g} ms",
                f"{self.written.p99:.1f} ms ({self.written.p99 / self.aim_ms:.2f} of it)",
                self.written.p99 < self.aim_ms,
            ),
        ]
        # A drive too short to tell is no drive without growth.
        if any(math.isfinite(trace.growth_mib_per_hour) for trace in self.processes):
            aims.append(("no process grows", growing or "none does", not growing))
        return aims

    def rows(self) -> list[tuple[str, str]]:
        """Return the figures: what, and how much."""
        drops = ", ".join(f"{count} {cause}" for cause, count in self.frames.dropped.items()) or "none"
        return [
            (
                "driven",
                f"{self.duration_s:.0f} s at {self.fps:g} frames/s" + ", one core loaded" * self.loaded,
            ),
            (
                "frames in / acted on / obeyed",
                f"{self.frames.frames_in} / {self.frames.acted} / {self.obeyed}",
            ),
            ("dropped, by cause", drops),
            (
                "stops",
                f"{len(self.stops)}" + (f": {', '.join(sorted(set(self.stops)))}" if self.stops else ""),
            ),
            ("commands per second", f"{self.acted_fps:.1f}"),
            ("capture to decision, p50 / p99 / max", str(self.inferred)),
            ("capture to pulse, p50 / p99 / max", str(self.written)),
            ("jitter of the pulses' interval, p50 / p99 / max", str(self.jitter)),
        ]
