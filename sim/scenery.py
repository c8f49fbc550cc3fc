"""What stands round the track and how the light falls on it, drawn anew from a seed.

A scene is a fixed set of named places ("wall-3", "building-1-a", "lamp-0", ...) of which a draw fills
some. Fixed places make a scene an array: showing or hiding an object is one flag, and a batch of cars
needs no list of lists. Everything stands upright on the floor or hangs above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from car.errors import unknown_name
from sim.hall_light import draw_light
from sim.track import Array, Track

NOISE_LEVELS = ("none", "low", "high", "unseen")
"""`unseen` is held out: checked walls, cones, tiled floors and humming lamps, which training never draws."""

WALLS, BUILDINGS, CAGES, FIGURES, POSTS, LAMPS, DISPLAYS = 12, 5, 2, 6, 4, 5, 3
OBJECT_NAMES: tuple[str, ...] = (
    *(f"wall-{i}" for i in range(WALLS)),
    *(f"building-{i}-{side}" for i in range(BUILDINGS) for side in "abcd"),
    *(f"cage-{i}" for i in range(CAGES)),
    *(f"figure-{i}" for i in range(FIGURES)),
    *(f"post-{i}" for i in range(POSTS)),
    *(f"lamp-{i}" for i in range(LAMPS)),
    *(f"display-{i}" for i in range(DISPLAYS)),
)
SURFACE_NAMES = ("center-line", "start-line", "shadows", "glare", "sheen", "wrinkles", "floor", "ceiling")
"""Parts of the floor and of the hall that can be shown or hidden like objects."""
KINDS = ("wall", "building", "cage", "figure", "post", "lamp", "display")
MAX_GLARES = 3

OBJECT_DTYPE = np.dtype(
    [
        ("x0_m", np.float32),
        ("y0_m", np.float32),
        ("x1_m", np.float32),
        ("y1_m", np.float32),
        ("bottom_m", np.float32),
        ("top_m", np.float32),
        ("stripe_per_m", np.float32),
        ("stripe_contrast", np.float32),
        ("stripe_phase", np.float32),
        ("checks", np.float32),
        ("print_per_m", np.float32),
        ("print_contrast", np.float32),
        ("bars_per_m", np.float32),
        ("gap_share", np.float32),
        ("taper", np.float32),
        ("flicker", np.float32),
        ("faces_viewer", np.bool_),
        ("visible", np.bool_),
    ]
)
"""A vertical panel from (x0, y0) to (x1, y1); one that faces the viewer has its centre at (x0, y0) and
its half width in x1_m."""

FLOOR, ROAD, LINE, DASH, HORIZON, CEILING = range(6)
PALETTE_NAMES = ("floor", "road", "line", "dash", "horizon", "ceiling")
# Mean colours of real frames and of the reference simulator's textures.
NOMINAL_PALETTE = np.array(
    [[110, 122, 96], [98, 98, 95], [250, 248, 225], [215, 150, 40], [120, 150, 170], [60, 62, 70]],
    dtype=np.float32,
)
LUMA_WEIGHTS = np.array([0.2989, 0.5870, 0.1140], dtype=np.float32)


@dataclass(eq=False)
class Scene:
    """One car's surroundings."""

    objects: npt.NDArray[np.void]
    """`OBJECT_DTYPE`, one row per `OBJECT_NAMES`."""
    colors: npt.NDArray[np.float32]
    """RGB 0..255 of each object, (O, 3)."""
    palette: npt.NDArray[np.float32]
    """RGB 0..255 of `PALETTE_NAMES`, (6, 3)."""
    light: npt.NDArray[np.void]
    """One record of `sim.hall_light.LIGHT_DTYPE`, shape ()."""
    glares: npt.NDArray[np.float32]
    """Bright patches on the floor: x, y, radius in metres, grey levels added; (MAX_GLARES, 4)."""


@dataclass(frozen=True, eq=False)
class Site:
    """Where things can stand round one track; computed once per track."""

    low_m: Array
    high_m: Array
    spots_m: Array
    """Places on the floor off the track, (P, 2)."""
    clearance_m: Array
    """Distance of each spot from the nearest border, (P,)."""


