"""Which node is ready, which is not, and why: one place that puts together what each of them says.

No ROS here: somebody else listens, and tells who is there and what the reports say.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum

from car.clock import Clock
from car.drive_report import DriveState
from car.node_graph import CAMERA_NODE, DRIVE, INFERENCE, LOG, REPLAY_NODE, SIM_CAR, STATUS, GraphNode

SILENT_S = 2.5
"""Every node that reports does so at least once a second."""
NO_FRAMES_S = 0.5
UNKNOWN = "unknown"
ABSENT = "not there"
"""What is said of a part whose node is not in the graph."""
BATTERY_SILENT_S = 20.0
"""The gauge is read every five seconds."""
HOT_C = 80.0
DISK_LOW_PERCENT = 5.0
ROWS: dict[str, tuple[GraphNode, ...]] = {
    "camera": (CAMERA_NODE, SIM_CAR, REPLAY_NODE),
    "inference": (INFERENCE,),
    "drive": (DRIVE,),
    "log": (LOG,),
    "status": (STATUS,),
}
"""Parts of a car, and the nodes that may play each."""
NEEDED = ("camera", "inference", "drive")
"""Without these no car drives; the others may be missing."""


class Level(IntEnum):
    """How it stands, by the numbers of ROS 2's diagnostic messages."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class PartStatus:
    """One row of the table."""

    part: str
    level: Level
    reason: str
    """What it does, or why it is not ready."""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CarState:
    """What the car as a whole does."""

    state: str
    """disarmed, ready, armed, driving or stopped; unknown while the drive is not heard."""
    reason: str
    """Why it does not drive; empty while it does."""
    mode: str
    """manual, autonomous or calibration; unknown while the drive is not heard."""
    battery_percent: float | None
    """None on a car without a gauge, and while that says nothing."""

    @property
    def battery(self) -> str:
        """The battery in words."""
        return UNKNOWN if self.battery_percent is None else f"{self.battery_percent:.0f} %"


@dataclass(frozen=True)
class _Inference:
    heard_s: float
    frames_in: int
    dropped: int
    inference_ms: float
    state: str
    reason: str


