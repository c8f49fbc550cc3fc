"""What a person chose to see over the frames of a log: whose decisions, and which of them explained how."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.decided import decided_by
from analysis.heatmap import (
    DEFAULT_METHOD,
    EXECUTED,
    METHODS,
    RUNNER_UP,
    coloured,
    frame_maps,
    log_scale,
    scale_frames,
)
from analysis.heatmap_grid import CellGrid, read_grid
from car.action_space import ContinuousActionSpace
from car.errors import Sim2RaceError, unknown_name
from car.log_reader import CarLog
from car.policy import Policy

OFF = "off"
"""The method that draws nothing."""


@dataclass(frozen=True)
class HeatChoice:
    """What is laid over the frames."""

    method: str = DEFAULT_METHOD
    """One of `analysis.heatmap.METHODS`, or `OFF`."""
    target: int = EXECUTED
    """Index of the action to explain, or `EXECUTED`, or `RUNNER_UP`."""
    opacity: float = 0.75
    """0 leaves the frame as it is, 1 covers it where the map is strongest."""
    signed: bool = True
    """Whether what speaks against is told apart from what speaks for; else only how much a place matters."""
    policy: Path | None = None
    """A `policy.onnx` that decides and is explained; that beside the log when not given."""

    def __post_init__(self) -> None:
        """Check.

        Raises:
            Sim2RaceError: no such method, or an opacity out of range.
        """
        if self.method != OFF and self.method not in METHODS:
            raise unknown_name("heat map method", self.method[:40], (*METHODS, OFF))
        if not 0.0 <= self.opacity <= 1.0:
            raise Sim2RaceError(f"Opacity goes from 0 to 1, not {self.opacity:g}.")


def parse_target(text: str) -> int:
    """Return the action that a person names: executed, runner-up, or an index.

    Raises:
        Sim2RaceError: it is none of them.
    """
    if text in ("executed", "runner-up"):
        return EXECUTED if text == "executed" else RUNNER_UP
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise Sim2RaceError('action: expected "executed", "runner-up" or the index of an action.')
    return int(text)


class Explainer:
    """Draws the chosen maps of some frames.

    Args:
        log: the log.
        choice: what to draw.
        indices: (N,) frames that will be asked for.

    Raises:
        Sim2RaceError: the policy is refused, or has no such action.
    """

    def __init__(self, log: CarLog, choice: HeatChoice, indices: NDArray[np.int64]) -> None:
        self._choice = choice
        self.shown = log
        """The log with the decisions that are to be shown."""
        path = choice.policy or (log.policy_path if choice.method != OFF else None)
        self._policy = Policy.load(path) if path else None
        self._explained, self._scale = log, 0.0
        self._grid: CellGrid | None = None
        if self._policy is None:
            return
        if choice.policy:
            asked = np.union1d(indices, scale_frames(log)).astype(np.int64)
            self.shown = decided_by(self._policy, log, asked)
            # The maps are of the other's actions after the commands that were driven.
            self._explained = copy.copy(log)
            self._explained.frames = replace(log.frames, action=self.shown.frames.action)
        if choice.method == OFF:
            return
        _check_target(self._policy, choice.target)
        self._scale = log_scale(self._policy, self._explained, method=choice.method, target=choice.target)
        self._grid = read_grid(self._policy.path)

    @property
    def caption(self) -> str:
        """What is drawn, in words; empty where nothing is."""
        if self._policy is None or self._choice.method == OFF:
            return ""
        target = self._choice.target
        names = {EXECUTED: "the chosen action", RUNNER_UP: "chosen, not runner-up"}
        of = names.get(target, f"action {target}")
        by = f", by {self._policy.metadata.name[:40]}" if self._choice.policy else ""
        return f"{self._choice.method} of {of}{by}{'' if self._choice.signed else ', unsigned'}"

    def overlays(self, indices: NDArray[np.int64]) -> Sequence[NDArray[np.uint8] | None]:
        """Return the (120, 160, 4) RGBA map of each frame; None where there is none.

        Frames are answered together; where one has no picture, one by one.
        """
        if self._policy is None or self._choice.method == OFF or not len(indices):
            return [None] * len(indices)
        try:
            maps = frame_maps(
                self._policy,
                self._explained,
                indices,
                method=self._choice.method,
                target=self._choice.target,
            )
        except Sim2RaceError:
            if len(indices) == 1:
                return [None]
            return [self.overlays(one)[0] for one in np.split(indices, len(indices))]
        if not self._choice.signed:
            maps = np.abs(maps)
        return [coloured(values, self._scale, self._grid) for values in maps]


def _check_target(policy: Policy, target: int) -> None:
    size = policy.action_space.size
    if target == RUNNER_UP and isinstance(policy.action_space, ContinuousActionSpace):
        raise Sim2RaceError("Only a choice among actions has a runner-up; this policy has none.")
    if target not in (EXECUTED, RUNNER_UP) and not 0 <= target < size:
        raise Sim2RaceError(f"This policy has actions 0 to {size - 1}; there is no action {target}.")
