"""The simulator: a batch of cars, each on its own road in its own surroundings, stepped in one process.

Every random choice of a car's episode comes from (seed, car, episode) alone, so an episode does not
depend on its neighbours, on the number of threads, or on the size of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from car.errors import Sim2RaceError, unknown_name
from sim.beginnings import draw_beginning, route_of
from sim.camera import camera_named
from sim.crew import Crew
from sim.eyes import Eyes
from sim.ground_truth import ground_truth
from sim.motion import (
    IN_PROGRESS,
    PLACE_DTYPE,
    Cars,
    commands_needed,
    lay_routes,
    locate_afresh,
    step_batch,
)
from sim.next_episodes import NextEpisodes
from sim.reward_file import RewardFile
from sim.reward_params import RewardParams
from sim.rewards import RewardConfig, step_rewards
from sim.scenery import NOISE_LEVELS
from sim.state_guard import StateGuard
from sim.surface import paint_surface
from sim.surroundings import SceneKey, Surroundings
from sim.track import DIRECTIONS, Track, load_track
from sim.vehicle import STATE_DTYPE
from sim.vehicle_parameters import PARAMETER_DTYPE, longest_latency_s

CARS_WORTH_SHARING = 64
"""Cars from which stepping them is worth waking another thread: that takes as long as some twenty."""


@dataclass(frozen=True, kw_only=True)
class SimConfig:
    """What is simulated."""

    tracks: tuple[str, ...] = ("forever-raceway",)
    """Built-in names, paths of `.npy` route files, or random:seed=7,...; cars are spread over them."""
    directions: tuple[str, ...] = DIRECTIONS
    """Directions of driving; cars are spread over them."""
    noise: str = "high"
    """Visual noise: none, low, high or unseen."""
    vehicle: str = "real-car"
    """Vehicle preset: real-car, real-car-uncalibrated, aws-v4, aws-v5 or ideal."""
    vary_vehicle: bool = True
    """Draw every episode's car within the preset's spread."""
    vehicle_spread: tuple[tuple[str, float], ...] = ()
    """Further half widths to draw every episode's car within, such as friction 0.2 mass_kg 0.1."""
    # Runs were written before there was this: see `training.config_file.LATER`.
    latency: bool = field(default=True, metadata={"later": True})
    """Whether a command takes its time to arrive, as the preset has it."""
    camera: str = "aws"
    """Camera preset, aws, deepracer-wide or pi-wide, or a calibration file that OpenCV or ROS wrote."""
    frame_averaging: float = 0.0
    """Share of the observation that is the one before it, 0 to 1: blur by averaging frames."""
    control_rate_hz: float = 30.0
    """Pictures, and decisions, per second."""
    start: Literal["anywhere", "line", "round-robin"] = "anywhere"
    """Start anywhere, rolling and askew; at rest on the start line; or at rest, 5 % of a lap on each time."""
    start_lateral_share: float = 0.5
    """Largest start offset as a share of the half width, when starting anywhere."""
    start_heading_rad: float = 0.25
    """Largest start heading error, when starting anywhere."""
    start_speed_mps: float = 1.2
    """Largest start speed, when starting anywhere."""
    tight_spot_share: float = 0.0
    """Share of episodes that begin near an edge and headed up to 35 degrees wrong; none from the line."""
    max_episode_s: float = 60.0
    """Longest episode."""
    redraw_every_s: float = 0.0
    """Re-draw the surroundings every so many simulated seconds; 0 re-draws once per episode."""
    threads: int = 0
    """Threads that share the batch; 0 means every core this process may use. Changes no result."""
    reward: RewardConfig = field(default_factory=RewardConfig)
    """What a step is worth."""
    reward_file: str | None = None
    """Python file with DeepRacer's reward_function(params), which replaces `reward`; called car by car."""


