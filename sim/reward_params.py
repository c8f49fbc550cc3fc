"""DeepRacer's reward `params`, computed for a batch of cars with the reference simulator's meaning.

The point that `x`, `y`, `progress` and the distances are about is 0.14 m ahead of the middle of the
wheelbase. Two differences, on purpose: the params of a step describe where its action has led, not where
it began (the reference is one step late), and `progress` is 100 on the step that completes the lap and on
no other (there the 0.14 m point would reach 100 a step or two before).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.motion import LAP_COMPLETE, SEARCH_SAMPLES, Routes, lateral_offset, nearest, wheel_on_track
from sim.track import Track

MODEL_POINT_M = 0.14
"""How far ahead of the middle of the wheelbase the reported point is."""
WAYPOINT_SPACING_M = 0.2
"""Distance between waypoints where a track has no survey of its own to take them from."""
BEFORE_THE_LAP = 99.99
"""Largest progress before the lap is complete."""
COMMAND_DIGITS = 5
"""Commands are kept in single precision; so rounded, 20 degrees are 20 and not 19.9999994."""

PARAMS_DTYPE = np.dtype(
    [
        ("x_m", np.float64),
        ("y_m", np.float64),
        ("heading_rad", np.float64),
        ("projection_m", np.float64),
        ("lateral_m", np.float64),
        ("left_width_m", np.float64),
        ("right_width_m", np.float64),
        ("wheels_on_track", np.int64),
        ("progress", np.float64),
        ("steps", np.int64),
        ("speed_mps", np.float64),
        ("steering_rad", np.float64),
        ("time_s", np.float64),
    ]
)
"""What the params of a car are made from. Steps count the preparation as the first, as the reference does."""


class Waypoints:
    """A route's waypoints in the order of driving; the last one closes the lap.

    They are the rows of a route file, or points about 0.2 m apart.

    Args:
        track: the track in its direction of driving.

    Attributes:
        points: (x, y) in metres.
    """

    def __init__(self, track: Track) -> None:
        if track.survey_m is not None:
            line = track.survey_m
            arc, _ = track.to_frenet(line)
            # The first row lies on the seam, where rounding decides between 0 and the whole length.
            arc[0] = 0.0
        else:
            count = max(8, round(track.length_m / WAYPOINT_SPACING_M))
            samples = np.round(np.arange(count) * len(track.center_m) / count).astype(np.int64)
            line = track.center_m[samples]
            arc = (samples * track.spacing_m).astype(np.float64)
        self.points: list[tuple[float, float]] = [(float(x), float(y)) for x, y in line]
        self.points.append(self.points[0])
        self._arc_m = [*(float(at) for at in arc), track.length_m]

    def around(self, projection_m: float) -> tuple[int, int]:
        """Return the numbers of the waypoints behind and ahead of a place along the centre line."""
        ahead = min(bisect_right(self._arc_m, projection_m), len(self._arc_m) - 1)
        return ahead - 1, ahead

    def nearest(self, projection_m: float, x_m: float, y_m: float) -> int:
        """Return the number of whichever of those two is nearer to a point."""
        behind, ahead = self.around(projection_m)
        return min(behind, ahead, key=lambda number: math.dist(self.points[number], (x_m, y_m)))


class RewardParams:
    """The params of every car of a batch; reads the simulator's own arrays and changes none.

    Args:
        routes: tracks in their directions.
        table: the same for the kernels.
        states: `STATE_DTYPE` (N,).
        parameters: `PARAMETER_DTYPE` (N,).
        places: `PLACE_DTYPE` (N,).
        commands: (N, K, 2), newest first.

    Attributes:
        rows: `PARAMS_DTYPE` (N,), after the last step.
        before: the same before it.
        waypoints: of each route.
    """

    def __init__(
        self,
        routes: list[Track],
        table: Routes,
        states: npt.NDArray[np.void],
        parameters: npt.NDArray[np.void],
        places: npt.NDArray[np.void],
        commands: npt.NDArray[np.float64],
    ) -> None:
        self.waypoints = [Waypoints(track) for track in routes]
        self.rows = np.zeros(len(states), PARAMS_DTYPE)
        self.before = self.rows.copy()
        self._routes, self._places = routes, places
        self._starts_m = np.zeros(len(states), np.float64)
        self._progress = np.zeros(len(states), np.float64)
        self._inputs = (
            self._starts_m, self._progress, states, parameters, places, commands,
            table.rows, table.starts, table.counts, table.lengths_m,
        )  # fmt: skip
        self._every = np.arange(len(states))
        self.begin(self._every)

    def begin(self, cars: npt.NDArray[np.int64]) -> None:
        """Take the places of some cars as the starts of their episodes, and describe them there."""
        self.begin_lap(cars, here=True)
        _describe(cars, self.rows, *self._inputs, 0.0)

    def begin_lap(self, cars: npt.NDArray[np.int64], *, here: bool) -> None:
        """Count the progress of some cars from 0 again: from where they are, or from their old start."""
        self._progress[cars] = 0.0
        if here:
            # From where the middle of the car is, not the point ahead of it (reference).
            self._starts_m[cars] = self._places["arc_length_m"][cars]

    def update(self, dt_s: float) -> None:
        """Follow the step that has just been driven."""
        np.copyto(self.before, self.rows)
        _describe(self._every, self.rows, *self._inputs, dt_s)

    def of(self, car: int) -> dict[str, Any]:
        """Return a car's params: a dictionary and lists of its own, which its owner may change."""
        # One conversion of the whole row; field by field it would cost more than all the rest.
        row = dict(zip(PARAMS_DTYPE.names or (), self.rows[car].item(), strict=True))
        route = int(self._places["route"][car])
        track, waypoints = self._routes[route], self.waypoints[route]
        to_left = row["left_width_m"] - row["lateral_m"]
        to_right = row["right_width_m"] + row["lateral_m"]
        return {
            "all_wheels_on_track": row["wheels_on_track"] == 4,
            "x": row["x_m"],
            "y": row["y_m"],
            "heading": math.degrees(row["heading_rad"]),
            "distance_from_center": abs(row["lateral_m"]),
            "projection_distance": row["projection_m"],
            "progress": row["progress"],
            "steps": row["steps"],
            "speed": round(row["speed_mps"], COMMAND_DIGITS),
            "steering_angle": round(math.degrees(row["steering_rad"]), COMMAND_DIGITS),
            "track_width": row["left_width_m"] + row["right_width_m"],
            "track_length": track.length_m,
            "waypoints": waypoints.points.copy(),
            "closest_waypoints": list(waypoints.around(row["projection_m"])),
            "is_left_of_center": to_left < to_right,
            "is_reversed": track.clockwise != track.surveyed_clockwise,
            "is_crashed": False,
            "is_offtrack": row["wheels_on_track"] == 0,
            "sim_time": row["time_s"],
            "closest_objects": [0, 0],
            "objects_location": [],
            "objects_left_of_center": [],
            "object_in_camera": False,
            "objects_speed": [],
            "objects_heading": [],
            "objects_distance_from_center": [],
            "objects_distance": [],
        }


