"""One control step for a whole batch: late commands, the vehicle, the place on the track, how it ended.

Rules and constants of ending an episode are the reference simulator's: off track when all four wheel
centres are outside the outer edge of the white lines, at once; reversed or immobilized after a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from sim.chance import uniform
from sim.crew import take_turns
from sim.render_tables import NOISE_SIZE
from sim.track import Track
from sim.vehicle import SUBSTEP_RATE_HZ, step_vehicle

STATUSES = ("in_progress", "lap_complete", "off_track", "reversed", "immobilized", "time_up")
IN_PROGRESS, LAP_COMPLETE, OFF_TRACK, REVERSED, IMMOBILIZED, TIME_UP = range(6)
COMMANDS_KEPT = 8
"""Commands on their way to the servo, at least: at 30 Hz, up to 0.23 s of latency."""
PATIENCE_S = 1.0
"""How long a car may stand still or drive backwards (reference: 15 steps at 15 Hz)."""
STILL_M = 0.0003
"""Motion per step that counts as standing still (reference)."""
GRAIN_STEP = 104_729
"""How much further the sensor noise of the next picture begins: a prime, so that it does not repeat soon."""
CARS_AT_A_TIME = 8
"""Cars that a worker takes at once: those beside each other share cache lines."""
SEARCH_SAMPLES = 60
"""Samples searched to either side of the last place: at most 0.6 m in a step."""

PLACE_DTYPE = np.dtype(
    [
        ("route", np.int64),
        ("sample", np.int64),
        ("status", np.int64),
        ("steps", np.int64),
        ("arc_length_m", np.float64),
        ("lateral_m", np.float64),
        ("heading_error_rad", np.float64),
        ("curvature_1pm", np.float64),
        ("travelled_m", np.float64),
        ("step_m", np.float64),
        ("progress", np.float64),
        ("elapsed_s", np.float64),
        ("lap_time_s", np.float64),
        ("backwards_s", np.float64),
        ("still_s", np.float64),
        ("steering_change_rad", np.float64),
    ]
)
"""Where each car is on its route and how its episode goes; `progress` is 0..100. `lap_time_s` is `elapsed_s`,
but when the lap is complete it is the moment of crossing the line within that step."""


def commands_needed(latency_s: float, rate_hz: float) -> int:
    """Return how many commands to keep so that each still waits for its latency, at least `COMMANDS_KEPT`."""
    return max(COMMANDS_KEPT, 1 + math.ceil(latency_s * rate_hz - 1e-9))


class Routes(NamedTuple):
    """Tracks in their directions, laid one after the other for the kernels."""

    rows: Any
    """x, y, heading, curvature, left width, right width per sample, float64 (R, 6)."""
    starts: Any
    """int64 (T,), first row of each route."""
    counts: Any
    """int64 (T,), samples of each route."""
    lengths_m: Any
    """float64 (T,)."""


class Cars(NamedTuple):
    """A batch of cars, one after the other for the kernels."""

    states: Any
    """`STATE_DTYPE` (N,)."""
    parameters: Any
    """`PARAMETER_DTYPE` (N,)."""
    places: Any
    """`PLACE_DTYPE` (N,)."""
    commands: Any
    """float64 (N, K, 2), steering in rad and speed in m/s, newest first; see `commands_needed`."""
    chances: Any
    """uint64 (N,), keys of the episodes' random numbers; see `sim.chance`."""
    grain: Any
    """int64 (N,), where the sensor noise of the next picture begins."""
    lost: Any
    """bool (N,), whose picture of the last step never arrives."""


def lay_routes(tracks: Sequence[Track]) -> Routes:
    """Pack tracks (each already in its direction of driving) into one table."""
    rows = [
        np.column_stack(
            [track.center_m, track.heading_rad, track.curvature_1pm, track.left_width_m, track.right_width_m]
        )
        for track in tracks
    ]
    counts = np.array([len(row) for row in rows], np.int64)
    return Routes(
        rows=np.concatenate(rows),
        starts=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64),
        counts=counts,
        lengths_m=np.array([track.length_m for track in tracks], np.float64),
    )


