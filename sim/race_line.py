"""The line round a track that a car can drive fastest, found by minimising the lap time itself.

The line is a periodic cubic spline through a point on each of some cross-sections of the track; where each
lies between the borders is what is searched. It begins as the line that bends least (linear least squares;
Heilmeier et al., Vehicle System Dynamics 58, 2020), is improved by a quasi-Newton method (L-BFGS; Liu and
Nocedal, 1989) on the lap time of `sim.speed_profile`, first with few cross-sections and then with more, and
last by random changes that are kept when they are faster. Wheels beyond the border and corners beyond the
lock cost time. The search is a local one: the limit that it finds is one that can be reached, by the model,
and repeated searches from elsewhere come within a hundredth of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from sim.car_limits import CarLimits
from sim.line_cost import Road, Rules, bend, clearances, climb, gradient, shape
from sim.speed_profile import fastest, lap_time, speed_profile
from sim.track import Track

Array = npt.NDArray[np.float64]

KNOTS_M = (0.8, 0.5, 0.25)
"""Distance between cross-sections, stage by stage; the last one is searched at random."""
POINT_M = 0.06
"""Distance between the points that the lap time is summed over."""
SEARCH_GRIP = 0.98
"""Share of the grip that corners use in the first stages: at the very limit the lap time has no slope."""
TRIALS_PER_M = 500
"""Random changes that are tried per metre of track."""

Wheels = Literal["all", "one"]


@dataclass(frozen=True, eq=False)
class RaceLine:
    """A line with the fastest drive along it."""

    track: Track
    """The track, in the direction of driving."""
    limits: CarLimits
    """The car."""
    points_m: Array
    """The path of the car's middle, (M, 2), closed; the first point is beside the start."""
    steps_m: Array
    """Distance from each point to the next, (M,)."""
    curvature_1pm: Array
    """Of the path, (M,), + turns left."""
    speed_mps: Array
    """Speed at each point of a flying lap, (M,)."""
    clearance_m: float
    """Least distance of the outermost wheel's centre to the border; of the innermost if one is enough."""

    @property
    def length_m(self) -> float:
        """Length of the path."""
        return float(self.steps_m.sum())

    @property
    def flying_lap_s(self) -> float:
        """Time of a lap that begins as fast as it ends."""
        return float(lap_time(self.steps_m, self.speed_mps))

    @property
    def standing_lap_s(self) -> float:
        """Time of a lap from rest on the start line, on the same path."""
        speeds = speed_profile(self.steps_m, self.curvature_1pm, self.limits, start_mps=0.0)
        return float(lap_time(self.steps_m, speeds))


def race_line(
    track: Track, limits: CarLimits, *, wheels: Wheels = "all", trials_per_m: int = TRIALS_PER_M
) -> RaceLine:
    """Find the fastest line.

    Args:
        track: in the direction of driving.
        limits: the car.
        wheels: whether all wheels stay on the road or, as the rules allow, at least one.
        trials_per_m: random changes tried per metre of track; more come a little nearer to the limit.
    """
    careful = Rules(*limits.curvature_range_1pm, wheels == "one", SEARCH_GRIP)
    *coarse, fine = (_Search(track, limits, spacing_m) for spacing_m in KNOTS_M)
    offsets = coarse[0].least_curvature()
    for search in coarse:
        offsets = search.descend(_resample(offsets, search.knots), careful)
    offsets = _resample(offsets, fine.knots)
    rules = careful._replace(grip_share=1.0)
    climb(offsets, *fine.geometry, rules, *fine.car, round(trials_per_m * track.length_m))
    return fine.line(offsets, rules)


