"""Heat maps of one open log, computed a few frames ahead and kept.

A player asks for one frame after another; a network answers eight frames in little more time than one or two.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.colours import colour_levels
from analysis.heatmap import (
    EXECUTED,
    PAUSED_ONLY,
    RUNNER_UP,
    Strength,
    coloured,
    enlarged_shares,
    frame_maps,
    log_scale,
    strength,
)
from analysis.heatmap_checks import Check, run_checks
from analysis.heatmap_grid import CellGrid, read_grid
from car.errors import Sim2RaceError
from car.log_reader import CarLog
from car.policy import Policy

_BLOCK = 8
_KEPT_BLOCKS = 512

Key = tuple[str, int]


class LogHeatmaps:
    """Heat maps of a log by one policy.

    Args:
        log: the log.
        policy_path: the policy, loaded when the first map is asked for; the one that lies beside the log when
            not given.
    """

    def __init__(self, log: CarLog, policy_path: Path | None = None) -> None:
        self._log = log
        self._policy_path = policy_path or log.policy_path
        self._policy: Policy | None = None
        self._grid: CellGrid | None = None
        self._checks: list[Check] | None = None
        self._scales: dict[Key, float] = {}
        self._blocks: OrderedDict[tuple[Key, int], NDArray[np.float32]] = OrderedDict()
        self._preparing = threading.Lock()
        self._keeping = threading.Lock()

    def policy(self) -> Policy:
        """Return the policy.

        Raises:
            Sim2RaceError: there are no pictures, there is no policy beside the log, or it is refused; the
                message says why.
        """
        if not self._log.has_pictures:
            raise Sim2RaceError("There are no pictures in this run.")
        with self._preparing:
            if self._policy is None:
                if self._policy_path is None:
                    raise Sim2RaceError("There is no policy.onnx beside this log.")
                policy = Policy.load(self._policy_path)
                self._grid = read_grid(policy.path)
                self._policy = policy
            return self._policy

    def checks(self) -> list[Check]:
        """Return whether the maps can be believed; computed once, as it takes a second.

        Raises:
            Sim2RaceError: no policy, or no frame that can be read.
        """
        policy = self.policy()
        with self._preparing:
            if self._checks is None:
                self._checks = run_checks(policy, self._log)
            return self._checks

    def picture(self, index: int, method: str, target: int) -> tuple[NDArray[np.uint8], Strength]:
        """Return the map of one frame as a (120, 160, 4) RGBA picture, and how much it says.

        Args:
            index: see `map`.
            method: see `map`.
            target: see `map`.

        Raises:
            Sim2RaceError: see `map`.
        """
        values = self.map(index, method, target)
        scale = self.scale(method, target)
        return coloured(values, scale, self._grid), strength(values, scale)

    def levels(self, index: int, method: str, target: int) -> tuple[NDArray[np.uint8], Strength]:
        """Return the same as `picture`, but as (120, 160) places in `legend_colours(LEVELS)`.

        Raises:
            Sim2RaceError: see `map`.
        """
        values = self.map(index, method, target)
        scale = self.scale(method, target)
        return colour_levels(enlarged_shares(values, scale, self._grid)), strength(values, scale)

    def scale(self, method: str, target: int) -> float:
        """Return the one scale of the log for a method and a target, see `analysis.heatmap.log_scale`."""
        policy = self._policy_with(target)
        key = (method, target)
        # The first request computes, and those beside it wait for the same answer.
        with self._preparing:
            if key not in self._scales:
                self._scales[key] = log_scale(policy, self._log, method=method, target=target)
            return self._scales[key]

    def map(self, index: int, method: str, target: int = EXECUTED) -> NDArray[np.float32]:
        """Return the (h, w) map of one frame.

        Args:
            index: frame, from 0.
            method: one of `analysis.heatmap.METHODS`.
            target: index of the action to explain, or `EXECUTED`.

        Raises:
            Sim2RaceError: no policy, no such method or action, or a frame that cannot be decoded.
        """
        policy = self._policy_with(target)
        size = 1 if method in PAUSED_ONLY else _BLOCK
        block, offset = divmod(index, size)
        key = ((method, target), block)
        with self._keeping:
            maps = self._blocks.get(key)
        if maps is None:
            last = min((block + 1) * size, len(self._log.frames))
            try:
                maps = frame_maps(
                    policy, self._log, np.arange(block * size, last), method=method, target=target
                )
            except Sim2RaceError:
                # One frame of the block has no picture; the others are answered one by one.
                alone = frame_maps(policy, self._log, np.array([index]), method=method, target=target)
                lone: NDArray[np.float32] = alone[0]
                return lone
        with self._keeping:
            self._blocks[key] = maps
            self._blocks.move_to_end(key)
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        picture: NDArray[np.float32] = maps[offset]
        return picture

    def _policy_with(self, target: int) -> Policy:
        """Return the policy, if it has the action that is to be explained."""
        policy = self.policy()
        actions = policy.action_space.size
        if target not in (EXECUTED, RUNNER_UP) and not 0 <= target < actions:
            raise Sim2RaceError(f"This policy has actions 0 to {actions - 1}; there is no action {target}.")
        return policy
