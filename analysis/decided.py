"""What a policy says about the frames of a log that another one may have driven."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analysis.heatmap_inputs import policy_inputs
from car.action_space import ActionSpace, ContinuousActionSpace
from car.errors import Sim2RaceError
from car.log_reader import CarLog
from car.policy import Policy

_BATCH = 64


def policy_outputs(policy: Policy, log: CarLog, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the (N, A) outputs of a policy for frames of a log; NaN for a frame without a picture.

    Raises:
        Sim2RaceError: the policy file has changed since it was loaded.
    """
    width = 2 if isinstance(policy.action_space, ContinuousActionSpace) else policy.action_space.size
    found = np.full((len(indices), width), np.nan, np.float32)
    for at in range(0, len(indices), _BATCH):
        _answer(policy, log, indices[at : at + _BATCH], found[at : at + _BATCH])
    return found


def commands(space: ActionSpace, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return (N, 2) steering in rad and speed in m/s that (N, A) outputs mean; NaN where they are."""
    known = np.isfinite(outputs).all(axis=1)
    found = np.full((len(outputs), 2), np.nan)
    if isinstance(space, ContinuousActionSpace):
        found[known] = space.scale(outputs[known])
    else:
        found[known] = space.table()[outputs[known].argmax(axis=1)]
    return found


def decided_by(policy: Policy, log: CarLog, indices: NDArray[np.int64]) -> CarLog:
    """Return a log in which a policy has decided about some frames, and nothing is known of the others.

    Args:
        policy: whom to ask. What it says changes nothing about where the car was, nor about the commands
            before a frame, which a policy with a memory is given as they were driven.
        log: where the frames are; it stays as it is.
        indices: (N,) frames.

    Raises:
        Sim2RaceError: see `policy_outputs`.
    """
    outputs = policy_outputs(policy, log, indices)
    frames, count = log.frames, len(log.frames)
    probabilities = np.full((count, outputs.shape[1]), np.nan, np.float32)
    probabilities[indices] = outputs
    commanded = np.full((count, 2), np.nan)
    commanded[indices] = commands(policy.action_space, outputs)
    action = np.full(count, -1, np.int64)
    if not isinstance(policy.action_space, ContinuousActionSpace):
        known = np.isfinite(outputs).all(axis=1)
        action[indices[known]] = outputs[known].argmax(axis=1)
    other = copy.copy(log)
    other.action_space = policy.action_space
    other.frames = replace(
        frames,
        probabilities=probabilities,
        action=action,
        steering_rad=commanded[:, 0],
        speed_mps=commanded[:, 1],
        inferred_ns=np.zeros_like(frames.inferred_ns),
        written_ns=np.zeros_like(frames.written_ns),
        steering_pwm_ns=np.zeros_like(frames.steering_pwm_ns),
        motor_pwm_ns=np.zeros_like(frames.motor_pwm_ns),
    )
    return other


def _answer(policy: Policy, log: CarLog, frames: NDArray[np.int64], out: NDArray[np.float32]) -> None:
    try:
        observations, history = policy_inputs(policy, log, frames)
        out[:] = policy.explain(observations, np.zeros(len(frames), np.int64), history).action
    except Sim2RaceError:
        if len(frames) == 1:
            return  # A frame without a picture stays unknown; the others are asked about one by one.
        for i in range(len(frames)):
            _answer(policy, log, frames[i : i + 1], out[i : i + 1])
