"""Figures from pictures and commands where a log has no position, and which figures of a scorecard those are.

Straights are those of the lane in the pictures (`analysis.lane_view`): a lane found well, without bend and
nearly ahead, for half a second or more. Eight or nine of ten such frames are on a true straight. Against the
truth of simulated drives that weave by 5 cm: lateral offset 2 to 4 cm RMS, and the weave of a run within 2 cm
(`tests/analysis/test_stand_ins.py`). Such a figure ranks runs among themselves, never against a measured one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.lane_view import LaneEstimates, LaneFinder
from analysis.metrics import COMPARISON_RATE_HZ, distance, frame_times_s, resample_hold, total_variation
from car.errors import Sim2RaceError
from car.frame_table import FrameTable
from car.log_reader import CarLog
from sim.camera import CAMERAS, Camera

RATE_HZ = 15.0
"""Pictures a second that are looked at."""
MAX_PICTURES = 1200
"""Pictures of one log that are looked at, in ten-second windows spread over it."""
WINDOW_S = 10.0
MIN_SCORE = 0.35
"""A lane found less well than this is a guess."""
MAX_HEADING_RAD = 0.35
"""A lane that leads further off than this is not followed but entered."""
MIN_SPAN_S = 0.5
"""A straight lasts at least this long."""
STRAIGHT_DEG = 5.0
"""A command within this counts as straight ahead, as in `analysis.course.CourseParameters`."""

COMMANDED = "from the commanded speed"
PICTURED = "from the lane in the pictures"
_BY_DISTANCE = ("speed_mps", "tv", "reversals")


@dataclass(frozen=True)
class LaneTrack:
    """The lane of a log as its pictures show it."""

    rows: NDArray[np.int64]
    """(N,) frames that were looked at."""
    seconds: NDArray[np.float64]
    """(N,) time of each, from the first frame of the log."""
    lane: LaneEstimates
    """What was found."""

    def spans(self) -> list[NDArray[np.int64]]:
        """Return the stretches on straights, as indices into `rows`."""
        lane = self.lane
        good = (np.abs(lane.bend_1pm) < 0.1) & (lane.score > MIN_SCORE)
        good &= np.abs(lane.heading_rad) < MAX_HEADING_RAD
        # A frame that failed among good ones does not end a straight.
        steady = np.convolve(good, np.ones(5), mode="same") >= 3
        places = np.flatnonzero(steady)
        breaks = np.flatnonzero((np.diff(places) > 1) | (np.diff(self.seconds[places]) > 0.3)) + 1
        groups = [group[good[group]] for group in np.split(places, breaks)]
        return [g for g in groups if len(g) > 3 and self.seconds[g[-1]] - self.seconds[g[0]] >= MIN_SPAN_S]


def follow_lane(log: CarLog, camera: Camera | None = None) -> LaneTrack | None:
    """Look for the lane in the pictures of a log; None where there are none.

    Args:
        log: the log.
        camera: lens and mount; the reference car's when not given.
    """
    rows = [row for row in _chosen(frame_times_s(log.frames)).tolist() if _has_picture(log, row)]
    if not rows:
        return None
    lane = LaneFinder(camera or CAMERAS["aws"]).estimate(len(rows), lambda number: log.image(rows[number]))
    found = np.array(rows, np.int64)
    return LaneTrack(found, frame_times_s(log.frames)[found], lane)


def lane_figures(
    frames: FrameTable, track: LaneTrack, start_s: float = 0.0, end_s: float = math.inf
) -> dict[str, float]:
    """Measure the straights between two times, from pictures and from the commands there.

    Returns:
        `weave_cm`: RMS of the lateral offset about a line fitted to each straight. `heading_deg`: RMS of the
        heading against the lane's. `straight_tv`: degrees of commanded steering per metre, by commanded
        speed. `straight_pct`: share of commands within 5 degrees. NaN where there is no straight.
    """
    spans = [
        span
        for span in track.spans()
        if start_s <= track.seconds[span[0]] and track.seconds[span[-1]] < end_s
    ]
    keys = ("weave_cm", "heading_deg", "straight_tv", "straight_pct")
    if not spans:
        return dict.fromkeys(keys, math.nan)
    weave, headings, variation, metres, commands = [], [], 0.0, 0.0, []
    for span in spans:
        at, lateral = track.seconds[span], track.lane.lateral_m[span]
        weave.append(lateral - np.polyval(np.polyfit(at - at[0], lateral, 1), at - at[0]))
        headings.append(track.lane.heading_rad[span])
        within = slice(int(track.rows[span[0]]), int(track.rows[span[-1]]) + 1)
        seconds = frame_times_s(frames)[within]
        held = resample_hold(seconds, np.rad2deg(frames.steering_rad[within]), COMPARISON_RATE_HZ)
        speed = np.nan_to_num(frames.speed_mps[within][:-1])
        variation, metres = (
            variation + total_variation(held),
            metres + float((speed * np.diff(seconds)).sum()),
        )
        commands.append(held)
    every = np.concatenate(commands)
    values = (
        100.0 * _rms(np.concatenate(weave)),
        math.degrees(_rms(np.concatenate(headings))),
        variation / metres if metres > 0 else math.nan,
        100.0 * float((np.abs(every) <= STRAIGHT_DEG).mean()) if len(every) else math.nan,
    )
    return dict(zip(keys, values, strict=True))


def stand_ins_of(figures: Mapping[str, float], frames: FrameTable, *, lane: bool) -> dict[str, str]:
    """Return which figures of a scorecard are stand-ins, and what for.

    Args:
        figures: the scorecard's.
        frames: the drive.
        lane: whether `lane_figures` are among them.
    """
    found = {}
    if distance(frames)[1] == "commanded speed":
        found = dict.fromkeys(_BY_DISTANCE, COMMANDED)
    if lane:
        found |= dict.fromkeys(("weave_cm", "heading_deg", "straight_tv", "straight_pct"), PICTURED)
    return {key: how for key, how in found.items() if math.isfinite(figures.get(key, math.nan))}


def _has_picture(log: CarLog, row: int) -> bool:
    try:
        log.image(row)
    except Sim2RaceError:
        return False
    return True


def _chosen(seconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return frames at `RATE_HZ`, of a long log in windows of ten seconds spread over it."""
    if not len(seconds):
        return np.zeros(0, np.int64)
    ticks = np.arange(0.0, seconds[-1] + 1e-6, 1.0 / RATE_HZ)
    # A few milliseconds early, so that a frame that falls on a tick is not lost to rounding.
    rows = np.unique(np.minimum(np.searchsorted(seconds, ticks - 5e-3), len(seconds) - 1))
    if len(rows) <= MAX_PICTURES:
        return np.asarray(rows, np.int64)
    windows = int(MAX_PICTURES / RATE_HZ / WINDOW_S)
    starts = np.linspace(0.0, seconds[-1] - WINDOW_S, windows)
    wanted = [(seconds[rows] >= start) & (seconds[rows] < start + WINDOW_S) for start in starts]
    return np.asarray(rows[np.any(wanted, axis=0)], np.int64)


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))
