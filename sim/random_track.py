"""Random tracks: closed roads that never cross or touch themselves, drawn from a seed.

How one is drawn: cells of an uneven grid are joined one by one such that they stay one piece without
holes; the outline of the piece is a loop that cannot cross itself. It is bent by slow waves, smoothed into
corners and scaled to the asked length. What comes out tighter or nearer to itself than asked is thrown
away and drawn again, from fewer cells, until one fits.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.spatial import cKDTree

from car.errors import Sim2RaceError, unknown_name

Array = npt.NDArray[np.float64]
Cell = tuple[int, int]

PREFIX = "random"
GAP_M = 0.15
"""Smallest distance between the outer edges of two stretches of road."""
LONGEST_M = 1000.0
"""Nobody has room for more."""
ATTEMPTS = 120
"""Drawings tried before a combination of length, width and radius is given up."""
POINT_SPACING_M = 0.15
"""Distance between the points that a track's spline is laid through."""
STRAIGHT_M = 1.5
"""Length over which the straightest stretch is looked for; the start line is in its middle."""
FINE = 0.05
"""Distance between the points of a drawing, in cells."""
RING = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
"""The eight neighbours of a cell, counter-clockwise; even ones share an edge with it."""


@dataclass(frozen=True)
class RandomTrack:
    """What is asked of a random track."""

    seed: int = 0
    """Which one."""
    width: float = 0.76
    """Width between the outer edges of the white lines, in metres."""
    length: float = 25.0
    """Length of the centre line, in metres."""
    radius: float = 0.5
    """Radius of the centre line that no corner is tighter than, in metres."""

    @property
    def name(self) -> str:
        """The track's name, from which it can be drawn again: what differs from the defaults."""
        said = [
            f"{field.name}={getattr(self, field.name)}".removesuffix(".0")
            for field in fields(self)
            if field.name == "seed" or getattr(self, field.name) != field.default
        ]
        return f"{PREFIX}:{','.join(said)}"


def is_random(name: str) -> bool:
    """Return whether a track's name asks for a random one."""
    return name == PREFIX or name.startswith(f"{PREFIX}:")


def parse_random_track(name: str) -> RandomTrack:
    """Read a name such as `random:seed=7,width=0.76,length=25,radius=0.5`; what is left out is the default.

    Raises:
        Sim2RaceError: a key does not exist, a value is not a number, or no road can be like that.
    """
    values: dict[str, float] = {}
    keys = [field.name for field in fields(RandomTrack)]
    for part in name[len(PREFIX) + 1 :].split(","):
        if not part:
            continue
        key, _, value = (word.strip() for word in part.partition("="))
        if key not in keys:
            raise unknown_name("setting of a random track", key, keys)
        values[key] = _number(name, key, value)
    return _checked(RandomTrack(seed=int(values.pop("seed", 0)), **values), name)


def _number(name: str, key: str, text: str) -> float:
    """Read one value of a random track's name."""
    if key == "seed":
        if text.isdecimal():
            return int(text)
        raise Sim2RaceError(f"{name!r}: seed is {text!r}; expected a whole number of 0 or more.")
    with contextlib.suppress(ValueError):
        if 0.0 < float(text) <= LONGEST_M:
            return float(text)
    raise Sim2RaceError(f"{name!r}: {key} is {text!r}; expected a number of metres in 0 to {LONGEST_M:g}.")


def _checked(track: RandomTrack, name: str) -> RandomTrack:
    if track.radius <= track.width / 2:
        raise Sim2RaceError(
            f"{name!r}: radius={track.radius:g} leaves no inner border on a road of width={track.width:g}; "
            f"expected more than {track.width / 2:g} m."
        )
    # A circle of the asked radius is the shortest loop there is; drawn ones need some play.
    shortest = 3.2 * math.pi * max(track.radius, (track.width + GAP_M) / 2)
    if track.length < shortest:
        raise Sim2RaceError(
            f"{name!r}: length={track.length:g} is too short for width={track.width:g} and "
            f"radius={track.radius:g}; expected at least {shortest:.1f} m."
        )
    return track


@lru_cache(maxsize=64)
def draw_center_line(track: RandomTrack) -> Array:
    """Draw a track's centre line: (N, 2) points in metres, counter-clockwise, from its start line.

    Raises:
        Sim2RaceError: no drawing fitted; a longer, narrower or less tight track would.
    """
    generator = np.random.default_rng([track.seed, 0x7AC])
    cells = max(1, round(track.length / (2.0 * max(2.4 * track.radius, track.width + GAP_M))))
    for attempt in range(ATTEMPTS):
        # Fewer cells and calmer lines mean wider corners and more room: sooner or later one fits.
        calm = attempt / ATTEMPTS
        most = max(1, round(cells * (1.0 - 0.8 * calm)))
        line = _draw(generator, int(generator.integers(max(1, round(0.6 * most)), most + 1)), calm)
        line = line * (track.length / _length(line))
        if _keeps_clear(line, track.width + GAP_M):
            points, radius = _laid_smoothly(line)
            if radius >= 1.01 * track.radius:
                points -= points.min(axis=0)
                # The same array answers every later call.
                points.flags.writeable = False
                return points
    raise Sim2RaceError(
        f"No track of length={track.length:g}, width={track.width:g} and radius={track.radius:g} was found "
        f"for seed={track.seed}; a longer or narrower one, or a smaller radius, leaves more room."
    )


