"""What a policy says about the frames of a log, whether it drove or not; and where two of them differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.alignment import Signal
from analysis.decided import commands, policy_outputs
from analysis.metrics import confidence
from car.action_space import ContinuousActionSpace
from car.frame_table import FrameTable
from car.log_reader import CarLog
from car.policy import Policy

Values = NDArray[np.float64]

_SAME_DEG, _SAME_MPS = 0.05, 0.005


@dataclass(frozen=True)
class Decisions:
    """Commands along an axis; NaN where there is no frame."""

    steering_deg: Values
    """(P,) + is left."""
    speed_mps: Values
    """(P,) that is asked for."""
    confidence: Values
    """(P,) gap between the best two actions; NaN for a continuous policy."""


def decisions(policy: Policy, log: CarLog, rows: NDArray[np.int64]) -> Decisions:
    """Ask a policy about frames of a log.

    Args:
        policy: whom to ask.
        log: where the frames are.
        rows: (P,) frames; -1 for none. Each is asked about once.

    Raises:
        Sim2RaceError: the policy cannot be run on these frames.
    """
    frames = np.unique(rows[rows >= 0])
    outputs = policy_outputs(policy, log, frames)
    found = np.full((len(frames), 3), np.nan)
    found[:, :2] = commands(policy.action_space, outputs)
    found[:, 0] = np.rad2deg(found[:, 0])
    if not isinstance(policy.action_space, ContinuousActionSpace):
        known = np.isfinite(outputs).all(axis=1)
        found[known, 2] = confidence(outputs[known])
    places = np.searchsorted(frames, np.maximum(rows, 0)).clip(max=max(len(frames) - 1, 0))
    taken = (
        np.where((rows >= 0)[:, None], found[places], np.nan)
        if len(frames)
        else np.full((len(rows), 3), np.nan)
    )
    return Decisions(taken[:, 0], taken[:, 1], taken[:, 2])


def logged(frames: FrameTable, rows: NDArray[np.int64]) -> Decisions:
    """Return what was decided when the log was driven, in the same form."""
    sure = (
        confidence(frames.probabilities) if bool((frames.action >= 0).any()) else np.full(len(frames), np.nan)
    )
    columns = [np.rad2deg(frames.steering_rad), frames.speed_mps, sure]
    if not len(frames):
        columns = [np.full(1, np.nan)] * 3
    taken = [
        np.where(rows >= 0, column[np.maximum(rows, 0)], np.nan).astype(np.float64) for column in columns
    ]
    return Decisions(taken[0], taken[1], taken[2])


def signals(one: Decisions, other: Decisions) -> list[Signal]:
    """Return the signals that two deciders are compared by."""
    found = [
        Signal("Steering asked", "°", one.steering_deg, other.steering_deg),
        Signal("Speed asked", "m/s", one.speed_mps, other.speed_mps),
        Signal("Confidence", "", one.confidence, other.confidence),
    ]
    return [signal for signal in found if np.isfinite([signal.first, signal.second]).any()]


def agreement(one: Decisions, other: Decisions) -> str:
    """Say in one line how far two deciders agree where both have a frame."""
    apart_deg = np.abs(one.steering_deg - other.steering_deg)
    apart_mps = np.abs(one.speed_mps - other.speed_mps)
    both = np.isfinite(apart_deg) & np.isfinite(apart_mps)
    if not both.any():
        return "There is no moment at which both have decided."
    same = (apart_deg[both] < _SAME_DEG) & (apart_mps[both] < _SAME_MPS)
    return (
        f"The same command in {100 * same.mean():.0f} % of {both.sum()} moments; on average "
        f"{apart_deg[both].mean():.1f}° of steering and {apart_mps[both].mean():.2f} m/s apart."
    )