def survey_site(track: Track) -> Site:
    """Find the free floor round a track."""
    borders = np.vstack([track.left_border_m[::5], track.right_border_m[::5]])
    low, high = borders.min(axis=0), borders.max(axis=0)
    grid = np.stack(
        np.meshgrid(np.arange(low[0] - 2.5, high[0] + 2.5, 0.1), np.arange(low[1] - 2.5, high[1] + 2.5, 0.1)),
        axis=-1,
    ).reshape(-1, 2)
    _, lateral = track.to_frenet(grid)
    half = float(max(track.left_width_m.max(), track.right_width_m.max()))
    distance, _ = cKDTree(borders).query(grid)
    free = (np.abs(lateral) > half) & (distance > 0.1)
    return Site(low_m=low, high_m=high, spots_m=grid[free], clearance_m=distance[free])


def matching_names(pattern: str) -> list[str]:
    """Return the objects that a name or a kind stands for.

    Raises:
        UnknownNameError: neither an object, a kind nor a part of the surface.
    """
    if pattern in SURFACE_NAMES:
        return [pattern]
    found = [name for name in OBJECT_NAMES if name == pattern or name.startswith(f"{pattern}-")]
    if not found:
        raise unknown_name("object or kind", pattern, (*KINDS, *SURFACE_NAMES, *OBJECT_NAMES))
    return found


def draw_scene(site: Site, noise: str, generator: np.random.Generator) -> Scene:
    """Draw the surroundings of one car.

    Args:
        site: free floor of the track.
        noise: one of `NOISE_LEVELS`; `none` is the bare track in even light.
        generator: source of every random choice.

    Raises:
        UnknownNameError: no noise level has that name.
    """
    if noise not in NOISE_LEVELS:
        raise unknown_name("noise level", noise, NOISE_LEVELS)
    objects = np.zeros(len(OBJECT_NAMES), OBJECT_DTYPE)
    colors = np.zeros((len(OBJECT_NAMES), 3), np.float32)
    strength = {"none": 0.0, "low": 0.4, "high": 1.0, "unseen": 1.0}[noise]
    held_out = noise == "unseen"
    if strength > 0.0:
        _draw_walls(objects[:WALLS], site, generator, strength)
        first = WALLS
        _draw_buildings(objects[first : first + 4 * BUILDINGS], site, generator, strength)
        first += 4 * BUILDINGS
        _draw_cages(objects[first : first + CAGES], site, generator, strength)
        first += CAGES
        _draw_standing(objects[first:], site, generator, strength)
        if held_out:
            _draw_unseen_shapes(objects, generator)
        colors[:] = _draw_colors(generator)
    return Scene(
        objects=objects,
        colors=colors,
        palette=_draw_palette(generator, strength),
        light=draw_light(generator, strength, held_out=held_out),
        glares=_draw_glares(site, generator, strength),
    )


def _draw_walls(
    rows: npt.NDArray[np.void], site: Site, generator: np.random.Generator, strength: float
) -> None:
    """Put up to three panels on each side of a rectangle round the track, with gaps between them."""
    gap = generator.uniform(0.25, 1.8, size=4)
    x0, y0 = site.low_m - gap[:2]
    x1, y1 = site.high_m + gap[2:]
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]])
    cuts = np.sort(generator.uniform(0.1, 0.9, size=(4, 2)), axis=1)
    ends = np.column_stack([np.zeros(4), cuts, np.ones(4)])
    start, along = corners[:4, None, :], np.diff(corners, axis=0)[:, None, :]
    first = (start + along * ends[:, :3, None]).reshape(-1, 2)
    last = (start + along * ends[:, 1:, None]).reshape(-1, 2)
    rows["x0_m"], rows["y0_m"] = first.T
    rows["x1_m"], rows["y1_m"] = last.T
    shared = generator.uniform(0.25, 1.3)
    rows["top_m"] = np.where(generator.random(WALLS) < 0.6, shared, generator.uniform(0.2, 1.6, WALLS))
    rows["visible"] = generator.random(WALLS) < 0.55 + 0.3 * strength
    _draw_stripes(rows, generator, strength)


