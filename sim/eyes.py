"""Where each car's camera is and what it sees: the bridge from states and scenes to pictures.

Each car has two rows in the tables of the renderer: one for the scene that it is in, one for the scene of its
next episode, which can be prepared, and looked at, before this one ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from car.preprocess import HEIGHT, WIDTH
from sim.camera import Camera, Mount, level_from_camera, rays, vignette
from sim.compiled import compile_ahead
from sim.crew import Crew
from sim.hall_light import LIGHT_DTYPE
from sim.render_panel_table import table_middles
from sim.render_tables import NOISE_SIZE, noise_table, shade_tile
from sim.renderer import Ground, Optics, World, render_batch
from sim.scenery import (
    CEILING,
    DASH,
    FLOOR,
    HORIZON,
    LINE,
    LUMA_WEIGHTS,
    MAX_GLARES,
    OBJECT_DTYPE,
    OBJECT_NAMES,
    ROAD,
    SURFACE_NAMES,
    Scene,
    matching_names,
)
from sim.surface import CODES, Surface, tiles_across

VIEW_DTYPE = np.dtype(
    [
        ("x_m", np.float64),
        ("y_m", np.float64),
        ("yaw_rad", np.float64),
        ("height_m", np.float64),
        ("widest", np.float64),
        ("forward_mps", np.float64),
        ("yaw_rate_radps", np.float64),
        ("noise_start", np.int64),
        ("moment", np.int64),
    ]
)
"""A camera: place, heading, height, largest |t| of its rays, motion, where this plane's grain begins, and the
moment, which all planes of a picture share."""
PLANES = ("luma", "red", "green", "blue")
Soon = tuple[int, np.void, int]
"""A car, its `STATE_DTYPE` record when its next episode begins, and where its sensor noise begins then."""
Version = tuple[int, int]
"""Differs whenever a car sees something else from the same place."""
PICTURES_WORTH_SHARING = 2
"""Pictures from which it is worth waking another thread: that takes as long as one."""
_PLANE_WEIGHTS = np.vstack([LUMA_WEIGHTS, np.eye(3, dtype=np.float32)])
_HIDDEN_LIGHT = {
    "shadows": ("shade_contrast",),
    "wrinkles": ("wrinkle_contrast",),
    "sheen": ("sheen",),
    "floor": ("floor_contrast",),
    "ceiling": ("ceiling_m",),
}
_OBJECT_KINDS = {name: index for index, name in enumerate(OBJECT_NAMES)}


class Eyes:
    """The cameras of a batch of cars and the scenes before them.

    Args:
        camera: lens and nominal mount, the same for all cars.
        surfaces: one per track.
        n_cars: size of the batch.
        crew: threads that share the work.
    """

    def __init__(self, camera: Camera, surfaces: Sequence[Surface], n_cars: int, crew: Crew) -> None:
        compile_ahead()
        self._crew = crew
        self._camera = camera
        self._surfaces = list(surfaces)
        self._ground = lay_ground(surfaces)
        across, up = rays(camera).reshape(2, -1)
        self._optics = Optics(
            across, up, 1.0 - vignette(camera), table_middles(_widest(camera)), shade_tile(), noise_table()
        )
        things, rows = len(OBJECT_NAMES), 2 * n_cars
        self._row_of = np.arange(n_cars)
        self._tones = np.zeros((len(PLANES), rows, CODES), np.float32)
        self._greys = np.zeros((len(PLANES), rows, things), np.float32)
        self._sky = np.zeros((len(PLANES), rows, 2), np.float32)
        self._objects = np.zeros((rows, things), OBJECT_DTYPE)
        self._lights = np.zeros(rows, LIGHT_DTYPE)
        self._glares = np.zeros((rows, MAX_GLARES, 4), np.float32)
        self._mounts = np.zeros((rows, 3), np.float64)
        self._heights = np.zeros(rows, np.float64)
        self._track_of = np.zeros(rows, np.int64)
        self._scenes: list[Scene | None] = [None] * rows
        self._changes = np.zeros(rows, np.int64)
        self._hidden: set[str] = set()
        self._views = np.zeros(rows, VIEW_DTYPE)
        self._views["widest"] = _widest(camera)
        self._turns = np.zeros((rows, 3, 3), np.float32)

    @property
    def hidden(self) -> frozenset[str]:
        """Names that are not drawn."""
        return frozenset(self._hidden)

    def replace_objects(self, car: int, objects: npt.NDArray[np.void]) -> None:
        """Put other objects round a car's track, until its next scene."""
        self._objects[self._row_of[car]] = objects
        self._changes[self._row_of[car]] += 1

    def scene(self, car: int) -> Scene:
        """Return the scene before a car, with what is hidden left out."""
        row = int(self._row_of[car])
        scene = self._scenes[row]
        assert scene is not None, "every car gets a scene at its first reset"
        return replace(scene, objects=self._objects[row])

    def track_of(self, car: int) -> int:
        """Return the number of the track whose surface a car sees."""
        return int(self._track_of[self._row_of[car]])

    def set_visible(self, pattern: str, *, visible: bool) -> None:
        """Show or hide objects by name or kind in every scene, now and after every re-draw.

        Raises:
            UnknownNameError: nothing has that name.
        """
        names = set(matching_names(pattern))
        self._hidden = self._hidden - names if visible else self._hidden | names
        for row, scene in enumerate(self._scenes):
            if scene is not None:
                self._apply(row, scene)

    def set_scene(self, car: int, scene: Scene, mount: Mount, track: int) -> None:
        """Put a car before a scene, on a track's surface, with its camera mounted a little off."""
        self._put(int(self._row_of[car]), scene, mount, track)

    def prepare_scene(self, car: int, scene: Scene, mount: Mount, track: int) -> None:
        """Prepare the scene that a car will be put before by `change_scene`; arguments as above."""
        self._put(self._other_row(car), scene, mount, track)

    def change_scene(self, car: int) -> None:
        """Put a car before the scene that was prepared for it."""
        self._row_of[car] = self._other_row(car)

    def version(self, car: int) -> Version:
        """Return that of the scene before a car."""
        row = int(self._row_of[car])
        return row, int(self._changes[row])

    def prepared_version(self, car: int) -> Version:
        """Return what `version` will be when a car is put before its prepared scene."""
        row = self._other_row(car)
        return row, int(self._changes[row])

    def _other_row(self, car: int) -> int:
        return int(self._row_of[car] + len(self._row_of)) % (2 * len(self._row_of))

    def _put(self, row: int, scene: Scene, mount: Mount, track: int) -> None:
        self._scenes[row] = scene
        self._track_of[row] = track
        self._mounts[row] = (self._camera.pitch_down_rad + mount.pitch_rad, mount.roll_rad, mount.yaw_rad)
        self._heights[row] = self._camera.height_m + mount.height_m
        self._apply(row, scene)

    def _apply(self, row: int, scene: Scene) -> None:
        self._changes[row] += 1
        self._objects[row] = scene.objects
        hidden = [_OBJECT_KINDS[name] for name in self._hidden if name not in SURFACE_NAMES]
        self._objects["visible"][row, hidden] = False
        planes = _PLANE_WEIGHTS
        self._greys[:, row] = planes @ scene.colors.T
        palette = planes @ scene.palette.T
        self._sky[:, row, 0], self._sky[:, row, 1] = palette[:, HORIZON], palette[:, CEILING]
        book = self._surfaces[self._track_of[row]].codebook
        road = palette[:, ROAD]
        dash = road if "center-line" in self._hidden else palette[:, DASH]
        start = road if "start-line" in self._hidden else palette[:, LINE]
        steps = np.stack(
            [road - palette[:, FLOOR], palette[:, LINE] - road, dash - road, start - road], axis=1
        )
        self._tones[:, row, : len(book)] = palette[:, FLOOR, None] + steps @ book.T
        self._lights[row] = scene.light
        self._lights["pixel_rad"][row] = self._camera.pixel_rad
        for name, fields in _HIDDEN_LIGHT.items():
            if name in self._hidden:
                for field in fields:
                    self._lights[field][row] = 0
        self._glares[row] = 0.0 if "glare" in self._hidden else _ordered_glares(scene.glares)

    def look(
        self,
        states: npt.NDArray[np.void],
        grain: npt.NDArray[np.int64],
        cars: npt.NDArray[np.int64],
        *,
        soon: Sequence[Soon] = (),
        meanwhile: Callable[[], None] | None = None,
    ) -> npt.NDArray[np.uint8]:
        """Return the luma pictures of some cars, and of some in their prepared scenes.

        Args:
            states: `STATE_DTYPE` (N,), all cars.
            grain: (N,), where each picture's sensor noise begins.
            cars: which cars look.
            soon: who looks at a prepared scene, from where.
            meanwhile: see `sim.crew.Crew.share`.

        Returns:
            uint8 (len(cars) + len(soon), H, W).
        """
        # Much faster than an index where each item is a record.
        rows, states, grain = self._row_of[cars], states.take(cars), grain[cars]
        if soon:
            others, later, grains = zip(*soon, strict=True)
            rows = np.concatenate([rows, [self._other_row(car) for car in others]])
            states, grain = np.concatenate([states, np.array(later)]), np.concatenate([grain, grains])
        return self._render(rows, states, grain, 0, meanwhile)

    def look_rgb(
        self, states: npt.NDArray[np.void], grain: npt.NDArray[np.int64], cars: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.uint8]:
        """Return colour pictures, (len(cars), H, W, 3) uint8, for people and for the car's camera."""
        rows, states, grain = self._row_of[cars], states.take(cars), grain[cars]
        return np.stack([self._render(rows, states, grain, plane) for plane in (1, 2, 3)], axis=-1)

    def _render(
        self,
        rows: npt.NDArray[np.int64],
        states: npt.NDArray[np.void],
        grain: npt.NDArray[np.int64],
        plane: int,
        meanwhile: Callable[[], None] | None = None,
    ) -> npt.NDArray[np.uint8]:
        out = np.empty((len(rows), HEIGHT, WIDTH), np.uint8)
        _place_cameras(
            rows, self._views, self._turns, states, grain, plane,
            self._mounts, self._heights, self._camera.forward_m,
        )  # fmt: skip
        world = World(
            self._views, self._turns, self._track_of, self._tones[plane], self._sky[plane], self._objects,
            self._greys[plane], self._lights, self._glares,
        )  # fmt: skip
        self._crew.share(
            lambda turns: render_batch(turns, out, rows, self._ground, self._optics, world),
            len(rows),
            worth=PICTURES_WORTH_SHARING,
            meanwhile=meanwhile,
        )
        return out


