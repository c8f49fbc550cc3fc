"""Loading a policy beside the one that drives: in a thread, warmed up, and only if it fits."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from car.action_space import ActionSpace
from car.clock import Clock
from car.errors import Sim2RaceError
from car.inference import warm_up
from car.policy import Policy

LOAD_DEADLINE_S = 10.0


@dataclass(frozen=True)
class Loaded:
    """How loading ended: a policy that can decide at once, or why there is none."""

    path: Path
    policy: Policy | None
    problem: str = ""


class PolicyLoader:
    """Loads one policy at a time; the caller goes on with the old one and asks now and then.

    Args:
        action_space: what the drive takes the outputs for; a policy with another one would steer by the wrong
            table, so it is refused.
        clock: monotonic, for the deadline.
        threads: how many threads the policy may use.
    """

    def __init__(self, action_space: ActionSpace, clock: Clock, *, threads: int = 1) -> None:
        self._action_space = action_space
        self._clock = clock
        self._threads = threads
        self._path: Path | None = None
        self._end_s = 0.0
        self._thread: threading.Thread | None = None
        self._loaded: Loaded | None = None

    def start(self, path: Path) -> bool:
        """Begin to load; False if another one is being loaded."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._path, self._loaded = path, None
        self._end_s = self._clock.monotonic_s() + LOAD_DEADLINE_S
        self._thread = threading.Thread(target=self._load, args=(path,), name="policy-loader", daemon=True)
        self._thread.start()
        return True

    def take(self) -> Loaded | None:
        """Return how loading ended, once; None while it goes on, or if nothing was asked for."""
        if self._path is None:
            return None
        loaded = self._loaded
        if loaded is None and self._clock.monotonic_s() > self._end_s:
            loaded = Loaded(self._path, None, f"{self._path} was not loaded within {LOAD_DEADLINE_S:g} s.")
        if loaded is None or loaded.path != self._path:
            return None
        self._path = None
        return loaded

    def _load(self, path: Path) -> None:
        try:
            policy = Policy.load(path, threads=self._threads)
            if policy.action_space != self._action_space:
                raise Sim2RaceError(
                    f"The policy {path} has another action space than the one that the drive was started "
                    "with; restart the nodes to change it."
                )
            warm_up(policy)
            self._loaded = Loaded(path, policy)
        except Exception as error:  # whatever it is, the policy that drives goes on
            self._loaded = Loaded(path, None, str(error) or type(error).__name__)