def _draw_buildings(
    rows: npt.NDArray[np.void], site: Site, generator: np.random.Generator, strength: float
) -> None:
    """Stand boxes on free floor, each four panels turned by a random angle."""
    size = generator.uniform(0.1, 0.45, size=(BUILDINGS, 2))
    turn = generator.uniform(0.0, np.pi, size=BUILDINGS)
    centers = _pick_spots(site, 0.5 * np.hypot(size[:, 0], size[:, 1]) + 0.1, generator)
    signs = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1], [1, 1]])
    local = 0.5 * size[:, None, :] * signs[None]
    cosine, sine = np.cos(turn)[:, None], np.sin(turn)[:, None]
    x = centers[:, :1] + local[..., 0] * cosine - local[..., 1] * sine
    y = centers[:, 1:] + local[..., 0] * sine + local[..., 1] * cosine
    rows["x0_m"], rows["y0_m"] = x[:, :4].ravel(), y[:, :4].ravel()
    rows["x1_m"], rows["y1_m"] = x[:, 1:].ravel(), y[:, 1:].ravel()
    rows["top_m"] = np.repeat(generator.uniform(0.15, 1.5, BUILDINGS), 4)
    rows["visible"] = np.repeat(generator.random(BUILDINGS) < strength * 0.7, 4)
    _draw_stripes(rows, generator, strength)


def _draw_cages(
    rows: npt.NDArray[np.void], site: Site, generator: np.random.Generator, strength: float
) -> None:
    """Stand fences of bars that one sees through, as round the pit."""
    centers = _pick_spots(site, np.full(CAGES, 0.6), generator)
    turn = generator.uniform(0.0, np.pi, CAGES)
    half = generator.uniform(0.4, 1.2, CAGES)
    rows["x0_m"], rows["y0_m"] = centers[:, 0] - half * np.cos(turn), centers[:, 1] - half * np.sin(turn)
    rows["x1_m"], rows["y1_m"] = centers[:, 0] + half * np.cos(turn), centers[:, 1] + half * np.sin(turn)
    rows["top_m"] = generator.uniform(0.8, 2.0, CAGES)
    rows["bars_per_m"] = generator.uniform(5.0, 25.0, CAGES)
    rows["gap_share"] = generator.uniform(0.5, 0.85, CAGES)
    rows["visible"] = generator.random(CAGES) < 0.5 * strength


def _draw_unseen_shapes(rows: npt.NDArray[np.void], generator: np.random.Generator) -> None:
    """Turn stripes into checks and what faces the viewer into cones: shapes that training never draws."""
    count = len(rows)
    rows["checks"] = 1.0
    rows["stripe_contrast"] = generator.uniform(0.2, 0.7, count)
    rows["stripe_per_m"] = generator.uniform(1.0, 6.0, count)
    rows["taper"] = np.where(rows["faces_viewer"] & (rows["bottom_m"] == 0.0), 1.0, 0.0)


def _draw_standing(
    rows: npt.NDArray[np.void], site: Site, generator: np.random.Generator, strength: float
) -> None:
    """Figures of a person's size, posts, lamps and lit displays: panels that face whoever looks, or hang."""
    kinds = np.repeat(np.arange(4), (FIGURES, POSTS, LAMPS, DISPLAYS))
    count = len(kinds)
    standing = kinds < 2
    rows["faces_viewer"] = True
    centers = _pick_spots(site, np.array([0.35, 0.15, 0.15, 0.15])[kinds], generator)
    rows["x0_m"], rows["y0_m"] = centers.T
    low_half = np.array([0.05, 0.01, 0.03, 0.3])[kinds]
    high_half = np.array([0.22, 0.05, 0.15, 1.5])[kinds]
    rows["x1_m"] = generator.uniform(low_half, high_half)
    rows["bottom_m"] = np.where(standing, 0.0, generator.uniform(0.35, 1.6, count))
    rows["top_m"] = np.where(
        standing,
        generator.uniform(0.4, 1.9, count),
        rows["bottom_m"] + generator.uniform(0.05, np.where(kinds == 2, 0.3, 1.0), count),
    )
    rows["visible"] = generator.random(count) < strength * np.array([0.6, 0.4, 0.6, 0.5])[kinds]
    rows["flicker"] = np.where(standing, 0.0, generator.uniform(0.0, 0.15, count) * strength)
    _draw_stripes(rows, generator, strength)