class Readiness:
    """Puts the table together.

    Args:
        clock: monotonic.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._present: set[str] = set()
        self._inference: _Inference | None = None
        self._arrivals: deque[tuple[float, int]] = deque(maxlen=64)
        self._drive: tuple[float, str, str] | None = None
        self._mode = UNKNOWN
        self._battery: tuple[float, float] | None = None
        self._log = ""
        self._log_problem = ""
        self._health: dict[str, float] = {}

    def on_present(self, names: set[str]) -> None:
        """Take in the full names of the nodes that have made what they make last."""
        self._present = names

    def on_inference(
        self, *, frames_in: int, dropped: int, inference_ms: float, state: str, reason: str
    ) -> None:
        """Take in a report of the inference node."""
        now_s = self._clock.monotonic_s()
        if self._inference is not None and frames_in < self._inference.frames_in:
            self._arrivals.clear()
        if not self._arrivals or frames_in > self._arrivals[-1][1]:
            self._arrivals.append((now_s, frames_in))
        self._inference = _Inference(now_s, frames_in, dropped, inference_ms, state, reason)

    def on_drive(self, *, state: str, reason: str) -> None:
        """Take in a report of the drive node."""
        self._drive = self._clock.monotonic_s(), state, reason

    def on_mode(self, mode: str) -> None:
        """Take in who drives."""
        self._mode = mode

    def on_battery(self, percent: float) -> None:
        """Take in a reading of the battery, NaN if it is unknown."""
        self._battery = None if math.isnan(percent) else (self._clock.monotonic_s(), percent)

    def on_log(self, path: str, problem: str) -> None:
        """Take in where the log is, and why nothing is logged, if so."""
        self._log, self._log_problem = path, problem

    def on_health(self, **health: float) -> None:
        """Take in figures of the computer; `temperature_c` and `disk_free_percent` are judged."""
        self._health = health

    @property
    def is_ready(self) -> bool:
        """Whether the car could be armed now, or is."""
        return all(row.level is not Level.ERROR for row in self.table() if row.part in NEEDED)

    @property
    def car(self) -> CarState:
        """What the car as a whole does, as far as it is heard."""
        now_s = self._clock.monotonic_s()
        battery = self._battery
        percent = battery[1] if battery is not None and now_s - battery[0] <= BATTERY_SILENT_S else None
        if self._drive is None or self._hears_no_drive():
            return CarState(UNKNOWN, "the drive is not heard", UNKNOWN, percent)
        _, state, reason = self._drive
        return CarState(state, reason, self._mode, percent)

    @property
    def summary(self) -> str:
        """The table in one line: ready, or the first reasons why not."""
        problems = [f"{row.part}: {row.reason}" for row in self.table() if row.level is Level.ERROR]
        return "; ".join(problems) or "ready"

    def table(self) -> list[PartStatus]:
        """Return every part, in the order in which frames go through them."""
        judges = {
            "camera": self._judge_camera,
            "inference": self._judge_inference,
            "drive": self._judge_drive,
            "log": self._judge_log,
            "status": self._judge_status,
        }
        return [
            judges[part]() if self._has(part) else PartStatus(part, self._absence(part), ABSENT)
            for part in ROWS
        ]

    def _has(self, part: str) -> bool:
        return any(node.full_name in self._present for node in ROWS[part])

    def _absence(self, part: str) -> Level:
        return Level.ERROR if part in NEEDED else Level.WARN

    def _judge_camera(self) -> PartStatus:
        if self._hears_no_inference():
            return PartStatus("camera", Level.WARN, "there; nobody says whether its frames arrive")
        now_s = self._clock.monotonic_s()
        newest_s, frames = self._arrivals[-1]
        if now_s - newest_s > NO_FRAMES_S or not frames:
            return PartStatus("camera", Level.ERROR, "no frames come")
        (first_s, first), (last_s, last) = self._arrivals[0], self._arrivals[-1]
        facts = {"fps": f"{(last - first) / (last_s - first_s):.1f}"} if last_s > first_s else {}
        return PartStatus("camera", Level.OK, "frames come", facts)

    def _hears_no_drive(self) -> bool:
        return self._drive is None or self._clock.monotonic_s() - self._drive[0] > SILENT_S

    def _hears_no_inference(self) -> bool:
        heard = self._inference
        return heard is None or self._clock.monotonic_s() - heard.heard_s > SILENT_S

    def _judge_inference(self) -> PartStatus:
        heard = self._inference
        if heard is None or self._hears_no_inference():
            return PartStatus("inference", Level.ERROR, "there, but silent")
        counts = {"frames": str(heard.frames_in), "dropped": str(heard.dropped)}
        facts = {"ms": f"{heard.inference_ms:.1f}", **counts}
        if heard.state == "acting":
            level = Level.WARN if heard.reason else Level.OK
            return PartStatus("inference", level, heard.reason or "decides", facts)
        return PartStatus("inference", Level.ERROR, f"{heard.state}: {heard.reason}".rstrip(": "), facts)

    def _judge_drive(self) -> PartStatus:
        if self._hears_no_drive():
            return PartStatus("drive", Level.ERROR, "there, but silent")
        car = self.car
        stands = car.state in (DriveState.DISARMED.value, DriveState.STOPPED.value)
        words = ": ".join(filter(None, (car.state, car.reason)))
        facts = {"mode": car.mode, "battery": car.battery}
        return PartStatus("drive", Level.ERROR if stands else Level.OK, words, facts)

    def _judge_log(self) -> PartStatus:
        if self._log_problem:
            return PartStatus("log", Level.WARN, self._log_problem)
        return PartStatus("log", Level.OK, "logs" if self._log else "there", {"log": self._log})

    def _judge_status(self) -> PartStatus:
        health = self._health
        facts = {name: f"{value:.1f}" for name, value in health.items()}
        if health.get("temperature_c", 0.0) > HOT_C:
            return PartStatus("status", Level.WARN, "the computer is hot", facts)
        if health.get("disk_free_percent", 100.0) < DISK_LOW_PERCENT:
            return PartStatus("status", Level.WARN, "the disk is nearly full", facts)
        return PartStatus("status", Level.OK, "watches", facts)