@njit(cache=True)
def nearest(rows: Any, start: int, count: int, sample: int, reach: int, x_m: float, y_m: float) -> int:
    """Return the nearest centre sample within reach of the last one."""
    best, best_square = sample, 1e18
    index = (sample - reach - 1) % count
    for _ in range(2 * reach + 1):
        index = index + 1 if index + 1 < count else 0
        dx, dy = x_m - rows[start + index, 0], y_m - rows[start + index, 1]
        square = dx * dx + dy * dy
        if square < best_square:
            best, best_square = index, square
    return best


@njit(cache=True)
def lateral_offset(row: Any, x_m: float, y_m: float) -> float:
    """Return how far a point is to the left of a centre sample."""
    lateral: float = -(x_m - row[0]) * math.sin(row[2]) + (y_m - row[1]) * math.cos(row[2])
    return lateral


@njit(cache=True)
def wheel_on_track(
    state: Any, parameters: Any, rows: Any, start: int, count: int, sample: int, wheel: int
) -> bool:
    """Return whether a wheel's centre is on the road, whose edge is the outer one of the white line.

    Wheels are numbered front left, front right, rear left, rear right.
    """
    cosine, sine = math.cos(state.yaw_rad), math.sin(state.yaw_rad)
    x = 0.5 * parameters.wheelbase_m * (1.0 if wheel < 2 else -1.0)
    y = 0.5 * parameters.track_width_m * (1.0 if wheel % 2 == 0 else -1.0)
    wheel_x, wheel_y = state.x_m + x * cosine - y * sine, state.y_m + x * sine + y * cosine
    row = rows[start + nearest(rows, start, count, sample, 25, wheel_x, wheel_y)]
    on_road: bool = -row[5] <= lateral_offset(row, wheel_x, wheel_y) <= row[4]
    return on_road


@njit(cache=True)
def _any_wheel_on_track(state: Any, parameters: Any, rows: Any, start: int, count: int, sample: int) -> bool:
    for wheel in range(4):  # noqa: SIM110 - numba compiles no any()
        if wheel_on_track(state, parameters, rows, start, count, sample, wheel):
            return True
    return False


@njit(cache=True)
def locate(place: Any, state: Any, routes: Routes, reach: int) -> None:
    """Project a car on its route and fill in its place, in place."""
    start, count = routes.starts[place.route], routes.counts[place.route]
    spacing = routes.lengths_m[place.route] / count
    place.sample = nearest(routes.rows, start, count, place.sample, reach, state.x_m, state.y_m)
    row = routes.rows[start + place.sample]
    along = (state.x_m - row[0]) * math.cos(row[2]) + (state.y_m - row[1]) * math.sin(row[2])
    place.arc_length_m = place.sample * spacing + along
    place.lateral_m = lateral_offset(row, state.x_m, state.y_m)
    error = state.yaw_rad - row[2]
    place.heading_error_rad = math.atan2(math.sin(error), math.cos(error))
    place.curvature_1pm = row[3]


@njit(cache=True)
def _judge(place: Any, on_track: bool, moved_m: float, dt_s: float, length_m: float, limit_s: float) -> None:
    """Decide whether the episode goes on."""
    place.backwards_s = place.backwards_s + dt_s if place.step_m < 0.0 else 0.0
    place.still_s = place.still_s + dt_s if moved_m <= STILL_M else 0.0
    if not on_track:
        place.status = OFF_TRACK
    elif place.travelled_m >= length_m:
        place.status = LAP_COMPLETE
        if place.step_m > 0.0:
            place.lap_time_s -= dt_s * min((place.travelled_m - length_m) / place.step_m, 1.0)
    elif place.backwards_s >= PATIENCE_S - 1e-9:
        place.status = REVERSED
    elif place.still_s >= PATIENCE_S - 1e-9:
        place.status = IMMOBILIZED
    elif place.elapsed_s >= limit_s - 1e-9:
        place.status = TIME_UP


