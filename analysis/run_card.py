"""The scorecard of a run: every measure over the whole run, and again over each lap of it.

One run is one sample of what a policy does. The laps are what its spread is known from: a figure that
differs between two runs by less than it differs between laps says nothing. Where a log has no laps (a real
car without gates), pieces of ten seconds stand in for them, and measures that need a position are missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.attention import Attention, log_attention
from analysis.course import Course, course_of, lay
from analysis.laps import find_laps
from analysis.measures_corner import corner_passes
from analysis.measures_machine import machine_figures
from analysis.measures_pace import best_means_s
from analysis.measures_straight import straight_figures
from analysis.measures_survival import SurvivalParameters, survival_figures
from analysis.metrics import (
    confidence,
    count_reversals,
    distance,
    driven_speed,
    entropy_nats,
    frame_times_s,
    resample_hold,
    total_variation,
)
from analysis.stand_ins import LaneTrack, follow_lane, lane_figures, stand_ins_of
from car.frame_table import FrameTable
from car.log_reader import CarLog

PIECE_S = 10.0
"""Length of the pieces of a run without laps."""


@dataclass(frozen=True)
class Measure:
    """What one figure of the scorecard is."""

    key: str
    """Its name in data and weights."""
    title: str
    """Its name for people."""
    unit: str
    """Unit that it is shown in; values are held in it too."""
    better: Literal["lower", "higher"]
    """Which way is better."""
    good: float
    """Value that earns 100 points."""
    poor: float
    """Value that earns none; between them points are linear."""
    weight: float
    """Weight unless the user sets one; 0 is shown and does not count."""
    about: str
    """Definition and source, in a sentence."""


MEASURES: tuple[Measure, ...] = (
    Measure("lap_s", "Lap time", "s", "lower", 8.0, 30.0, 2.0, "Mean of the laps, line to line."),
    Measure("speed_mps", "Speed", "m/s", "higher", 2.0, 0.5, 1.0, "Driven length over time."),
    Measure("weave_cm", "Weave", "cm", "lower", 0.5, 6.0, 2.0, "RMS about a line fitted to each straight."),
    Measure("heading_deg", "Heading", "°", "lower", 1.0, 13.0, 1.0, "RMS of heading error on straights."),
    Measure("excess_pct", "Path excess", "%", "lower", 0.0, 3.5, 1.0, "Driven length over chord, straights."),
    Measure("straight_tv", "Flapping", "°/m", "lower", 10.0, 120.0, 1.0, "Steering variation on straights."),
    Measure("tv", "Steering work", "°/m", "lower", 10.0, 120.0, 0.5, "Steering variation, whole track."),
    Measure("reversals", "Reversals", "1/m", "lower", 0.0, 3.5, 0.5, "Steering reversals (SAE J2944 gap)."),
    Measure("straight_pct", "Straight commands", "%", "higher", 80.0, 5.0, 0.5, "Commands within ±5° there."),
    Measure("margin_cm", "Margin", "cm", "higher", 20.0, 0.0, 2.0, "Margin to the border, 5th percentile."),
    Measure("recoveries", "Recoveries", "per lap", "lower", 0.0, 3.0, 0.5, "Near the edge and back again."),
    Measure("off_tracks", "Off-tracks", "per lap", "lower", 0.0, 1.0, 3.0, "The car's middle off the track."),
    Measure("hesitations", "Hesitations", "per lap", "lower", 0.0, 2.0, 1.0, "Slow spells on the way."),
    Measure("apex_mps", "Apex speed", "m/s", "higher", 2.0, 0.4, 0.5, "Mean speed where nearest inside."),
    Measure("radius_gain", "Radius gain", "x", "higher", 1.5, 0.9, 0.5, "Driven radius over the track's."),
    Measure("confidence", "Confidence", "", "higher", 0.9, 0.1, 0.5, "Gap between the best two actions."),
    Measure("entropy", "Entropy", "nat", "lower", 0.1, 2.0, 0.0, "Of the action probabilities."),
    Measure(
        "attention_track", "Looks at the track", "%", "higher", 90.0, 30.0, 0.0, "Heat map on the track."
    ),
    Measure("attention_lines", "Looks at lines", "x", "higher", 3.0, 0.5, 0.0, "Heat map there over area."),
    Measure("attention_above", "Looks above", "%", "lower", 5.0, 50.0, 0.0, "Heat map above the horizon."),
    Measure("fps", "Frame rate", "1/s", "higher", 30.0, 10.0, 0.0, "Frames that the policy decided on."),
    Measure("dropped_pct", "Dropped", "%", "lower", 0.0, 5.0, 0.5, "Frames missing of those captured."),
    Measure("latency_ms", "Latency p95", "ms", "lower", 20.0, 80.0, 0.5, "Camera to PWM written."),
)

BY_KEY = {measure.key: measure for measure in MEASURES}

MIN_FRAMES = 10
"""With fewer frames, a third of a second, a run has no figures: what they would say is chance."""


@dataclass(frozen=True)
class RunCard:
    """All figures of one run."""

    name: str
    """The run's name: text from outside."""
    track: str
    """The track's name, or empty."""
    figures: dict[str, float]
    """Measure key to its value over the whole run; NaN where unknown."""
    pieces: list[dict[str, float]]
    """The same over each lap, piece of ten seconds, or episode of a simulator."""
    piece_kind: Literal["lap", "piece", "episode"]
    """What the pieces are."""
    laps_s: list[float]
    """Time of each completed lap."""
    best_means_s: list[float]
    """Best mean of one lap, of two in a row, of three, up to ten or to what there is."""
    parameters: list[str] = field(default_factory=list)
    """One line each about what was counted how."""
    stand_ins: dict[str, str] = field(default_factory=dict)
    """Measure key to how it was found, of figures that stand in for measured ones (`analysis.stand_ins`)."""

    @property
    def is_measured(self) -> bool:
        """Whether there is any figure of the run: none is of one that ended as it began."""
        return any(math.isfinite(value) for value in self.figures.values())

    @property
    def best_lap_s(self) -> float | None:
        """The shortest lap."""
        return min(self.laps_s, default=None)

    def best_mean_s(self, count: int) -> float | None:
        """Return the best mean of so many laps in a row; None where there are too few."""
        return self.best_means_s[count - 1] if 0 < count <= len(self.best_means_s) else None


