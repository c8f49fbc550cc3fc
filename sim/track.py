"""Tracks: a closed centre line with a width, sampled finely enough to look everything up.

A track comes from a survey of points (`sim/tracks/*.yaml`), from a DeepRacer route file (`.npy`, N x 6:
centre, inner and outer x, y in metres) or from a seed (`sim.random_track`). All become the same table,
about one row per centimetre, in the direction of driving: counter-clockwise, or clockwise after
`Track.reversed()`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from car.errors import BadFileError, Sim2RaceError, unknown_name
from sim.random_track import draw_center_line, is_random, parse_random_track

Array = npt.NDArray[np.float64]

TRACK_FOLDER = Path(__file__).parent / "tracks"
SAMPLE_SPACING_M = 0.01
DIRECTIONS = ("counter-clockwise", "clockwise")


@dataclass(frozen=True, eq=False)
class Track:
    """A closed track, sampled at equal arc length in the direction of driving."""

    name: str
    """Name in the table of tracks, or the stem of the route file."""
    center_m: Array
    """Centre line, (S, 2) x, y in metres; closed, the first point is not repeated."""
    heading_rad: Array
    """Direction of driving at each sample, (S,), unwrapped: rises by 2 pi over a left-hand lap."""
    curvature_1pm: Array
    """Signed curvature, (S,), + turns left."""
    left_width_m: Array
    """Distance from the centre line to the outer edge of the left white line, (S,)."""
    right_width_m: Array
    """The same to the right, (S,)."""
    length_m: float
    """Length of the centre line."""
    clockwise: bool = False
    """Whether the lap runs clockwise."""
    survey_m: Array | None = None
    """Centre points of the route file in the order of driving, (W, 2), the first at the start; else None."""
    surveyed_clockwise: bool = False
    """Whether the route file itself runs clockwise."""

    @property
    def spacing_m(self) -> float:
        """Arc length between two samples."""
        return self.length_m / len(self.center_m)

    @cached_property
    def normal(self) -> Array:
        """Unit vectors to the left of the direction of driving, (S, 2)."""
        return np.stack([-np.sin(self.heading_rad), np.cos(self.heading_rad)], axis=1)

    @cached_property
    def left_border_m(self) -> Array:
        """Outer edge of the left white line, (S, 2)."""
        border: Array = self.center_m + self.normal * self.left_width_m[:, None]
        return border

    @cached_property
    def right_border_m(self) -> Array:
        """Outer edge of the right white line, (S, 2)."""
        border: Array = self.center_m - self.normal * self.right_width_m[:, None]
        return border

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.center_m)

    def to_frenet(self, points_m: Array) -> tuple[Array, Array]:
        """Project points on the centre line.

        Args:
            points_m: (N, 2) x, y in metres.

        Returns:
            Arc length in 0..length, (N,), and lateral offset, + to the left, (N,); both in metres.
        """
        points = np.atleast_2d(np.asarray(points_m, dtype=np.float64))
        _, index = self._tree.query(points)
        offset = points - self.center_m[index]
        tangent = np.stack([np.cos(self.heading_rad), np.sin(self.heading_rad)], axis=1)[index]
        arc = index * self.spacing_m + np.sum(offset * tangent, axis=1)
        return arc % self.length_m, np.sum(offset * self.normal[index], axis=1)

    def pose_at(self, arc_length_m: float, lateral_m: float = 0.0) -> tuple[float, float, float]:
        """Return x, y in metres and heading in radians at a place on the track."""
        index = round(arc_length_m / self.spacing_m) % len(self.center_m)
        x, y = self.center_m[index] + lateral_m * self.normal[index]
        return float(x), float(y), float(self.heading_rad[index])

    def reversed(self) -> Track:
        """Return the same track driven the other way round, starting at the same place."""
        order = np.roll(np.arange(len(self.center_m))[::-1], 1)
        return Track(
            name=self.name,
            center_m=self.center_m[order],
            heading_rad=self.heading_rad[order] + np.pi,
            curvature_1pm=-self.curvature_1pm[order],
            left_width_m=self.right_width_m[order],
            right_width_m=self.left_width_m[order],
            length_m=self.length_m,
            clockwise=not self.clockwise,
            survey_m=None if self.survey_m is None else np.roll(self.survey_m[::-1], 1, axis=0),
            surveyed_clockwise=self.surveyed_clockwise,
        )


def track_names() -> list[str]:
    """Return the names of the built-in tracks."""
    return sorted(path.stem for path in TRACK_FOLDER.glob("*.yaml"))


def load_track(name_or_path: str | Path, direction: str = "counter-clockwise") -> Track:
    """Load a built-in track by name, a DeepRacer route file by path, or draw a random track.

    Args:
        name_or_path: a name from `track_names()`, a path that ends in `.npy`, or a random track such as
            `random:seed=7,width=0.76,length=25,radius=0.5` (what is left out is the default).
        direction: one of `DIRECTIONS`.

    Raises:
        Sim2RaceError: a random track asks for what does not exist or cannot be.
        UnknownNameError: no track or direction has that name.
        BadFileError: the file is missing, truncated or not a closed N x 6 survey.
    """
    if direction not in DIRECTIONS:
        raise unknown_name("direction", direction, DIRECTIONS)
    name = str(name_or_path)
    if name.endswith(".npy"):
        track = _from_route_file(Path(name))
    elif name in track_names():
        track = _from_yaml(TRACK_FOLDER / f"{name}.yaml")
    elif is_random(name):
        track = _from_seed(name)
    else:
        raise unknown_name("track", name, [*track_names(), "random:seed=1"])
    return track.reversed() if direction == "clockwise" else track


def track_title(name: str) -> str:
    """Return a built-in track's title with its one-line description."""
    survey = yaml.safe_load((TRACK_FOLDER / f"{name}.yaml").read_text())
    return f"{survey['title']}: {survey['about']}"