@njit(cache=True, nogil=True)
def step_batch(turns: Any, cars: Cars, routes: Routes, wanted: Any, dt_s: float, limit_s: float) -> None:
    """Advance cars by one control step, in place, sharing them with whoever takes the same turns.

    Args:
        turns: `sim.crew.Turns`.
        cars: the batch.
        routes: what they drive on.
        wanted: (N, 2), new commands: steering in rad and speed in m/s.
        dt_s: control period.
        limit_s: longest episode.
    """
    first, last = take_turns(turns, CARS_AT_A_TIME)
    while first < last:
        for car in range(first, last):
            _step(car, cars, routes, wanted[car], dt_s, limit_s)
        first, last = take_turns(turns, CARS_AT_A_TIME)


@njit(cache=True)
def _step(car: int, cars: Cars, routes: Routes, wanted: Any, dt_s: float, limit_s: float) -> None:
    """Advance one car, whose picture may get lost."""
    state, parameters, place = cars.states[car], cars.parameters[car], cars.places[car]
    commands = cars.commands[car]
    for age in range(len(commands) - 1, 0, -1):
        commands[age] = commands[age - 1]
    commands[0] = wanted
    before_x, before_y, before_arc = state.x_m, state.y_m, place.arc_length_m
    _drive(state, parameters, commands, latency_s(parameters, cars.chances[car], place.steps), dt_s)
    locate(place, state, routes, SEARCH_SAMPLES)
    length = routes.lengths_m[place.route]
    _count(place, place.arc_length_m - before_arc, length, dt_s)
    place.steering_change_rad = abs(commands[0, 0] - commands[1, 0])
    moved = math.hypot(state.x_m - before_x, state.y_m - before_y)
    start, count = routes.starts[place.route], routes.counts[place.route]
    on_track = _any_wheel_on_track(state, parameters, routes.rows, start, count, place.sample)
    _judge(place, on_track, moved, dt_s, length, limit_s)
    cars.grain[car] = (cars.grain[car] + GRAIN_STEP) % NOISE_SIZE
    cars.lost[car] = uniform(cars.chances[car], place.steps, 1) < parameters.frame_loss


@njit(cache=True)
def latency_s(parameters: Any, chances: Any, step: int) -> float:
    """Return a step's time from picture to servo.

    Args:
        parameters: record of `PARAMETER_DTYPE`.
        chances: key of the episode's random numbers.
        step: of the episode.
    """
    jitter = parameters.latency_jitter_s * (2 * uniform(chances, step, 0) - 1)
    latency: float = max(parameters.latency_s + jitter, 0.0)
    return latency


@njit(cache=True)
def _drive(state: Any, parameters: Any, commands: Any, late_s: float, dt_s: float) -> None:
    """Move one car for a control period, under commands that take their time to arrive."""
    substeps = max(1, math.ceil(dt_s * SUBSTEP_RATE_HZ - 1e-6))
    h = dt_s / substeps
    for substep in range(substeps):
        # The command in force is the newest one that has had time to arrive.
        waiting = (late_s - substep * h) / dt_s
        age = min(max(math.ceil(waiting - 1e-9), 0), len(commands) - 1)
        step_vehicle(state, parameters, commands[age, 0], commands[age, 1], h)


@njit(cache=True)
def _count(place: Any, step_m: float, length_m: float, dt_s: float) -> None:
    """Add a step to what a car has driven."""
    # The seam at the start line is not a jump of a whole lap.
    step_m -= length_m * math.floor(step_m / length_m + 0.5)
    place.step_m = step_m
    place.travelled_m += step_m
    place.progress = min(100.0 * place.travelled_m / length_m, 100.0)
    place.elapsed_s += dt_s
    place.lap_time_s = place.elapsed_s
    place.steps += 1


@njit(cache=True)
def locate_afresh(places: Any, states: Any, chosen: Any, routes: Routes) -> None:
    """Project cars that were put somewhere new, searching the whole route."""
    for car in chosen:
        places[car].sample = 0
        locate(places[car], states[car], routes, routes.counts[places[car].route] // 2)