def _draw(generator: np.random.Generator, cells: int, calm: float) -> Array:
    """Return one smooth loop, (N, 2), of about evenly spaced points, in cells; `calm` is 0 to 1."""
    outline = np.array(_outline(_grow(generator, cells)), np.float64)
    low = outline.min(axis=0).astype(np.int64)
    outline -= low
    corners = np.empty_like(outline)
    for axis in range(2):
        # Uneven rows and columns make straights of many lengths.
        sizes = 1.0 + 0.9 * (1.0 - calm) * generator.uniform(size=int(outline[:, axis].max()))
        edges = np.concatenate([[0.0], np.cumsum(sizes)])
        corners[:, axis] = edges[outline[:, axis].astype(np.int64)]
    line = _bent(generator, _resampled(corners, FINE), 1.0 - calm)
    smoothing = generator.uniform(0.30, 0.45 + 0.4 * calm) / FINE
    line = gaussian_filter1d(_resampled(line, FINE), smoothing, axis=0, mode="wrap")
    angle = generator.uniform(0.0, 2.0 * math.pi)
    turned: Array = line @ np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return turned


def _grow(generator: np.random.Generator, count: int) -> set[Cell]:
    """Join cells to one piece without holes, and without two that touch only at a corner."""
    piece: set[Cell] = {(0, 0)}
    # Compact pieces give wide sweeps, branching ones hairpins.
    branching = generator.uniform(1.0, 8.0)
    while len(piece) < count:
        around = sorted({(x + dx, y + dy) for x, y in piece for dx, dy in RING[::2]} - piece)
        weights = np.array([_weight(piece, cell, branching) for cell in around])
        piece.add(around[int(generator.choice(len(around), p=weights / weights.sum()))])
    return piece


def _weight(piece: set[Cell], cell: Cell, branching: float) -> float:
    """Return how much a cell is wanted; 0 if it would close a hole or touch at a corner."""
    ring = [(cell[0] + dx, cell[1] + dy) in piece for dx, dy in RING]
    beginnings = sum(here and not ring[index - 1] for index, here in enumerate(ring))
    if beginnings != 1 or not any(ring[::2]):
        return 0.0
    return branching if sum(ring[::2]) == 1 else 1.0


def _outline(piece: set[Cell]) -> list[Cell]:
    """Return the corners around a piece, counter-clockwise, one per cell edge."""
    following: dict[Cell, Cell] = {}
    for x, y in piece:
        sides = (
            ((x, y), (x + 1, y)),
            ((x + 1, y), (x + 1, y + 1)),
            ((x + 1, y + 1), (x, y + 1)),
            ((x, y + 1), (x, y)),
        )
        beyond = ((x, y - 1), (x + 1, y), (x, y + 1), (x - 1, y))
        following.update(side for side, cell in zip(sides, beyond, strict=True) if cell not in piece)
    first = min(following)
    outline = [first]
    while following[outline[-1]] != first:
        outline.append(following[outline[-1]])
    return outline


def _bent(generator: np.random.Generator, line: Array, strength: float) -> Array:
    """Displace points by slow waves of a strength of 0 to 1, so that corners are no right angles."""
    bent = line.copy()
    for _ in range(3):
        direction, push = generator.uniform(0.0, 2.0 * math.pi, 2)
        wave = generator.uniform(4.0, 9.0)
        phase = generator.uniform(0.0, 2.0 * math.pi)
        along = line @ np.array([math.cos(direction), math.sin(direction)])
        # The gradient stays below one in total, so nothing folds over.
        swing = 0.3 * strength * wave / (2.0 * math.pi) * np.sin(2.0 * math.pi * along / wave + phase)
        bent += swing[:, None] * np.array([math.cos(push), math.sin(push)])
    return bent


def _closed(line: Array) -> Array:
    return np.vstack([line, line[:1]])


def _length(line: Array) -> float:
    return float(np.linalg.norm(np.diff(_closed(line), axis=0), axis=1).sum())


def _resampled(line: Array, spacing: float) -> Array:
    """Return a closed polyline's points at even distances, about `spacing` apart."""
    closed = _closed(line)
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    count = max(16, round(arc[-1] / spacing))
    at = np.arange(count) * (arc[-1] / count)
    return np.stack([np.interp(at, arc, closed[:, axis]) for axis in range(2)], axis=1)


def _keeps_clear(line: Array, distance_m: float) -> bool:
    """Return whether no two stretches of a line are nearer to each other than a distance."""
    spacing = _length(line) / len(line)
    pairs = cKDTree(line).query_pairs(distance_m, output_type="ndarray")
    apart = np.abs(pairs[:, 0] - pairs[:, 1])
    apart = np.minimum(apart, len(line) - apart) * spacing
    # Nearer along the road than half a circle of that width, two points belong to the same stretch.
    return not np.any(apart > 0.5 * math.pi * distance_m)


def _laid_smoothly(line: Array) -> tuple[Array, float]:
    """Return points for a track's spline, (N, 2), and the tightest radius of it.

    The first point is in the middle of the straightest stretch: the start line.
    """
    closed = _closed(line)
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    count = max(16, round(chord[-1] / POINT_SPACING_M))
    at = np.arange(count + 1) * (chord[-1] / count)
    # Between the drawing's points, which may be as far apart as these, a chord would cut the corner.
    points: Array = CubicSpline(chord, closed, bc_type="periodic")(at[:-1])
    spline = CubicSpline(at, _closed(points), bc_type="periodic")
    fine = np.arange(8 * count) * (chord[-1] / (8 * count))
    first, second = spline(fine, 1), spline(fine, 2)
    bend = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    bend /= np.linalg.norm(first, axis=1) ** 3
    mean = uniform_filter1d(bend, max(1, round(STRAIGHT_M / chord[-1] * len(bend))), mode="wrap")
    start = int(np.argmin(mean)) // 8
    return np.roll(points, -start, axis=0), 1.0 / float(bend.max())
