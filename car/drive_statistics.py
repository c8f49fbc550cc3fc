"""What a drive came to: laps, frames and latency, counted from the reports of the nodes as they arrive."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from car.drive_report import SILENCE, DriveState

LOST_SHARE = 0.05
"""Of a log's frames; a replay in which no more than these were lost was heard to its end."""


@dataclass(frozen=True)
class Latency:
    """From the capture of a frame to the pulse that it led to, in milliseconds."""

    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, kw_only=True)
class DriveSummary:
    """A drive in numbers."""

    ended: str
    """Why it ended."""
    succeeded: bool
    """Whether it drove what was asked for."""
    duration_s: float
    """From arming to the end."""
    lap_times_s: tuple[float, ...]
    """Of the completed laps, in order."""
    off_tracks: int
    """How often the car left the track and was put back."""
    stops: tuple[str, ...]
    """Reasons of the safety stops on the way."""
    frames_published: int
    """Frames that the camera sent."""
    frames_acted: int
    """Frames that became a command obeyed by the car."""
    frames_dropped_old: int
    """Frames dropped before the policy, because they were late or overtaken."""
    frames_dropped_bad: int
    """Frames dropped before the policy, because they were no picture or came from the future."""
    commands_dropped: int
    """Decisions that the drive did not obey: late, invalid, or while stopped."""
    fps: float
    """Commands obeyed per second; NaN without any."""
    latency: Latency | None
    """Camera to PWM; None without a command."""
    last_pwm_is_neutral: bool
    """Whether the pulses that the nodes left behind are neutral."""
    log: Path | None
    """The car log."""

    @property
    def laps(self) -> int:
        """Number of completed laps."""
        return len(self.lap_times_s)


class DriveStatistics:
    """Counts; fed by whoever listens to the nodes.

    Args:
        has_track: whether somebody says where the car is.
    """

    def __init__(self, *, has_track: bool = True) -> None:
        self._has_track = has_track
        self.progress_percent = 0.0
        """Of the present lap."""
        self.lap_times_s: list[float] = []
        self.off_tracks = 0
        self.stops: list[str] = []
        self.state = DriveState.DISARMED.value
        self.reason = ""
        """Why the car is not driving."""
        self._is_over = False
        self._silent_since: int | None = None
        """Count of frames at a stop because commands had ceased, until one is obeyed again."""
        self._has_drive_report = False
        self._laps_seen: int | None = None
        self._is_off_track = False
        self._latencies_ms: list[float] = []
        self._written_ns: list[int] = []
        self._newest_source_ns = 0
        self._commands_dropped = self._commands_dropped_before = 0
        self._frames = self._frames_before = (0, 0, 0)

    @property
    def has_everything(self) -> bool:
        """Whether a report of each kind has been taken in, and with it what to count from."""
        knows_place = self._laps_seen is not None or not self._has_track
        return knows_place and self._has_drive_report and self._frames[0] > 0

    @property
    def frames_seen(self) -> int:
        """Frames that the camera has sent since the policy is there, by its own count."""
        return self._frames[0]

    def begin(self) -> None:
        """Count from now on: what came while nothing was armed is nothing that went wrong."""
        self._commands_dropped_before = self._commands_dropped
        self._frames_before = self._frames

    def end(self, *, replayed: int | None = None) -> None:
        """Count no further: what comes while the nodes are being stopped was not asked for.

        Args:
            replayed: frames of the log, if the drive is over because its replay is. A car that stands since
                the last of them has not failed.
        """
        seen = self._frames[0]
        was_heard = replayed is not None and seen >= (1.0 - LOST_SHARE) * replayed
        if was_heard and self._silent_since == seen and not self._is_over:
            self.stops.pop()
        self._is_over = True

    def on_track_position(
        self, *, progress_percent: float, laps: int, last_lap_time_s: float, off_track: bool
    ) -> None:
        """Take in where the car is."""
        self.progress_percent = progress_percent
        if self._laps_seen is not None and laps > self._laps_seen:
            self.lap_times_s.append(last_lap_time_s)
        self._laps_seen = laps
        self.off_tracks += off_track and not self._is_off_track
        self._is_off_track = off_track

    def on_drive_report(
        self, *, written_ns: int, source_ns: int, state: str, reason: str, dropped: int
    ) -> None:
        """Take in what the drive did; a report that repeats a command is no second one."""
        is_new = self.state != state
        self.state, self.reason, self._has_drive_report = state, reason, True
        if self._is_over:
            return
        if state == DriveState.STOPPED.value and is_new:
            self.stops.append(reason)
            self._silent_since = self._frames[0] if reason.startswith(SILENCE) else None
        elif state == DriveState.DRIVING.value:
            self._silent_since = None
        self._commands_dropped = dropped
        if state == DriveState.DRIVING.value and source_ns > self._newest_source_ns:
            self._newest_source_ns = source_ns
            self._latencies_ms.append((written_ns - source_ns) / 1e6)
            self._written_ns.append(written_ns)

    def on_inference_report(self, *, frames_in: int, dropped_old: int, dropped_bad: int) -> None:
        """Take in what became of the frames."""
        if self._is_over:
            return
        self._frames = frames_in, dropped_old, dropped_bad

    @property
    def fps(self) -> float:
        """Commands obeyed per second; NaN before the second."""
        if len(self._written_ns) < 2:
            return float("nan")
        return (len(self._written_ns) - 1) / ((self._written_ns[-1] - self._written_ns[0]) / 1e9)

    @property
    def latency(self) -> Latency | None:
        """Camera to PWM of all commands so far."""
        if not self._latencies_ms:
            return None
        p50, p99 = np.percentile(self._latencies_ms, (50, 99))
        return Latency(float(p50), float(p99), max(self._latencies_ms))

    def summary(
        self, *, ended: str, succeeded: bool, duration_s: float, last_pwm_is_neutral: bool, log: Path | None
    ) -> DriveSummary:
        """Return everything in numbers."""
        published, old, bad = (
            now - then for now, then in zip(self._frames, self._frames_before, strict=True)
        )
        return DriveSummary(
            ended=ended,
            succeeded=succeeded,
            duration_s=duration_s,
            lap_times_s=tuple(self.lap_times_s),
            off_tracks=self.off_tracks,
            stops=tuple(self.stops),
            frames_published=published,
            frames_acted=len(self._latencies_ms),
            frames_dropped_old=old,
            frames_dropped_bad=bad,
            commands_dropped=self._commands_dropped - self._commands_dropped_before,
            fps=self.fps,
            latency=self.latency,
            last_pwm_is_neutral=last_pwm_is_neutral,
            log=log,
        )