def run_card(log: CarLog, course: Course | None = None) -> RunCard:
    """Compute the scorecard of a log.

    Args:
        log: the log.
        course: its track; looked up by the log's own words when not given.
    """
    chosen = course or course_of(log.run)
    placed = chosen is not None and bool(np.isfinite(log.frames.x_m).any())
    lane = None if placed else follow_lane(log)
    card = card_of(log.name, log.frames, chosen, log.health, log_attention(log, chosen), lane)
    if log.damage is None:
        return card
    damage = f"{log.name} is damaged and measured up to the damage: {log.damage}"
    return replace(card, parameters=[*card.parameters, damage])


def card_of(
    name: str,
    frames: FrameTable,
    course: Course | None,
    health: Mapping[str, NDArray[Any]] | None = None,
    attention: Attention | None = None,
    lane: LaneTrack | None = None,
) -> RunCard:
    """Compute the scorecard of a table of frames from anywhere; see `run_card`.

    Args:
        name: the run's name.
        frames: the drive.
        course: its track, where it is known.
        health: the device's reports.
        attention: where the policy looked, where that was measured.
        lane: the lane in the pictures, to stand in where there is no position.
    """
    seconds = frame_times_s(frames)
    laps = find_laps(seconds, frames.progress)
    spans = [(lap.start_s, lap.end_s) for lap in laps]
    if not laps and len(seconds):
        # A gap of hours is no thousand pieces.
        numbers = np.unique((seconds / PIECE_S).astype(np.int64)).tolist()
        spans = [(i * PIECE_S, (i + 1) * PIECE_S) for i in numbers if (i + 1) * PIECE_S <= seconds[-1]]
    pieces = []
    for number, (start_s, end_s) in enumerate(spans):
        part = select(frames, (seconds >= start_s) & (seconds < end_s))
        lap_s = laps[number].time_s if laps else math.nan
        figures = figures_of(part, course, health or {}, laps=1.0 if laps else math.nan, lap_s=lap_s)
        pieces.append(figures | _seen(frames, attention, lane, seconds, start_s, end_s))
    mean_lap = float(np.mean([lap.time_s for lap in laps])) if laps else math.nan
    driven = distance(frames)[0] or 0.0
    laps_driven = driven / course.track.length_m if course and driven > 0 else math.nan
    figures = figures_of(frames, course, health or {}, laps=laps_driven, lap_s=mean_lap)
    figures |= _seen(frames, attention, lane, seconds, 0.0, math.inf)
    if len(frames) < MIN_FRAMES:
        figures = dict.fromkeys(BY_KEY, math.nan)
    stand_ins = stand_ins_of(figures, frames, lane=lane is not None)
    return RunCard(
        name=name,
        track=course.track.name if course else "",
        figures=figures,
        pieces=pieces,
        piece_kind="lap" if laps else "piece",
        laps_s=[lap.time_s for lap in laps],
        best_means_s=best_means_s(laps),
        parameters=[
            course.parameters.text() if course else "",
            SurvivalParameters().text(),
            *sorted(f"stand-in: {BY_KEY[key].title} {how}" for key, how in stand_ins.items()),
        ],
        stand_ins=stand_ins,
    )