class Simulator:
    """A batch of cars.

    Args:
        config: what is simulated.
        n_cars: size of the batch.
        seed: seed of everything random.

    Attributes:
        states: `STATE_DTYPE` (N,), poses and velocities.
        places: `PLACE_DTYPE` (N,), places on the track and the course of the episode.
        rewards: float32 (N,), of the last step.
        lost: bool (N,), whose picture of the last step never arrives.

    Raises:
        UnknownNameError: a track, direction, preset, parameter or noise level does not exist.
        Sim2RaceError: a spread reaches beyond a parameter's bounds.
        BadFileError: a route or reward file cannot be read.
    """

    def __init__(self, config: SimConfig, *, n_cars: int, seed: int) -> None:
        if n_cars < 1:
            raise Sim2RaceError(f"A simulation needs at least one car, not {n_cars}.")
        if config.noise not in NOISE_LEVELS:
            raise unknown_name("noise level", config.noise, NOISE_LEVELS)
        latency_s = longest_latency_s(
            config.vehicle, spread=config.vary_vehicle, also=dict(config.vehicle_spread)
        )
        self._reward_file = None if config.reward_file is None else RewardFile.load(config.reward_file)
        self._reward_params: RewardParams | None = None
        self.config, self.n_cars, self._seed = config, n_cars, seed
        tracks = [load_track(name) for name in config.tracks]
        self.routes: list[Track] = [
            load_track(name, direction) for name in config.tracks for direction in config.directions
        ]
        self._track_of_route = [index for index in range(len(tracks)) for _ in config.directions]
        self._surroundings = Surroundings(tracks, config.noise)
        self._table = lay_routes(self.routes)
        self._crew = Crew(config.threads)
        surfaces = [paint_surface(track) for track in tracks]
        self.eyes = Eyes(camera_named(config.camera), surfaces, n_cars, self._crew)
        self._draw_beginning = partial(draw_beginning, config, self.routes)
        self._next = NextEpisodes(self.eyes, n_cars, self._draw_beginning, self._surroundings)
        self.states = np.zeros(n_cars, STATE_DTYPE)
        self.places = np.zeros(n_cars, PLACE_DTYPE)
        self.rewards = np.zeros(n_cars, np.float32)
        self._parameters = np.zeros(n_cars, PARAMETER_DTYPE)
        self._commands = np.zeros((n_cars, commands_needed(latency_s, config.control_rate_hz), 2), np.float64)
        self._episodes = np.full(n_cars, -1, np.int64)
        self._since_redraw_s = np.zeros(n_cars, np.float64)
        self._redraws = np.zeros(n_cars, np.int64)
        self._grain = np.zeros(n_cars, np.int64)
        self._keys = np.zeros(n_cars, np.uint64)
        self.lost: npt.NDArray[np.bool_] = np.zeros(n_cars, np.bool_)
        self._cars = Cars(
            self.states, self._parameters, self.places, self._commands, self._keys, self._grain, self.lost
        )
        self._guard = StateGuard(self.states)
        self.reset()
        if self._reward_file is not None:
            self.reward_params()

    @property
    def dt_s(self) -> float:
        """Time covered by one step."""
        return 1.0 / self.config.control_rate_hz

    def reseed(self, seed: int) -> None:
        """Start counting episodes anew from another seed; takes effect with the next `reset`."""
        self._seed = seed
        self._episodes[:] = -1
        self._redraws[:] = 0

    def reset(self, cars: Sequence[int] | npt.NDArray[np.int64] | None = None) -> None:
        """Begin a new episode for some cars, or for all."""
        chosen = np.arange(self.n_cars) if cars is None else np.asarray(cars, np.int64)
        for car in chosen:
            self._begin(int(car))
        if len(chosen):
            locate_afresh(self.places, self.states, chosen, self._table)
            if self._reward_params is not None:
                self._reward_params.begin(chosen)

    def reward_params(self) -> RewardParams:
        """Return DeepRacer's reward params of every car; from now on they follow every step."""
        if self._reward_params is None:
            self._reward_params = RewardParams(
                self.routes, self._table, self.states, self._parameters, self.places, self._commands
            )
        return self._reward_params

    def step(self, commands: npt.NDArray[np.floating]) -> None:
        """Advance every car by one control period.

        Args:
            commands: (N, 2), steering in rad (+ left) and speed in m/s.

        Raises:
            Sim2RaceError: a command is not finite, a state became impossible (it is dumped to a file), or
                the reward file failed.
        """
        if commands.shape != (self.n_cars, 2) or not np.all(np.isfinite(commands)):
            raise Sim2RaceError(
                f"Commands must be finite and of shape {(self.n_cars, 2)}; got shape {commands.shape}."
            )
        self._next.drive_on()
        driving = self.places["status"] == IN_PROGRESS
        self._guard.remember()
        cars, table, limit_s = self._cars, self._table, self.config.max_episode_s
        self._crew.share(
            lambda turns: step_batch(turns, cars, table, commands, self.dt_s, limit_s),
            self.n_cars,
            worth=CARS_WORTH_SHARING,
        )
        self._guard.check(self)
        if self._reward_params is not None:
            self._reward_params.update(self.dt_s)
        self._reward(driving)
        if self.config.redraw_every_s > 0.0:
            self._since_redraw_s += self.dt_s
            for car in np.flatnonzero(self._since_redraw_s >= self.config.redraw_every_s - 1e-9):
                self.redraw(int(car))

    def look(self, cars: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.uint8]:
        """Return luma pictures of all cars or some, (len, H, W) uint8: what a policy sees."""
        chosen = np.arange(self.n_cars) if cars is None else np.asarray(cars, np.int64)
        kept = self._next.first_pictures(chosen, self.states, self._grain)
        if kept is not None:
            return kept
        if self.config.redraw_every_s > 0.0:
            return self.eyes.look(self.states, self._grain, chosen)
        ended = chosen[self.places["status"][chosen] != IN_PROGRESS].tolist()
        soon = self._next.soon(ended)
        coming = partial(self._scene_key, ahead=1)
        drawing = self._next.drawing(ended, len(chosen) // self._crew.threads, coming)
        pictures = self.eyes.look(self.states, self._grain, chosen, soon=soon, meanwhile=drawing)
        self._next.keep(soon, pictures[len(chosen) :])
        return pictures[: len(chosen)]

    def look_rgb(self, cars: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.uint8]:
        """Return colour pictures, (len, H, W, 3) uint8: what a person or the car's camera sees."""
        chosen = np.arange(self.n_cars) if cars is None else np.asarray(cars, np.int64)
        return self.eyes.look_rgb(self.states, self._grain, chosen)

    def truth(self) -> npt.NDArray[np.float32]:
        """Return every car's situation as numbers, (N, TRUTH_SIZE); see `sim.ground_truth`."""
        table = self._table
        return ground_truth(
            self.states, self.places, self._commands, table.rows, table.starts, table.counts, table.lengths_m,
            self.config.control_rate_hz,
        )  # fmt: skip

    def curvature_ahead(self, ahead_m: Sequence[float]) -> npt.NDArray[np.float64]:
        """Return the centre line's curvature so far ahead of every car, (N, len), + turns left."""
        table, route = self._table, self.places["route"]
        counts = table.counts[route][:, None]
        spacing_m = table.lengths_m[route][:, None] / counts
        samples = np.round(np.asarray(ahead_m) / spacing_m).astype(np.int64)
        rows = table.starts[route][:, None] + (self.places["sample"][:, None] + samples) % counts
        curvature: npt.NDArray[np.float64] = table.rows[rows, 3]
        return curvature

    def set_visible(self, pattern: str, *, visible: bool) -> None:
        """Show or hide objects by name or kind, in every scene from now on."""
        self.eyes.set_visible(pattern, visible=visible)

    def redraw(self, car: int) -> None:
        """Draw a car's surroundings anew, in the middle of an episode or at its start."""
        key = self._scene_key(car)
        self._count_redraw(car)
        self.eyes.set_scene(car, *self._surroundings.draw(key), key.track)

    def set_pose(self, car: int, x_m: float, y_m: float, yaw_rad: float) -> None:
        """Put a car somewhere, at rest, without ending its episode."""
        self.states[car] = np.zeros((), STATE_DTYPE)
        self.states["x_m"][car], self.states["y_m"][car], self.states["yaw_rad"][car] = x_m, y_m, yaw_rad
        self._commands[car] = 0.0
        locate_afresh(self.places, self.states, np.array([car]), self._table)
        if self._reward_params is not None and self.places["steps"][car] == 0:
            self._reward_params.begin(np.array([car]))

    def inner_state(self, car: int) -> dict[str, Any]:
        """Return what a car's next step depends on besides its state: for a dump when something is wrong."""
        parameters = self._parameters[car]
        return {
            "seed": self._seed,
            "episode": int(self._episodes[car]),
            "parameters": {name: parameters[name].tolist() for name in parameters.dtype.names or ()},
            "commands_newest_first": self._commands[car].tolist(),
        }

    def take_off_latency(self, seconds: float) -> None:
        """Shorten every car's latency by what really passes outside the simulation."""
        self._parameters["latency_s"] = np.maximum(self._parameters["latency_s"] - seconds, 0.0)

    def route_of(self, car: int) -> Track:
        """Return the track that a car drives, in its direction."""
        return self.routes[int(self.places["route"][car])]

    def _scene_key(self, car: int, *, ahead: int = 0) -> SceneKey:
        """Return what a car's next scene depends on, in this episode or in one that is yet to come."""
        episode = int(self._episodes[car]) + ahead
        track = self._track_of_route[route_of(car, episode, len(self.routes))]
        return SceneKey(self._seed, car, episode, int(self._redraws[car]), track)

    def _begin(self, car: int) -> None:
        self._episodes[car] += 1
        key = self._scene_key(car)
        drawn = self._next.begin(key)
        beginning = drawn if drawn is not None else self._draw_beginning(key)
        self.places[car] = np.zeros((), PLACE_DTYPE)
        self.places["route"][car] = route_of(car, key.episode, len(self.routes))
        self.places["status"][car] = IN_PROGRESS
        self._parameters[car] = beginning.parameters
        self._grain[car], self._keys[car] = beginning.grain, beginning.chances
        self.states[car] = beginning.state
        self._commands[car] = (0.0, beginning.state["forward_mps"])
        if drawn is not None:
            self._count_redraw(car)
        elif self.config.redraw_every_s <= 0.0 or key.episode == 0 or self.eyes.track_of(car) != key.track:
            self.redraw(car)

    def _count_redraw(self, car: int) -> None:
        self._since_redraw_s[car] = 0.0
        self._redraws[car] += 1

    def _reward(self, driving: npt.NDArray[np.bool_]) -> None:
        """Value the step, by the reward file for the cars that were still driving when it began."""
        if self._reward_file is not None:
            params = self.reward_params()
            self.rewards[:] = 0.0
            for car in np.flatnonzero(driving):
                self.rewards[car] = self._reward_file.reward(params.of(car), car=int(car))
            return
        self.rewards[:] = step_rewards(self.config.reward, self.places, self._table)