def build_track(name: str, points_m: Array, half_widths_m: Array) -> Track:
    """Lay a periodic cubic spline through surveyed points and sample it at equal arc length.

    Args:
        name: the track's name.
        points_m: (N, 2) centre points in driving order, without the closing point.
        half_widths_m: (N, 2) distances to the left and the right border at those points.

    Raises:
        Sim2RaceError: fewer than four points, or a width that is not positive.
    """
    if len(points_m) < 4 or not np.all(half_widths_m > 0):
        raise Sim2RaceError(f"Track {name!r} needs at least 4 points and positive widths.")
    if _signed_area(points_m) < 0:
        points_m, half_widths_m = points_m[::-1], half_widths_m[::-1, ::-1]
    # The chord-length parameter is first made an arc-length one, so that curvature is not distorted
    # where survey points are unevenly spaced.
    closed = np.vstack([points_m, points_m[:1]])
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    spline = CubicSpline(chord, closed, bc_type="periodic")
    fine = np.linspace(0.0, chord[-1], 20 * len(closed) + 1)
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(spline(fine), axis=0), axis=1))])
    length_m = float(arc[-1])
    samples = max(64, round(length_m / SAMPLE_SPACING_M))
    at = np.interp(np.arange(samples) * (length_m / samples), arc, fine)
    first, second = spline(at, 1), spline(at, 2)
    curvature = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / np.linalg.norm(first, axis=1) ** 3
    widths = np.vstack([half_widths_m, half_widths_m[:1]])
    return Track(
        name=name,
        center_m=spline(at),
        heading_rad=np.unwrap(np.arctan2(first[:, 1], first[:, 0])),
        curvature_1pm=curvature,
        left_width_m=np.interp(at, chord, widths[:, 0]),
        right_width_m=np.interp(at, chord, widths[:, 1]),
        length_m=length_m,
    )


def _from_yaml(path: Path) -> Track:
    survey = yaml.safe_load(path.read_text())
    points = np.asarray(survey["points_m"], dtype=np.float64)
    return build_track(path.stem, points, np.full((len(points), 2), survey["width_m"] / 2))


def _from_seed(name: str) -> Track:
    random = parse_random_track(name)
    points = draw_center_line(random)
    return build_track(random.name, points, np.full((len(points), 2), random.width / 2))


def _from_route_file(path: Path) -> Track:
    """Read a DeepRacer route: rows of centre, inner and outer points, closed or not, either direction."""
    if not path.is_file():
        raise BadFileError(f"Track file {path} does not exist; built-in tracks: {', '.join(track_names())}.")
    try:
        rows = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadFileError(
            f"{path} is not a complete NumPy file ({error}); expected an N x 6 array."
        ) from error
    if rows.ndim != 2 or rows.shape[1] != 6 or len(rows) < 8 or rows.dtype.kind != "f":
        raise BadFileError(
            f"{path} holds {rows.dtype} of shape {rows.shape}; expected float N x 6 with N >= 8 "
            "(centre, inner, outer x and y in metres)."
        )
    if not np.all(np.isfinite(rows)):
        raise BadFileError(f"{path} holds a coordinate that is not finite (row {_first_bad_row(rows)}).")
    rows = rows.astype(np.float64)
    keep = np.linalg.norm(np.diff(rows[:, :2], axis=0, append=rows[:1, :2]), axis=1) > 1e-9
    rows = rows[keep]
    gaps = np.linalg.norm(np.diff(rows[:, :2], axis=0, append=rows[:1, :2]), axis=1)
    if gaps[-1] > 10 * float(np.median(gaps)):
        raise BadFileError(
            f"{path} is not a closed track: its ends are {gaps[-1]:.2f} m apart, "
            f"its points {np.median(gaps):.2f} m."
        )
    inner = np.linalg.norm(rows[:, :2] - rows[:, 2:4], axis=1)
    outer = np.linalg.norm(rows[:, :2] - rows[:, 4:6], axis=1)
    # The inner border lies to the left of a counter-clockwise lap; the first row stays the start.
    clockwise = _signed_area(rows[:, :2]) < 0
    half_widths = np.stack([inner, outer], axis=1)
    if clockwise:
        rows, half_widths = np.roll(rows[::-1], 1, axis=0), np.roll(half_widths[::-1], 1, axis=0)
    track = build_track(path.stem, rows[:, :2], half_widths)
    return replace(track, survey_m=rows[:, :2], surveyed_clockwise=clockwise)


def _signed_area(points_m: Array) -> float:
    x, y = points_m[:, 0], points_m[:, 1]
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


def _first_bad_row(rows: Array) -> int:
    return int(np.argmin(np.all(np.isfinite(rows), axis=1)))
