"""What a policy is given to look at: a frame of a log with those before it, and the last commands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from car.log_reader import CarLog
from car.policy import Policy
from car.preprocess import observation


def policy_inputs(
    policy: Policy, log: CarLog, indices: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
    """Return (N, K, 120, 160) observations and, for a policy that takes them, (N, M, 2) last commands.

    Raises:
        Sim2RaceError: a frame has no picture that can be read.
    """
    history = command_history(log, indices, policy.history) if policy.history else None
    return stacked_observations(log, indices, policy.frames), history


def stacked_observations(log: CarLog, indices: NDArray[np.int64], frames: int) -> NDArray[np.uint8]:
    """Return (N, K, 120, 160): each frame with the K - 1 before it in the log, oldest first.

    Before the first frame of a log the first one is repeated, as the car does when it starts.
    """
    rows, places = stack_rows(indices, frames)
    pictures = np.stack([observation(log.image(int(i))) for i in rows])
    stacked: NDArray[np.uint8] = pictures[places]
    return stacked


def stack_rows(indices: NDArray[np.int64], frames: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the frames that stacks need, each once, and (N, K) which of them goes where."""
    wanted = np.maximum(np.asarray(indices)[:, None] + np.arange(1 - frames, 1)[None, :], 0)
    rows, places = np.unique(wanted, return_inverse=True)
    return rows, places.reshape(wanted.shape).astype(np.int64)


def command_history(log: CarLog, indices: NDArray[np.int64], length: int) -> NDArray[np.float32]:
    """Return (N, M, 2): the M commands (rad, m/s) before each frame, newest last; zero before the first."""
    commands = np.stack([log.frames.steering_rad, log.frames.speed_mps], axis=1)
    padded = np.concatenate([np.zeros((length, 2)), np.nan_to_num(commands)]).astype(np.float32)
    return padded[np.asarray(indices)[:, None] + np.arange(length)[None, :]]
