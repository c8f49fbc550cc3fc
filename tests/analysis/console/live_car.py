"""A pretended car for the live page: frames with a policy's answers, and a drive that does as it is told."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import cv2
import numpy as np

from analysis.console.live_feed import LiveFeed
from car.action_space import to_model_metadata
from car.policy import Policy
from car.preprocess import frame_from_jpeg, observation


class PretendedCar:
    """Implements the controls, and writes down what it was told."""

    def __init__(self) -> None:
        self.state = "ready"
        self.told: list[str] = []
        self.sticks: list[tuple[float, float]] = []
        self.reason = "not armed"
        self.refuses = ""
        self.pose = (1.0, 1.0)

    def arm(self) -> str:
        self.told.append("arm")
        if not self.refuses:
            self.state = "driving"
        return self.refuses

    def disarm(self) -> str:
        self.told.append("disarm")
        self.state = "ready"
        return ""

    def set_manual(self, manual: bool) -> str:
        self.told.append("manual" if manual else "autonomous")
        return ""

    def steer(self, angle: float, throttle: float) -> None:
        self.sticks.append((angle, throttle))

    def set_max_speed(self, share: float) -> str:
        self.told.append(f"max {share:g}")
        return self.refuses


class PretendedCamera:
    """Feeds frames at 30 a second from a thread; a context manager."""

    def __init__(self, feed: LiveFeed, car: PretendedCar, policy: Path) -> None:
        self._feed, self._car = feed, car
        self._policy = Policy.load(policy)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        feed.on_run(
            {
                "name": "<b>tiny</b>",
                "policy_sha256": self._policy.sha256,
                "action_space": to_model_metadata(self._policy.action_space),
                "track": "forever-raceway",
            }
        )

    def __enter__(self) -> PretendedCamera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        chance = np.random.default_rng(1)
        while not self._ended.wait(1 / 30):
            coarse = chance.integers(0, 256, (6, 8, 3), dtype=np.uint8)
            captured_ns = time.time_ns()
            jpeg = cv2.imencode(".jpg", cv2.resize(coarse, (160, 120)))[1].tobytes()
            outputs = self._policy.act(observation(frame_from_jpeg(jpeg))[None], None)
            driving = self._car.state == "driving"
            report = {
                "state": self._car.state,
                "reason": "" if driving else self._car.reason,
                "steering_rad": 0.1 if driving else 0.0,
                "speed_mps": 1.0 if driving else 0.0,
                "latency_ms": 5.0,
                "dropped": 0,
                "stamp_ns": captured_ns + 5_000_000,
                "source_ns": captured_ns if driving else 0,
            }
            self._feed.on_report("drive", report)
            self._feed.on_report("pose", dict(zip(("x_m", "y_m"), self._car.pose, strict=True)))
            self._feed.on_decision(jpeg, captured_ns, outputs.tolist())
