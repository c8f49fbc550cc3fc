"""The beginnings of a scorecard: driving measures of one log, each with its definition, source and unit.

Definitions and published baselines follow the survey of steering measures in driving research (total
variation, SAE J2944 reversals) and the DeepRacer community's habit of judging confidence by the gap between
the best two actions. Commands are compared at 15 Hz, because flapping measures depend on the rate at which
commands are held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.laps import Lap, find_laps
from car.frame_table import FrameTable

COMPARISON_RATE_HZ = 15.0
"""Commands are held at this rate before flapping is measured, so that 15 and 30 Hz logs compare."""

REVERSAL_GAP_DEG = 10.0
"""A steering reversal is a turning point that lies more than this from the last one (SAE J2944, option B)."""

_TELEPORT_M = 0.5


@dataclass(frozen=True)
class Latency:
    """Camera to PWM: from the frame's capture stamp to the PWM written for it, in milliseconds."""

    p50_ms: float
    """Half of the frames are faster."""
    p99_ms: float
    """One frame in a hundred is slower."""
    max_ms: float
    """The slowest frame."""


@dataclass(frozen=True)
class Scorecard:
    """One log in numbers. None where the log does not hold what the measure needs."""

    frames: int
    """Frames in the log."""
    duration_s: float
    """From the first frame's stamp to the last one's."""
    fps: float | None
    """(frames - 1) / duration."""
    dropped: int
    """Frames missing between the first and the last."""
    dropped_source: str
    """How `dropped` was found: "frame numbers" (exact) or "time stamps" (gaps over 1.5 median periods)."""
    laps: list[Lap]
    """Completed laps, where the log holds progress."""
    best_lap_s: float | None
    """The shortest of them."""
    mean_lap_s: float | None
    """Their mean."""
    latency: Latency | None
    """Camera to PWM, where the log holds when PWM was written."""
    distance_m: float | None
    """Length of the driven path."""
    distance_source: str
    """What it was measured on: "position" (ground truth), "commanded speed" (a stand-in) or "" (unknown)."""
    steering_variation_deg_per_m: float | None
    """Sum of |change of commanded steering| at 15 Hz, in degrees per metre driven."""
    reversals_per_m: float | None
    """Steering reversals over 10 degrees at 15 Hz, per metre driven."""
    entropy_nats: float | None
    """Mean entropy of the action probabilities; ln(actions) is a policy that does not care."""
    confidence: float | None
    """Mean gap between the best two probabilities, 0 to 1."""


def scorecard(frames: FrameTable, laps: list[Lap] | None = None) -> Scorecard:
    """Compute every measure that the log's frames allow.

    Args:
        frames: the drive.
        laps: its whole laps; found by the progress when not given.
    """
    seconds = frame_times_s(frames)
    duration_s = float(seconds[-1]) if len(seconds) else 0.0
    laps = find_laps(seconds, frames.progress) if laps is None else laps
    lap_times = [lap.time_s for lap in laps]
    dropped, dropped_source = dropped_frames(frames)
    distance_m, distance_source = distance(frames)
    commands_deg = resample_hold(seconds, np.rad2deg(frames.steering_rad), COMPARISON_RATE_HZ)
    per_metre = 1.0 / distance_m if distance_m else None
    discrete = frames.probabilities.shape[1] > 0 and bool((frames.action >= 0).any())
    return Scorecard(
        frames=len(seconds),
        duration_s=duration_s,
        fps=(len(seconds) - 1) / duration_s if duration_s > 0 else None,
        dropped=dropped,
        dropped_source=dropped_source,
        laps=laps,
        best_lap_s=min(lap_times, default=None),
        mean_lap_s=float(np.mean(lap_times)) if lap_times else None,
        latency=latency(frames),
        distance_m=distance_m,
        distance_source=distance_source,
        steering_variation_deg_per_m=total_variation(commands_deg) * per_metre if per_metre else None,
        reversals_per_m=count_reversals(commands_deg, REVERSAL_GAP_DEG) * per_metre if per_metre else None,
        entropy_nats=_mean(entropy_nats(frames.probabilities)) if discrete else None,
        confidence=_mean(confidence(frames.probabilities)) if discrete else None,
    )


def frame_times_s(frames: FrameTable) -> NDArray[np.float64]:
    """Return (F,) seconds since the first frame's capture: each frame's own stamp, never index / fps."""
    if len(frames) == 0:
        return np.zeros(0)
    seconds: NDArray[np.float64] = (frames.stamp_ns - frames.stamp_ns[0]).astype(np.float64) / 1e9
    return seconds


