"""Replay the commands of a recorded drive open loop, and say how well the model follows the record.

The record is a SIM_TRACE CSV of the reference simulator. Its X, Y are a point 0.14 m ahead of the middle of
the wheelbase; the row of a step holds the pose before its command acts. Only the recorded time stamps
and commands drive the model; nothing corrects it on the way, so the yaw rates compared are its own.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from car.errors import BadFileError
from sim.reward_params import MODEL_POINT_M
from sim.vehicle import STATE_DTYPE, drive_constant
from sim.vehicle_parameters import PARAMETER_DTYPE, VehicleParameters, parameter_row

COLUMNS = ("episode", "X", "Y", "yaw", "steer", "throttle", "tstamp", "episode_status")
SETTLED_STEPS = 3
"""Steps of each episode left out: the record begins with the car being put down."""
WINDOW_STEPS = 3
"""Steps (0.2 s) over which rates are taken: the record's stamps jitter by 8 ms in steps of 67 ms."""


@dataclass(frozen=True, eq=False)
class Replay:
    """Recorded and modelled yaw rates and speeds, step by step, all episodes one after the other."""

    recorded_yaw_rate: npt.NDArray[np.float64]
    modelled_yaw_rate: npt.NDArray[np.float64]
    recorded_speed: npt.NDArray[np.float64]
    modelled_speed: npt.NDArray[np.float64]

    @property
    def yaw_rate_r2(self) -> float:
        """Share of the recorded yaw rate's variance that the model explains."""
        left = np.sum((self.recorded_yaw_rate - self.modelled_yaw_rate) ** 2)
        total = np.sum((self.recorded_yaw_rate - self.recorded_yaw_rate.mean()) ** 2)
        return float(1.0 - left / total)

    @property
    def speed_error(self) -> float:
        """Mean difference of speed, as a share of the mean recorded speed."""
        return float(np.mean(np.abs(self.recorded_speed - self.modelled_speed)) / self.recorded_speed.mean())


def replay_commands(path: Path, parameters: VehicleParameters) -> Replay:
    """Drive a vehicle with the commands of a recorded drive.

    Args:
        path: SIM_TRACE CSV.
        parameters: the vehicle.

    Raises:
        BadFileError: the file is missing, or is no SIM_TRACE.
    """
    columns: list[list[float]] = [[], [], [], []]
    state = np.zeros(1, STATE_DTYPE)
    for rows in _episodes(path):
        # Put down at rest; but the hinges of the steering stay where the last episode left them.
        before = state
        state = np.zeros(1, STATE_DTYPE)
        for name in ("steering_rad", "steering_target_rad"):
            state[name] = before[name]
        state["yaw_rad"] = rows[0, 2]
        for column, values in zip(columns, _replay_episode(rows, state, parameters), strict=True):
            column.extend(values)
    if not columns[0]:
        raise BadFileError(f"{path} holds no episode longer than {SETTLED_STEPS + WINDOW_STEPS} steps.")
    return Replay(*(np.array(column) for column in columns))


def _episodes(path: Path) -> list[npt.NDArray[np.float64]]:
    """Read x, y, yaw in rad, steering in rad, speed and time of each episode, (steps, 6)."""
    episodes: dict[str, list[list[float]]] = {}
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise BadFileError(f"{path} is no SIM_TRACE: it has no column {missing[0]!r}.")
            for row in reader:
                if row["episode_status"] != "prepare":
                    values = [float(row[name]) for name in ("X", "Y", "yaw", "steer", "throttle", "tstamp")]
                    values[2:4] = map(math.radians, values[2:4])
                    episodes.setdefault(row["episode"], []).append(values)
    except OSError as error:
        raise BadFileError(f"Cannot read {path}: {error.strerror}.") from error
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        raise BadFileError(f"{path} is no complete SIM_TRACE: {error}.") from error
    return [np.array(rows) for rows in episodes.values() if len(rows) > SETTLED_STEPS + WINDOW_STEPS]


def _replay_episode(
    rows: npt.NDArray[np.float64], state: npt.NDArray[np.void], parameters: VehicleParameters
) -> tuple[npt.NDArray[np.float64], ...]:
    """Return recorded and modelled yaw rate, recorded and modelled speed of one episode; moves `state`."""
    steps_s = np.maximum(np.diff(rows[:, 5]), 1e-3)
    table = np.array([parameter_row(parameters)], PARAMETER_DTYPE)
    poses = [_pose(state)]
    for index, step_s in enumerate(steps_s):
        # Until a command has arrived, the one before it holds.
        waiting_s = min(parameters.latency_s, float(step_s))
        before = rows[max(index - 1, 0)]
        drive_constant(state, table, before[3], before[4] if index else 0.0, waiting_s)
        drive_constant(state, table, rows[index, 3], rows[index, 4], float(step_s) - waiting_s)
        poses.append(_pose(state))
    recorded_rate, recorded_speed = _rates(rows[:, :3], rows[:, 5])
    modelled_rate, modelled_speed = _rates(np.array(poses), rows[:, 5])
    return recorded_rate, modelled_rate, recorded_speed, modelled_speed


def _rates(
    poses: npt.NDArray[np.float64], times_s: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return yaw rates and speeds of poses (steps, 3), each over a window of steps."""
    first, last = slice(SETTLED_STEPS, -WINDOW_STEPS), slice(SETTLED_STEPS + WINDOW_STEPS, None)
    spans_s = times_s[last] - times_s[first]
    yaw = np.unwrap(poses[:, 2])
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(poses[:, :2], axis=0), axis=1))])
    return (yaw[last] - yaw[first]) / spans_s, (lengths[last] - lengths[first]) / spans_s


def _pose(state: npt.NDArray[np.void]) -> tuple[float, float, float]:
    x, y, yaw = float(state["x_m"][0]), float(state["y_m"][0]), float(state["yaw_rad"][0])
    return x + MODEL_POINT_M * math.cos(yaw), y + MODEL_POINT_M * math.sin(yaw), yaw