def figures_of(
    frames: FrameTable,
    course: Course | None,
    health: Mapping[str, NDArray[Any]],
    *,
    laps: float,
    lap_s: float,
) -> dict[str, float]:
    """Compute every measure over some frames.

    Args:
        frames: the frames, in order.
        course: the track, or None.
        health: the device's reports.
        laps: how many laps the frames are, for figures per lap; NaN to leave them as counts.
        lap_s: the lap time to report.
    """
    laid = lay(frames, course) if course is not None else None
    on_track = _on_track(frames, course)
    survival = survival_figures(frames, laid)
    machine = machine_figures(frames, health)
    seconds = frame_times_s(frames)
    metres, _ = distance(frames)
    commands = resample_hold(seconds, np.rad2deg(frames.steering_rad), 15.0)
    per_lap = 1.0 / laps if laps and math.isfinite(laps) else 1.0
    moved = metres if metres and metres > 0 else math.nan
    return {
        "lap_s": lap_s,
        "speed_mps": moved / float(seconds[-1]) if len(seconds) and seconds[-1] > 0 else math.nan,
        **on_track,
        "tv": total_variation(commands) / moved,
        "reversals": count_reversals(commands, 10.0) / moved,
        "margin_cm": survival.margin_p5_m * 100,
        "recoveries": survival.recoveries * per_lap,
        "off_tracks": survival.off_tracks * per_lap,
        "hesitations": survival.hesitations * per_lap,
        **_decisions(frames),
        "fps": machine.fps,
        "dropped_pct": machine.dropped_share * 100,
        "latency_ms": machine.latency_p95_ms,
    }


def select(frames: FrameTable, wanted: NDArray[np.bool_]) -> FrameTable:
    """Return the frames (F,) that are wanted, as a table."""
    return replace(frames, **{one.name: getattr(frames, one.name)[wanted] for one in fields(FrameTable)})


def _seen(
    frames: FrameTable,
    attention: Attention | None,
    lane: LaneTrack | None,
    seconds: NDArray[np.float64],
    start_s: float,
    end_s: float,
) -> dict[str, float]:
    """Return what the pictures between two times say: attention, and what stands in for a position."""
    found = {} if lane is None else lane_figures(frames, lane, start_s, end_s)
    if attention is None:
        return found | dict.fromkeys(("attention_track", "attention_lines", "attention_above"), math.nan)
    at = seconds[attention.rows]
    return found | attention.figures((at >= start_s) & (at < end_s))


def _on_track(frames: FrameTable, course: Course | None) -> dict[str, float]:
    keys = ("weave_cm", "heading_deg", "excess_pct", "straight_tv", "straight_pct", "apex_mps", "radius_gain")
    if course is None:
        return dict.fromkeys(keys, math.nan)
    laid = lay(frames, course)
    straight = straight_figures(frames, laid, course)
    corners = corner_passes(laid, course, driven_speed(frames)[laid.rows])
    values = (
        straight.weave_rms_m * 100,
        math.degrees(straight.heading_rms_rad),
        straight.path_excess * 100,
        straight.variation_deg_per_m,
        straight.straight_share * 100,
        _mean([one.apex_speed_mps for one in corners]),
        _mean([one.radius_m / one.track_radius_m for one in corners]),
    )
    return dict(zip(keys, values, strict=True))


def _decisions(frames: FrameTable) -> dict[str, float]:
    """Return what the probabilities of a discrete policy say; NaN for any other."""
    if frames.probabilities.shape[1] == 0 or not (frames.action >= 0).any():
        return {"confidence": math.nan, "entropy": math.nan}
    return {
        "confidence": _mean(confidence(frames.probabilities)),
        "entropy": _mean(entropy_nats(frames.probabilities)),
    }


def _mean(values: Any) -> float:
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else math.nan