def latencies_ms(frames: FrameTable) -> NDArray[np.float64]:
    """Return (F,) milliseconds from capture to PWM written; NaN where no PWM was written for the frame."""
    elapsed = (frames.written_ns - frames.stamp_ns).astype(np.float64) / 1e6
    return np.where(frames.written_ns > 0, elapsed, np.nan)


def latency(frames: FrameTable) -> Latency | None:
    """Return the spread of camera-to-PWM latency, or None where the log does not hold it."""
    known = latencies_ms(frames)
    known = known[np.isfinite(known)]
    if len(known) == 0:
        return None
    return Latency(
        p50_ms=float(np.percentile(known, 50)),
        p99_ms=float(np.percentile(known, 99)),
        max_ms=float(known.max()),
    )


def dropped_frames(frames: FrameTable) -> tuple[int, str]:
    """Count the frames that are missing between the first and the last, and say how they were found."""
    if len(frames) < 2:
        return 0, "time stamps"
    if (frames.frame_number >= 0).all():
        skipped = np.diff(frames.frame_number.astype(np.int64)) - 1
        return int(skipped[skipped > 0].sum()), "frame numbers"
    gaps = np.diff(frames.stamp_ns).astype(np.float64)
    period = float(np.median(gaps))
    if period <= 0:
        return 0, "time stamps"
    long_gaps = gaps[gaps > 1.5 * period]
    return int((np.rint(long_gaps / period) - 1).sum()), "time stamps"


def distance(frames: FrameTable) -> tuple[float | None, str]:
    """Measure the driven path in metres: from positions, else from the commanded speed, and say which."""
    known = np.isfinite(frames.x_m) & np.isfinite(frames.y_m)
    if known.sum() > 1:
        steps = np.hypot(np.diff(frames.x_m[known]), np.diff(frames.y_m[known]))
        # A car put back on the track did not drive there.
        return float(steps[steps < _TELEPORT_M].sum()), "position"
    speed = frames.speed_mps.astype(np.float64)
    if len(speed) > 1 and np.isfinite(speed).any():
        held = np.nan_to_num(speed[:-1]) * np.diff(frame_times_s(frames))
        return float(held.sum()), "commanded speed"
    return None, ""


def driven_speed(frames: FrameTable) -> NDArray[np.float64]:
    """Return (F,) the measured speed in m/s where the log holds it, else the commanded one."""
    measured = bool(np.isfinite(frames.true_speed_mps).any())
    return frames.true_speed_mps if measured else frames.speed_mps


def resample_hold(
    seconds: NDArray[np.float64], values: NDArray[np.floating], rate_hz: float
) -> NDArray[np.float64]:
    """Sample (F,) values at a fixed rate, each held until the next; NaNs are left out.

    Args:
        seconds: (F,) rising times.
        values: (F,) signal.
        rate_hz: samples a second of the result.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(0)
    times, held = seconds[known], values[known].astype(np.float64)
    # Half a microsecond, so that a frame that falls on a tick is not lost to rounding.
    ticks = np.arange(times[0], times[-1] + 5e-7, 1.0 / rate_hz) + 5e-7
    sampled: NDArray[np.float64] = held[np.searchsorted(times, ticks, side="right") - 1]
    return sampled


def total_variation(values: NDArray[np.float64]) -> float:
    """Return the sum of |changes|, in the unit of the values."""
    return float(np.abs(np.diff(values)).sum())


def count_reversals(values: NDArray[np.float64], gap: float) -> int:
    """Count turning points that lie more than `gap` from the one before (SAE J2944, gap method)."""
    if len(values) == 0:
        return 0
    reversals = 0
    direction = 0
    low = high = values[0]
    for value in values:
        low, high = min(low, value), max(high, value)
        if direction <= 0 and value > low + gap:
            reversals += direction < 0
            direction, high = 1, value
        elif direction >= 0 and value < high - gap:
            reversals += direction > 0
            direction, low = -1, value
    return reversals


def entropy_nats(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (F,) entropy of (F, A) action probabilities, -sum p ln p, in nats; NaN for unknown rows."""
    if probabilities.shape[1] == 0:
        return np.full(len(probabilities), np.nan)
    p = probabilities.astype(np.float64)
    entropy: NDArray[np.float64] = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1)
    return entropy


def confidence(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (F,) gap between the best and the second best of (F, A) probabilities; NaN for unknown rows."""
    if probabilities.shape[1] < 2:
        return np.full(len(probabilities), np.nan)
    best_two = np.sort(probabilities.astype(np.float64), axis=1)[:, -2:]
    gap: NDArray[np.float64] = best_two[:, 1] - best_two[:, 0]
    return gap


def _mean(values: NDArray[np.float64]) -> float | None:
    """Return the mean of the known values, or None where there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
