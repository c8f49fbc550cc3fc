"""Heat maps of a running graph, computed here and not on the car, by the policy that the graph drives."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.console.live_feed import LiveFeed, LiveFrame
from analysis.heatmap import SCALE_PERCENTILE, coloured, heatmaps
from analysis.heatmap_grid import CellGrid, read_grid
from car.errors import Sim2RaceError
from car.policy import Policy
from car.preprocess import frame_from_jpeg, observation

LIVE_METHODS = ("hirescam", "gradcam")
"""Those that are fast enough for every frame."""
_SCALED_OVER = 64
"""Maps that the scale is taken over: a few seconds, so that it neither flickers nor lags for long."""


class LiveHeat:
    """The map of the newest frame, computed once for all who look.

    Args:
        feed: where the frames and the run come from.
        policy: the policy file, where it is known; else the copy that the graph's log holds, if it is on this
            machine.
    """

    def __init__(self, feed: LiveFeed, policy: Path | None = None) -> None:
        self._feed = feed
        self._given = policy
        self._lock = threading.Lock()
        self._policy: Policy | None = None
        self._grid: CellGrid | None = None
        self._tried: tuple[str, str] | None = None
        self._problem = ""
        self._peaks: dict[str, deque[float]] = {method: deque(maxlen=_SCALED_OVER) for method in LIVE_METHODS}
        self._made: tuple[int, str, bytes] = (0, "", b"")

    def png(self, frame: LiveFrame, method: str) -> tuple[bytes, str, float]:
        """Return the map as a transparent PNG, why there is none, and the scale.

        Args:
            frame: the frame.
            method: one of `LIVE_METHODS`.
        """
        with self._lock:
            policy = self._present_policy()
            if policy is None or frame.outputs is None:
                return b"", self._problem or "The policy has not judged this frame.", 0.0
            if self._made[:2] != (frame.sequence, method):
                try:
                    self._made = (frame.sequence, method, self._make(policy, frame, method))
                except Sim2RaceError as error:
                    return b"", str(error), 0.0
            return self._made[2], "", self._scale(method)

    def _make(self, policy: Policy, frame: LiveFrame, method: str) -> bytes:
        assert frame.outputs is not None
        pictures = [observation(frame_from_jpeg(jpeg)) for jpeg in frame.recent[-policy.frames :]]
        pictures = [pictures[0]] * (policy.frames - len(pictures)) + pictures
        # A continuous policy is explained by its steering.
        discrete = len(frame.outputs) == policy.action_space.size and hasattr(policy.action_space, "choose")
        target = int(np.argmax(frame.outputs)) if discrete else 0
        (values,) = heatmaps(
            policy,
            np.stack(pictures)[None],
            np.array([target]),
            method,
            history=self._history(policy, frame) if policy.history else None,
        )
        self._peaks[method].append(float(np.percentile(np.abs(values), SCALE_PERCENTILE)))
        picture = coloured(values, self._scale(method), self._grid)
        bgra = cv2.cvtColor(picture, cv2.COLOR_RGBA2BGRA)
        _, png = cv2.imencode(".png", bgra, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        return png.tobytes()

    def _history(self, policy: Policy, frame: LiveFrame) -> NDArray[np.float32]:
        commands = [(0.0, 0.0)] * policy.history + list(frame.commands)
        return np.array([commands[-policy.history :]], np.float32)

    def _scale(self, method: str) -> float:
        return float(np.max(self._peaks[method])) if self._peaks[method] else 0.0

    def _present_policy(self) -> Policy | None:
        """Return the policy that drives now; one that cannot be had is not tried for again and again."""
        run = self._feed.run
        sha256, log = str(run.get("policy_sha256", "")), str(run.get("log", ""))
        if self._tried == (sha256, log):
            return self._policy
        self._tried, self._policy, self._problem = (sha256, log), None, ""
        path = self._given or (Path(log) / "policy.onnx" if log else None)
        if path is None:
            self._problem = "The graph has not said which policy drives."
            return None
        try:
            policy = Policy.load(path)
            if sha256 and policy.sha256 != sha256:
                raise Sim2RaceError(f"{path} is not the policy that drives; give that one by --policy.")
            self._grid = read_grid(policy.path)
        except Sim2RaceError as error:
            self._problem = str(error)
            return None
        for peaks in self._peaks.values():
            peaks.clear()
        self._policy = policy
        return policy
