"""A race by the reference simulator's evaluation rules: laps without a stop, penalties instead of an end.

A car that leaves the track, turns round or gets stuck is put back where it lost its way and waits its
penalty there, on a clock that goes on. (The reference lets it wait where it failed and puts it back
afterwards; the time is the same.) After too many of these the trial has failed, and the next one begins
on the start line. There is nothing to crash into, so there is no penalty for a crash.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.motion import IN_PROGRESS, LAP_COMPLETE, OFF_TRACK, STATUSES, TIME_UP
from sim.race_metrics import Trial
from sim.simulator import Simulator

PAUSE = "pause"
"""Status of a car that waits its penalty."""


@dataclass(frozen=True, kw_only=True)
class RaceRules:
    """Constants of a race; the defaults are the reference simulator's own."""

    trials: int = 3
    """Laps to drive."""
    off_track_penalty_s: float = 2.0
    """Wait after leaving the track."""
    reversed_penalty_s: float = 2.0
    """Wait after driving backwards for a second; the reference takes that for leaving the track."""
    immobilized_penalty_s: float = 0.0
    """Wait after standing still for a second."""
    max_resets: int = 100
    """Times a car is put back within a trial; 0 ends a trial at the first mistake."""
    put_back_share: float = 0.5
    """Where a car is put back, on the way from the centre line (0) to the nearer border (1)."""

    def penalty_s(self, status: int) -> float:
        """Return the wait for what happened."""
        if status == OFF_TRACK:
            return self.off_track_penalty_s
        return self.reversed_penalty_s if STATUSES[status] == "reversed" else self.immobilized_penalty_s


RULES = {
    "reference": RaceRules(),
    "deepracer-for-cloud": RaceRules(off_track_penalty_s=5.0, reversed_penalty_s=5.0),
}
"""Rules by name: the reference simulator's code, and what DeepRacer-for-Cloud sets."""


class Race:
    """Every car of a batch races for itself.

    Args:
        simulator: cars at their starts; a trial that takes longer than its `max_episode_s` ends the race.
        rules: constants of the race.

    Attributes:
        trials: what each car has completed or failed so far.
        statuses: what the last step was for each car: one of `sim.motion.STATUSES`, `PAUSE` while it waits.
        waits_s: what is left of each car's penalty.
        finished: whose race is over.
    """

    def __init__(self, simulator: Simulator, rules: RaceRules | None = None) -> None:
        self.simulator, self.rules = simulator, rules if rules is not None else RaceRules()
        n_cars = simulator.n_cars
        self.trials: list[list[Trial]] = [[] for _ in range(n_cars)]
        self.statuses = [STATUSES[IN_PROGRESS]] * n_cars
        self.waits_s: npt.NDArray[np.float64] = np.zeros(n_cars, np.float64)
        self.finished: npt.NDArray[np.bool_] = np.zeros(n_cars, np.bool_)
        self._failures: list[Counter[str]] = [Counter() for _ in range(n_cars)]
        self._rewards = np.zeros(n_cars, np.float64)
        self._clock_s = 0.0
        self._begun_s = np.zeros(n_cars, np.float64)

    def step(self, commands: npt.NDArray[np.floating]) -> None:
        """Drive one control period; cars that wait, or have finished, are held.

        Args:
            commands: (N, 2), steering in rad and speed in m/s.
        """
        held = self.finished | (self.waits_s > 0.0)
        self.simulator.step(np.where(held[:, None], 0.0, commands))
        self._clock_s += self.simulator.dt_s
        places = self.simulator.places
        self.statuses = [PAUSE if waits else STATUSES[IN_PROGRESS] for waits in held]
        self._rewards[~held] += self.simulator.rewards[~held]
        # Whoever waits stands still, and that is no mistake.
        places["still_s"][held] = 0.0
        places["status"][self.finished] = IN_PROGRESS
        self.waits_s = np.maximum(self.waits_s - self.simulator.dt_s, 0.0)
        self.waits_s[self.waits_s < 1e-9] = 0.0
        for car in np.flatnonzero((places["status"] != IN_PROGRESS) & ~self.finished):
            self._judge(int(car))

    def _judge(self, car: int) -> None:
        """Decide how a race goes on after a lap or a mistake."""
        place = self.simulator.places[car]
        status = int(place["status"])
        self.statuses[car] = STATUSES[status]
        place["status"] = IN_PROGRESS
        if status == LAP_COMPLETE:
            self._end_trial(car, STATUSES[status])
            self._drive_on(car)
            return
        if status == TIME_UP:
            self._end_trial(car, STATUSES[status])
            self.finished[car] = True
            return
        self._failures[car][STATUSES[status]] += 1
        if sum(self._failures[car].values()) > self.rules.max_resets:
            self._end_trial(car, STATUSES[status])
            self._start_over(car)
        else:
            self._put_back(car)
            self.waits_s[car] = self.rules.penalty_s(status)

    def _end_trial(self, car: int, status: str) -> None:
        progress = float(self.simulator.places["progress"][car])
        self.trials[car].append(
            Trial(
                status=status,
                progress=progress,
                start_s=float(self._begun_s[car]),
                end_s=self._clock_s,
                reward=float(self._rewards[car]),
                failures=dict(self._failures[car]),
            )
        )
        self._failures[car], self._rewards[car], self._begun_s[car] = Counter(), 0.0, self._clock_s
        self.finished[car] = len(self.trials[car]) >= self.rules.trials

    def _drive_on(self, car: int) -> None:
        """Let a car drive on into its next lap."""
        place, length_m = self.simulator.places[car], self.simulator.route_of(car).length_m
        place["travelled_m"] -= length_m
        place["progress"] = 100.0 * place["travelled_m"] / length_m
        place["elapsed_s"] = 0.0
        self.simulator.reward_params().begin_lap(np.array([car]), here=False)

    def _start_over(self, car: int) -> None:
        """Put a car on the start line, at rest."""
        place = self.simulator.places[car]
        self.simulator.set_pose(car, *self.simulator.route_of(car).pose_at(0.0))
        for name in ("travelled_m", "progress", "elapsed_s", "still_s", "backwards_s"):
            place[name] = 0.0
        self.simulator.reward_params().begin_lap(np.array([car]), here=True)

    def _put_back(self, car: int) -> None:
        """Put a car back on the road beside where it is, at rest."""
        place, route = self.simulator.places[car], self.simulator.route_of(car)
        sample, left = int(place["sample"]), float(place["lateral_m"]) > 0.0
        border_m = float(route.left_width_m[sample]) if left else -float(route.right_width_m[sample])
        x_m, y_m, yaw_rad = route.pose_at(float(place["arc_length_m"]), self.rules.put_back_share * border_m)
        self.simulator.set_pose(car, x_m, y_m, yaw_rad)
        place["still_s"] = place["backwards_s"] = 0.0
