"""Where a policy's attention goes: the share of its heat map on the track, on lines, above the walls.

Exploratory, like every reading of a heat map (Atrey et al. 2019): a policy that looks at lamps need not be
misled by one, which `sim2race robust` tests. The shares are of |map|, "all-layers" as `analysis.heatmap`
defines it, over the pixels of the picture; a share says more beside the share of the picture that the part
itself is (the area), which is what a map that looks nowhere in particular would give.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.course import Course
from analysis.heatmap import frame_maps
from analysis.heatmap_grid import read_grid
from analysis.layer_maps import LayerMap, in_pixels
from analysis.picture_regions import FloorView, TrackMap
from car.errors import Sim2RaceError
from car.log_reader import CarLog
from car.policy import Policy
from car.preprocess import HEIGHT, WIDTH
from sim.camera import camera_named

SAMPLE = 120
"""Frames that a log's attention is measured on, spread over it."""
MIN_MAP = 1e-12

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Attention:
    """Attention on some frames, shares from 0 to 1; NaN where it is not known (no pose, or a blank map)."""

    rows: NDArray[np.int64]
    """(N,) frames of the log."""
    track: Values
    """(N,) share of the map's magnitude between the outer edges of the border lines. Needs the car's pose."""
    lines: Values
    """(N,) share on the border lines and the strip of the centre dashes. Needs the car's pose."""
    above: Values
    """(N,) share at or above the horizon of the camera as it is mounted, where the floor ends."""
    track_area: Values
    """(N,) share of the picture that the track is."""
    lines_area: Values
    """(N,) share of the picture that the lines are."""
    above_area: Values
    """(N,) share of the picture at or above the horizon."""

    def figures(self, chosen: NDArray[np.bool_] | None = None) -> dict[str, float]:
        """Return the means over the chosen frames (N,) as the scorecard has them.

        `attention_track_pct`, `attention_above_pct`: per cent of the map's magnitude. `attention_lines`: how
        many times as much of it is on the lines as their area is of the picture.
        """
        picked = np.ones(len(self.rows), bool) if chosen is None else chosen
        lines, area = _mean(self.lines[picked]), _mean(self.lines_area[picked])
        return {
            "attention_track": 100.0 * _mean(self.track[picked]),
            "attention_lines": lines / area if area > 0 else float("nan"),
            "attention_above": 100.0 * _mean(self.above[picked]),
        }


def log_attention(log: CarLog, course: Course | None, *, sample: int = SAMPLE) -> Attention | None:
    """Measure the attention of the policy that drove; None where it, its camera or the pictures are missing.

    Args:
        log: the log, with its policy beside it.
        course: its track; without it, or without poses, only the share above the horizon is known.
        sample: frames to look at.
    """
    if log.policy_path is None or not len(log.frames):
        return None
    spread = np.unique(np.linspace(0, len(log.frames) - 1, sample).astype(np.int64))
    try:
        return attention(Policy.load(log.policy_path), log, spread, course)
    except Sim2RaceError:
        return None


def attention(policy: Policy, log: CarLog, rows: NDArray[np.int64], course: Course | None) -> Attention:
    """Measure attention on the frames that have pictures.

    Args:
        policy: whose maps are looked at; its camera is taken as it is mounted in the drawing.
        log: where the frames are.
        rows: (N,) frames.
        course: the track, or None.

    Raises:
        Sim2RaceError: none of the frames has a picture, or the policy's camera is not known: its calibration
            file is not here, so nobody can tell where its pixels look.
    """
    view = FloorView(camera_named(policy.metadata.camera))
    ground = TrackMap(course.track) if course is not None else None
    kept, shares = [], []
    for row in rows.tolist():
        try:
            magnitude = magnitudes(policy, log, row)
        except Sim2RaceError:
            continue
        kept.append(row)
        shares.append(_shares(magnitude, _masks(view, ground, log, row)))
    if not kept:
        raise Sim2RaceError(f"{log.name} has no picture that can be read.")
    return Attention(np.array(kept, np.int64), *np.array(shares, np.float64).T)


def magnitudes(policy: Policy, log: CarLog, row: int) -> NDArray[np.float32]:
    """Return (120, 160) |map| of one frame over the picture.

    It is of all layers, or of the last one where the way back through the network is not known.
    """
    try:
        found = frame_maps(policy, log, np.array([row]), method="all-layers")[0]
    except Sim2RaceError:
        values = frame_maps(policy, log, np.array([row]))
        found = in_pixels(LayerMap(np.abs(values), read_grid(policy.path)), density=True)[0]
    return np.asarray(np.abs(found), np.float32)


def _masks(
    view: FloorView, ground: TrackMap | None, log: CarLog, row: int
) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None, NDArray[np.bool_]]:
    """Return track, lines and above; the first two None where the pose or the track is not known."""
    frames = log.frames
    pose = float(frames.x_m[row]), float(frames.y_m[row]), float(frames.yaw_rad[row])
    if ground is None or not np.isfinite(pose).all():
        return None, None, view.above
    regions = ground.regions(view, *pose)
    return regions.track, regions.lines, regions.above


def _shares(
    magnitude: NDArray[np.float32],
    masks: tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None, NDArray[np.bool_]],
) -> list[float]:
    total = float(magnitude.sum())
    nan = float("nan")
    inside = [
        nan if mask is None or total < MIN_MAP else float(magnitude[mask].sum()) / total for mask in masks
    ]
    areas = [nan if mask is None else float(mask.sum()) / (HEIGHT * WIDTH) for mask in masks]
    return [*inside, *areas]


def _mean(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
