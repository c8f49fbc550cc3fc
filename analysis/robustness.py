"""How much light, blur and noise a policy stands before it decides otherwise: the same frames, disturbed.

A policy that changes its mind about a frame because a lamp stands in the hall will do so in the race. What is
compared is the policy with itself: its decision on the logged frame and on the same frame disturbed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.disturbance import Disturbance, Lamp, disturbed, kind_named
from analysis.heatmap_inputs import command_history, stack_rows
from car.action_space import ContinuousActionSpace
from car.errors import Sim2RaceError
from car.log_reader import CarLog
from car.policy import Policy
from car.preprocess import observation

STEERING_STEP_DEG = 2.5
"""A continuous policy decides otherwise when its steering differs by more than this: the smallest step of the
usual discrete actions."""

SAMPLE = 60
"""Frames that a sweep looks at, spread over the log."""


@dataclass(frozen=True)
class Decision:
    """What a policy decides about one frame."""

    action: int
    """Index of the most probable action; -1 of a continuous policy."""
    outputs: NDArray[np.float32]
    """(A,) probabilities, or steering and speed in -1..1 of a continuous policy."""
    steering_deg: float
    """Degrees, + is left."""
    speed_mps: float
    """Metres per second."""


@dataclass(frozen=True)
class Answer:
    """The decision about a frame, and about the same frame disturbed."""

    before: Decision
    """As it was logged."""
    after: Decision
    """Disturbed."""
    changed: bool
    """Whether it is another action; for a continuous policy, whether steering differs by over 2.5 degrees."""


@dataclass(frozen=True)
class Sweep:
    """One kind of disturbance on many frames, by strength."""

    kind: str
    """Its name."""
    strengths: tuple[float, ...]
    """(S,) the weakest first, in the kind's unit."""
    changed_share: list[float]
    """(S,) share of the frames on which another action is chosen, 0 to 1."""
    steering_change_deg: list[float]
    """(S,) mean of |change of steering|, degrees."""
    tipping: list[float]
    """(F,) weakest strength that changes a frame's action; infinite where none did."""

    @property
    def median_tipping(self) -> float:
        """Return the strength at which half of the frames have changed; infinite where fewer do."""
        return float(np.sort(self.tipping)[(len(self.tipping) - 1) // 2]) if self.tipping else math.inf


def answer(policy: Policy, log: CarLog, index: int, disturbance: Disturbance, *, seed: int = 0) -> Answer:
    """Ask a policy about one frame twice: as it was logged, and disturbed.

    Args:
        policy: who decides; need not be the one that drove.
        log: where the frame is.
        index: frame; of a policy with a stack, those before it are disturbed too.
        disturbance: what is done to the picture.
        seed: of the noise.

    Raises:
        Sim2RaceError: the frame has no picture that can be read.
    """
    frames = _Frames(policy, log, np.array([index]))
    before, after = (frames.decide(each, seed) for each in (Disturbance(), disturbance))
    return Answer(
        before=_decision(policy, before[0]),
        after=_decision(policy, after[0]),
        changed=bool(_changed(policy, before, after)[0]),
    )


def sweep(
    policy: Policy,
    log: CarLog,
    indices: NDArray[np.int64],
    kind: str,
    *,
    lamp: Lamp | None = None,
    seed: int = 0,
) -> Sweep:
    """Disturb frames more and more, in one way.

    Args:
        policy: who decides.
        log: where the frames are.
        indices: (F,) frames, see `spread_frames`.
        kind: a name in `analysis.disturbance.KINDS`.
        lamp: where the lamp stands and how bright it is; its size is the strength.
        seed: of the noise.

    Raises:
        UnknownNameError: no such kind.
        Sim2RaceError: a frame has no picture that can be read.
    """
    chosen = kind_named(kind)
    frames = _Frames(policy, log, indices)
    before = frames.decide(Disturbance(), seed)
    after = [frames.decide(chosen.make(by, lamp or Lamp()), seed) for by in chosen.strengths]
    changed = np.array([_changed(policy, before, one) for one in after]).reshape(len(after), len(indices))
    turned = [np.abs(_steering_deg(policy, one) - _steering_deg(policy, before)) for one in after]
    first = np.where(changed.any(axis=0), np.array(chosen.strengths)[changed.argmax(axis=0)], np.inf)
    return Sweep(
        kind=kind,
        strengths=chosen.strengths,
        changed_share=[float(row.mean()) for row in changed],
        steering_change_deg=[float(row.mean()) for row in turned],
        tipping=first.tolist(),
    )


def spread_frames(log: CarLog, count: int = SAMPLE) -> NDArray[np.int64]:
    """Return frames spread evenly over a log that have pictures which can be read.

    Raises:
        Sim2RaceError: there is none.
    """
    spread = np.unique(np.linspace(0, max(len(log.frames) - 1, 0), count).astype(np.int64))
    found = [int(row) for row in spread[spread < len(log.frames)] if _has_picture(log, int(row))]
    if not found:
        raise Sim2RaceError(f"{log.name} has no picture that can be read; there is nothing to disturb.")
    return np.array(found, dtype=np.int64)


class _Frames:
    """Frames of a log as pictures, to be disturbed again and again."""

    def __init__(self, policy: Policy, log: CarLog, indices: NDArray[np.int64]) -> None:
        rows, self._places = stack_rows(indices, policy.frames)
        self._policy = policy
        self._pictures = [log.image(int(row)) for row in rows]
        self._history = command_history(log, indices, policy.history) if policy.history else None

    def decide(self, disturbance: Disturbance, seed: int) -> NDArray[np.float32]:
        """Return (F, A) outputs of the policy; every picture has noise of its own."""
        seen = np.stack(
            [
                observation(disturbed(picture, disturbance, seed=seed + number))
                for number, picture in enumerate(self._pictures)
            ]
        )
        stacks = seen[self._places]
        return self._policy.explain(stacks, np.zeros(len(stacks), np.int64), self._history).action


def _changed(policy: Policy, before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.bool_]:
    if isinstance(policy.action_space, ContinuousActionSpace):
        return np.abs(_steering_deg(policy, after) - _steering_deg(policy, before)) > STEERING_STEP_DEG
    return np.asarray(before.argmax(axis=1) != after.argmax(axis=1))


def _steering_deg(policy: Policy, outputs: NDArray[np.float32]) -> NDArray[np.float64]:
    space = policy.action_space
    if isinstance(space, ContinuousActionSpace):
        return np.asarray(np.rad2deg(space.scale(outputs)[:, 0]), np.float64)
    return np.asarray(np.rad2deg(space.table()[outputs.argmax(axis=1), 0]), np.float64)


def _decision(policy: Policy, outputs: NDArray[np.float32]) -> Decision:
    space = policy.action_space
    if isinstance(space, ContinuousActionSpace):
        action, command = -1, space.command(outputs)
    else:
        action = space.choose(outputs)
        command = space.command(action)
    return Decision(action, outputs, math.degrees(command.steering_rad), float(command.speed_mps))


def _has_picture(log: CarLog, row: int) -> bool:
    try:
        log.image(row)
    except Sim2RaceError:
        return False
    return True
