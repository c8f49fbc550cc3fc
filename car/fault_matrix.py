"""What can fail on a car, what must happen then, and how soon; and the verdict on what was measured.

No ROS here: `sim2race bench faults` brings the faults about on the running graph and fills in the times.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from enum import Enum

from car.node_graph import CAMERA_NODE

STOP_MS = 120.0
"""Every fault that must stop the car: the drive's deadline of 100 ms, and a little to notice and write."""
GUARD_MS = 150.0
"""Death or hang of the process that writes the pulses: the guard's turn."""


class Kind(Enum):
    """How a fault is brought about."""

    NOTHING = "nothing"
    KILL = "kill -9"
    HANG = "SIGSTOP"
    CAMERA = "camera"
    RESULTS = "results"
    POLICY = "policy file"
    DISK = "disk"
    LOAD = "load"
    FLOOD = "flood"
    OPEN = "open"


class Setting(Enum):
    """What the graph is that the fault comes to."""

    SIMULATED = "simulated"
    """A simulated car with its camera, and a policy that drives."""
    CAMERA_NODE = "camera node"
    """The same, but the policy sees what the camera node of a real car plays from a video file."""
    WATCHED = "watched"
    """As the first, and a console shows the live page to somebody who does not hold the car."""
    BY_HAND = "by hand"
    """A person drives the simulated car from the console's live page."""


@dataclass(frozen=True)
class Fault:
    """One row of the matrix."""

    name: str
    """As `--only` takes it."""
    about: str
    kind: Kind
    target: str = ""
    """Name of the node, or what the injector is told."""
    aim_ms: float | None = STOP_MS
    """Longest time to neutral; None if the car must go on."""
    setting: Setting = Setting.SIMULATED


CONSOLE = "console"
"""The target of faults that hit the console's process, which is no node of the graph's table."""
HITS = ((Kind.KILL, "kill"), (Kind.HANG, "hang"))


def _nodes() -> list[Fault]:
    rows: list[Fault] = []
    for kind, word in HITS:
        rows += [
            Fault(
                f"{word}-camera", f"{kind.value} of the simulated car with its camera", kind, "sim_car_node"
            ),
            Fault(f"{word}-inference", f"{kind.value} of the inference node", kind, "inference_node"),
            Fault(f"{word}-drive", f"{kind.value} of the drive node", kind, "drive_node", GUARD_MS),
            Fault(f"{word}-log", f"{kind.value} of the log node", kind, "bag_log_node", None),
            Fault(f"{word}-status", f"{kind.value} of the status node", kind, "device_status_node", None),
        ]
    return rows


def _camera_node() -> list[Fault]:
    target, setting = CAMERA_NODE.name, Setting.CAMERA_NODE
    return [
        Fault(f"{word}-camera-node", f"{kind.value} of the camera node", kind, target, setting=setting)
        for kind, word in HITS
    ]


def _console() -> list[Fault]:
    watched, by_hand = "the console while a policy drives", "the console from which a person drives"
    return [
        # A console takes its share of a busy machine by being there.
        Fault("nothing-watched", "none, while a console watches", Kind.NOTHING, "", None, Setting.WATCHED),
        *(
            Fault(f"{word}-console", f"{kind.value} of {watched}", kind, CONSOLE, None, Setting.WATCHED)
            for kind, word in HITS
        ),
        *(
            Fault(
                f"{word}-console-by-hand",
                f"{kind.value} of {by_hand}",
                kind,
                CONSOLE,
                setting=Setting.BY_HAND,
            )
            for kind, word in HITS
        ),
    ]


FAULTS: tuple[Fault, ...] = (
    # A stop here has no fault behind it, and says how far the rows that must go on can be believed.
    Fault("nothing", "none, for comparison", Kind.NOTHING, "", None),
    *_nodes(),
    Fault("open-console", "a console with the live page is opened and closed", Kind.OPEN, CONSOLE, None),
    *_camera_node(),
    *_console(),
    Fault("camera-stall", "the camera sends nothing more", Kind.CAMERA, "stall"),
    Fault("camera-frozen", "the same picture under new stamps", Kind.CAMERA, "frozen"),
    Fault("stamps-past", "stamps of a second ago", Kind.CAMERA, "past"),
    Fault("stamps-future", "stamps of a second ahead", Kind.CAMERA, "future"),
    Fault("jpeg-malformed", "pictures cut off in the middle", Kind.CAMERA, "malformed"),
    Fault("result-nan", "the policy's output is not a number", Kind.RESULTS, "nan"),
    Fault("result-range", "the policy's output is out of range", Kind.RESULTS, "range"),
    Fault("policy-corrupted", "the policy file is overwritten, and loaded again", Kind.POLICY, "", None),
    Fault("disk-full", "the log's disk is full", Kind.DISK, "full", None),
    Fault("disk-read-only", "the folder of logs cannot be written", Kind.DISK, "read-only", None),
    Fault("cpu-starved", "four busy processes for every core", Kind.LOAD),
    Fault("dds-flood", "a stranger floods the topic of decisions", Kind.FLOOD),
)


@dataclass
class Row:
    """What was measured of one fault."""

    fault: Fault
    times_ms: list[float] = field(default_factory=list)
    """From the fault to neutral, one for each trial that stopped; under load, each trial's oldest pulse."""
    trials: int = 0
    drive_says: str = ""
    """Reason in the drive's report, of the last trial."""
    others_say: str = ""
    """What inference or log node say, of the last trial."""

    @property
    def median_ms(self) -> float | None:
        """Median time to neutral."""
        return statistics.median(self.times_ms) if self.times_ms else None

    @property
    def max_ms(self) -> float | None:
        """Longest time to neutral."""
        return max(self.times_ms, default=None)

    @property
    def is_met(self) -> bool:
        """Whether every trial did what it must."""
        if self.fault.aim_ms is None:
            return self.trials > 0 and not self.times_ms
        return (
            self.trials > 0 and len(self.times_ms) == self.trials and max(self.times_ms) <= self.fault.aim_ms
        )

    @property
    def verdict(self) -> str:
        """One word or two."""
        if self.is_met:
            return "met"
        if not self.trials:
            return "not measured"
        if self.fault.aim_ms is None:
            return f"stopped in {len(self.times_ms)} of {self.trials}"
        stopped = len(self.times_ms)
        return (
            "too late" if stopped == self.trials else f"no stop in {self.trials - stopped} of {self.trials}"
        )

    def cells(self) -> tuple[str, ...]:
        """Return the row as text, in the order of `HEADINGS`."""
        fault = self.fault
        must = "goes on" if fault.aim_ms is None else f"neutral in {fault.aim_ms:g} ms"
        if fault.kind is Kind.LOAD:
            must = f"no pulse without a fresh frame for {fault.aim_ms:g} ms"
        return (
            fault.about,
            must,
            _ms(self.median_ms),
            _ms(self.max_ms),
            str(self.trials),
            self.verdict,
            self.drive_says,
            self.others_say,
        )


HEADINGS = ("fault", "must", "median", "max", "trials", "verdict", "drive report", "others say")


def markdown(rows: list[Row]) -> str:
    """Return the matrix as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|---|---:|---:|---:|---|---|---|"]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row.cells()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