@njit(cache=True)
def reference_progress(share: float, before: float) -> float:
    """Return progress in 0 to 100 by the reference's rules for passing the start line either way.

    Args:
        share: place minus start, as a share of the lap.
        before: progress a step ago.
    """
    progress = 100.0 * share
    if progress <= 0.0:
        progress += 100.0
    if before > progress + 50.0:
        progress += 100.0
    if progress > before + 50.0:
        progress -= 100.0
    return progress


@njit(cache=True)
def _describe(
    cars: Any,
    out: Any,
    starts_m: Any,
    progress: Any,
    states: Any,
    parameters: Any,
    places: Any,
    commands: Any,
    rows: Any,
    starts: Any,
    counts: Any,
    lengths_m: Any,
    dt_s: float,
) -> None:
    """Fill in `out` for some cars, in place."""
    for car in cars:
        state, place, params = states[car], places[car], out[car]
        start, count, length = starts[place.route], counts[place.route], lengths_m[place.route]
        params.heading_rad = math.atan2(math.sin(state.yaw_rad), math.cos(state.yaw_rad))
        params.x_m = state.x_m + MODEL_POINT_M * math.cos(state.yaw_rad)
        params.y_m = state.y_m + MODEL_POINT_M * math.sin(state.yaw_rad)
        sample = nearest(rows, start, count, place.sample, SEARCH_SAMPLES, params.x_m, params.y_m)
        row = rows[start + sample]
        along = (params.x_m - row[0]) * math.cos(row[2]) + (params.y_m - row[1]) * math.sin(row[2])
        params.projection_m = (sample * length / count + along) % length
        params.lateral_m = lateral_offset(row, params.x_m, params.y_m)
        params.left_width_m, params.right_width_m = row[4], row[5]
        wheels = 0
        for wheel in range(4):
            if wheel_on_track(state, parameters[car], rows, start, count, place.sample, wheel):
                wheels += 1
        params.wheels_on_track = wheels
        share = (params.projection_m - starts_m[car]) / length
        progress[car] = min(reference_progress(share, progress[car]), BEFORE_THE_LAP)
        params.progress = 100.0 if place.status == LAP_COMPLETE else progress[car]
        params.steps = place.steps + 1
        params.steering_rad, params.speed_mps = commands[car, 0, 0], commands[car, 0, 1]
        params.time_s += dt_s