class _Search:
    """A track with cross-sections at some distance: what the kernels need, and the steps over them."""

    def __init__(self, track: Track, limits: CarLimits, spacing_m: float) -> None:
        self._track, self._limits = track, limits
        self.knots = max(8, round(track.length_m / spacing_m))
        points = max(64, round(track.length_m / POINT_M))
        sections = _road(track, self.knots)
        base = np.stack([_spline_basis(self.knots, points, track.length_m, order) for order in range(3)])
        self._bending = np.vstack([base[2] * sections.normal[:, axis] for axis in range(2)])
        self._straight = (base[2] @ sections.center_m).T.ravel()
        # Knots first: the kernels add one knot's share to all points.
        by_knot = np.ascontiguousarray(base.transpose(2, 0, 1))
        self.geometry = (by_knot, sections.center_m, sections.normal, _road(track, points))
        self.car = (limits.numbers, *limits.tables)

    def least_curvature(self) -> Array:
        """Return the offsets (K,) of the line whose second derivative is least, in least squares."""
        offsets: Array = np.linalg.lstsq(self._bending, -self._straight, rcond=None)[0]
        low = -np.asarray(self._track.right_width_m.min())
        return np.clip(offsets, low, self._track.left_width_m.min())

    def descend(self, offsets: Array, rules: Rules) -> Array:
        """Improve offsets until the lap time does not fall any more.

        What bends the line is searched in small steps, what shifts it in large ones: the variables are the
        offsets seen through the root of the bending's own matrix.
        """
        matrix = self._bending.T @ self._bending / len(self._bending)
        root = cholesky(matrix + 1e-3 * np.trace(matrix) / self.knots * np.eye(self.knots))

        def lap(variables: Array) -> tuple[float, Array]:
            here = offsets + solve_triangular(root, variables)
            seconds, slope = gradient(here, *self.geometry, rules, *self.car)
            return seconds, solve_triangular(root, slope, trans="T")

        options = {"maxiter": 150, "maxcor": 30, "ftol": 1e-6, "gtol": 1e-9}
        found = minimize(lap, np.zeros(self.knots), jac=True, method="L-BFGS-B", options=options)
        best: Array = offsets + solve_triangular(root, found.x)
        return best

    def line(self, offsets: Array, rules: Rules) -> RaceLine:
        """Return the line of some offsets with all that is known of it."""
        spline = shape(offsets, *self.geometry[:3])
        steps, bends = bend(spline)
        speeds = fastest(steps, bends, *self.car, -1.0, 1.0)
        road, limits = self.geometry[3], self._limits
        clear = clearances(spline, bends, speeds, road, limits.numbers, limits.slip_rad, rules.one_wheel)
        points: Array = np.ascontiguousarray(spline[0].T)
        return RaceLine(self._track, limits, points, steps, bends, speeds, float(clear.min()))


def _road(track: Track, count: int) -> Road:
    """Return cross-sections at equal distances along the centre line."""
    at = np.round(np.arange(count) * len(track.center_m) / count).astype(np.int64)
    return Road(
        np.ascontiguousarray(track.center_m[at]),
        np.ascontiguousarray(track.normal[at]),
        track.heading_rad[at],
        track.curvature_1pm[at],
        track.left_width_m[at],
        track.right_width_m[at],
    )


def _spline_basis(knots: int, points: int, length_m: float, derivative: int) -> Array:
    """Return what each knot gives to each point of a periodic cubic spline or its derivative, (M, K)."""
    at = np.linspace(0.0, length_m, knots + 1)
    unit = np.vstack([np.eye(knots), np.eye(knots)[:1]])
    spline = CubicSpline(at, unit, bc_type="periodic")
    basis: Array = spline(np.arange(points) * length_m / points, derivative)
    return basis


def _resample(offsets: Array, knots: int) -> Array:
    """Return the offsets of the same line at another number of cross-sections."""
    count = len(offsets)
    if count == knots:
        return offsets.copy()
    closed = np.append(offsets, offsets[0])
    spline = CubicSpline(np.arange(count + 1) / count, closed, bc_type="periodic")
    resampled: Array = spline(np.arange(knots) / knots)
    return resampled