def _draw_stripes(rows: npt.NDArray[np.void], generator: np.random.Generator, strength: float) -> None:
    count = len(rows)
    rows["stripe_per_m"] = np.exp(generator.uniform(np.log(0.5), np.log(20.0), count))
    rows["stripe_contrast"] = generator.uniform(0.0, 0.6, count) * strength * (generator.random(count) < 0.6)
    rows["stripe_phase"] = generator.uniform(0.0, 1.0, count)
    rows["print_per_m"] = np.exp(generator.uniform(np.log(8.0), np.log(60.0), count))
    rows["print_contrast"] = generator.uniform(0.0, 0.5, count) * strength * (generator.random(count) < 0.4)


def _draw_colors(generator: np.random.Generator) -> npt.NDArray[np.float32]:
    """Colour every object: anything for walls, buildings and people; lamps and displays are bright."""
    count = len(OBJECT_NAMES)
    grey = generator.uniform(10.0, 245.0, size=(count, 1))
    tint = generator.uniform(-70.0, 70.0, size=(count, 3))
    colors = np.clip(grey + tint, 0.0, 255.0)
    bright = count - LAMPS - DISPLAYS
    colors[bright:] = np.clip(
        generator.uniform(190.0, 330.0, size=(count - bright, 1)) + 0.3 * tint[bright:], 0, 330
    )
    # One panel design is usually repeated round the hall.
    colors[:WALLS] = np.where(generator.random((WALLS, 1)) < 0.7, colors[:1], colors[:WALLS])
    colors[WALLS : WALLS + 4 * BUILDINGS] = np.repeat(colors[WALLS : WALLS + 4 * BUILDINGS : 4], 4, axis=0)
    return np.asarray(colors, dtype=np.float32)


def _draw_palette(generator: np.random.Generator, strength: float) -> npt.NDArray[np.float32]:
    """Colour floor, road, lines and ceiling; the road stays darker than its lines."""
    palette = NOMINAL_PALETTE.copy()
    if strength == 0.0:
        return palette
    grey = generator.uniform(-1.0, 1.0, size=(6, 1)) * np.array([[75], [38], [32], [40], [80], [55]])
    tint = generator.uniform(-1.0, 1.0, size=(6, 3)) * np.array([[45], [14], [10], [30], [45], [30]])
    palette += ((grey + tint) * strength).astype(np.float32)
    return np.clip(palette, 8.0, 255.0)


def _draw_glares(site: Site, generator: np.random.Generator, strength: float) -> npt.NDArray[np.float32]:
    glares = np.zeros((MAX_GLARES, 4), np.float32)
    if strength > 0.0:
        glares[:, :2] = generator.uniform(site.low_m, site.high_m, size=(MAX_GLARES, 2))
        glares[:, 2] = generator.uniform(0.15, 0.8, MAX_GLARES)
        glares[:, 3] = strength * generator.uniform(0.0, 90.0, MAX_GLARES)
    return glares


def _pick_spots(site: Site, clearance_m: Array, generator: np.random.Generator) -> Array:
    """Pick a free spot for each object: a few tries, then the roomiest of them."""
    tries = generator.integers(0, len(site.spots_m), size=(8, len(clearance_m)))
    roomy = site.clearance_m[tries] >= clearance_m
    choice = np.where(roomy.any(axis=0), roomy.argmax(axis=0), site.clearance_m[tries].argmax(axis=0))
    picked: Array = site.spots_m[tries[choice, np.arange(len(clearance_m))]]
    return picked