def lay_ground(surfaces: Sequence[Surface]) -> Ground:
    """Lay the maps of several tracks one after the other for the renderer."""
    return Ground(
        tiles=np.concatenate([surface.tiles for surface in surfaces]),
        starts=_starts([surface.tiles.size for surface in surfaces]),
        offsets=np.stack([surface.level_offsets for surface in surfaces]),
        sizes=np.stack([surface.level_sizes for surface in surfaces]),
        across=np.stack([tiles_across(surface.level_sizes[:, 1]) for surface in surfaces]),
        origins=np.array([surface.origin_m for surface in surfaces], np.float64),
        calm=np.concatenate([surface.calm.ravel() for surface in surfaces]),
        calm_starts=_starts([surface.calm.size for surface in surfaces]),
        calm_sizes=np.array([surface.calm.shape for surface in surfaces], np.int64),
    )


def _starts(sizes: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)


def _ordered_glares(glares: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Turn radii into what the renderer multiplies by, strong patches first."""
    ordered = glares[np.argsort(-glares[:, 3])]
    ordered[:, 2] = 1.0 / np.maximum(ordered[:, 2], 1e-3) ** 2
    return ordered


@njit(cache=True)
def _place_cameras(
    rows: Any,
    views: Any,
    turns: Any,
    states: Any,
    grain: Any,
    plane: int,
    mounts: Any,
    heights_m: Any,
    forward_m: float,
) -> None:
    """Put each camera on its rolling, pitching body; rotation order as in `level_from_camera`."""
    for item in range(len(rows)):
        row, state = rows[item], states[item]
        view, turn = views[row], turns[row]
        pitch, roll, yaw = mounts[row, 0] + state.pitch_rad, mounts[row, 1] + state.roll_rad, mounts[row, 2]
        view.x_m = state.x_m + forward_m * math.cos(state.yaw_rad)
        view.y_m = state.y_m + forward_m * math.sin(state.yaw_rad)
        view.yaw_rad = state.yaw_rad
        view.forward_mps, view.yaw_rate_radps = state.forward_mps, state.yaw_rate_radps
        # A nose that dips lowers the camera, which sits ahead of the middle.
        view.height_m = heights_m[row] - forward_m * math.sin(state.pitch_rad)
        view.noise_start = (grain[item] + 7919 * plane) % NOISE_SIZE
        view.moment = grain[item]
        cr, sr = math.cos(roll), math.sin(roll)
        cp, sp = math.cos(pitch), math.sin(pitch)
        cy, sy = math.cos(yaw), math.sin(yaw)
        turn[0, 0], turn[0, 1], turn[0, 2] = cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr
        turn[1, 0], turn[1, 1], turn[1, 2] = sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr
        turn[2, 0], turn[2, 1], turn[2, 2] = -sp, cp * sr, cp * cr


def _widest(camera: Camera) -> float:
    """Return a bound on |t| over the picture, whatever the body's roll and pitch and the mount's error."""
    table = rays(camera).astype(np.float64)
    edge = np.concatenate([table[:, 0].T, table[:, -1].T, table[:, :, 0].T, table[:, :, -1].T])
    directions = np.column_stack([np.ones(len(edge)), edge])
    widest = 0.0
    for pitch in (-0.12, 0.12):
        for roll in (-0.1, 0.1):
            for yaw in (-0.06, 0.06):
                level = directions @ level_from_camera(camera.pitch_down_rad + pitch, roll, yaw).T
                ahead = np.maximum(level[:, 0], 0.05)
                widest = max(widest, float(np.max(np.abs(level[:, 1] / ahead))))
    return widest
