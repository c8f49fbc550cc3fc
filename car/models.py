"""The policies installed on a car, and which of them drives.

A model is one file, `<name>.onnx`, in one folder; installing links it into place whole, and fails if the name
is taken, so that no model can replace or wipe another one. The file `current` names the model that drives.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from car.action_space import DiscreteActionSpace
from car.archives import read_policy_file
from car.errors import BadFileError, Sim2RaceError, unknown_name
from car.files import write_atomically
from car.policy import Policy
from car.preprocess import HEIGHT, WIDTH

DEFAULT_FOLDER = Path("~/.sim2race/models")
BUNDLED_POLICY = Path(__file__).parent / "policies" / "hall.onnx"
"""Comes with sim2race; how it was made and how it drives stands in the file of the same name beside it."""
CURRENT = "current"
SUFFIX = ".onnx"
FPS = 30
MAX_ACT_MS = 0.75 * 1000 / FPS
"""Three quarters of a frame: the rest is for the picture, the messages and the pulses."""
TRIAL_FRAMES = 300
_WARM_UP = 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Timing:
    """How long one decision takes on this machine."""

    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def is_fast_enough(self) -> bool:
        """Whether it drives at 30 frames a second."""
        return self.p99_ms <= MAX_ACT_MS


@dataclass(frozen=True)
class Installed:
    """What an installation brought."""

    name: str
    policy: Policy
    timing: Timing


class ModelStore:
    """The folder of installed models.

    Args:
        folder: is made with the first model.
    """

    def __init__(self, folder: Path = DEFAULT_FOLDER) -> None:
        self.folder = folder.expanduser()

    def names(self) -> list[str]:
        """Return the installed models, sorted."""
        return sorted(path.stem for path in self.folder.glob(f"*{SUFFIX}") if _NAME.fullmatch(path.stem))

    def path(self, name: str) -> Path:
        """Return the file of a model.

        Raises:
            UnknownNameError: no such model; names the nearest.
        """
        if name not in self.names():
            raise unknown_name("model", name, self.names())
        return self.folder / f"{name}{SUFFIX}"

    def install(
        self, file: Path, *, name: str | None = None, replace: bool = False, frames: int = TRIAL_FRAMES
    ) -> Installed:
        """Take the policy out of `file`, try it out, and keep it if it drives 30 frames a second here.

        Args:
            file: `policy.onnx`, or an archive with it.
            name: what to call it; what the policy calls itself if None.
            replace: whether a model of that name may be replaced.
            frames: how many decisions the trial takes.

        Raises:
            Sim2RaceError: no usable policy, too slow for this machine, or the name is taken or ill-formed.
        """
        if name is not None:
            self._check_free(name, replace=replace)
        content = read_policy_file(file)
        aside = self.folder / f".incoming-{secrets.token_hex(4)}"
        write_atomically(aside, content)
        try:
            policy = _load(aside, file)
            name = name if name is not None else _as_name(policy.metadata.name)
            self._check_free(name, replace=replace)
            timing = time_policy(policy, frames=frames)
            if not timing.is_fast_enough:
                raise Sim2RaceError(
                    f"{file} is too slow for this machine: a decision takes {timing.p99_ms:.1f} ms (p99); "
                    f"expected at most {MAX_ACT_MS:g} ms for {FPS} frames a second."
                )
            self._put(aside, name, replace=replace)
        finally:
            aside.unlink(missing_ok=True)
        return Installed(name, policy, timing)

    def remove(self, name: str) -> None:
        """Delete a model.

        Raises:
            Sim2RaceError: no such model, or it is the one that drives.
        """
        path = self.path(name)
        if name == self.current():
            raise Sim2RaceError(f"The model {name!r} is the one that drives; choose another one first.")
        try:
            path.unlink()
        except OSError as error:
            raise Sim2RaceError(f"Cannot remove {path}: {error.strerror}.") from error

    def choose(self, name: str) -> Path:
        """Let a model drive from the next start on.

        Raises:
            Sim2RaceError: no such model, or its file is damaged.
        """
        path = self.path(name)
        Policy.load(path)
        write_atomically(self.folder / CURRENT, f"{name}\n")
        return path

    def current(self) -> str | None:
        """Return the name of the model that drives; None if none was chosen or it is gone."""
        try:
            name = (self.folder / CURRENT).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None
        return name if name in self.names() else None

    def current_path(self) -> Path:
        """Return the file of the model that drives.

        Raises:
            Sim2RaceError: none was chosen.
        """
        name = self.current()
        if name is None:
            raise Sim2RaceError("No model is chosen; expected `sim2race models choose NAME` first.")
        return self.path(name)

    def _check_free(self, name: str, *, replace: bool) -> None:
        if not _NAME.fullmatch(name) or name == CURRENT:
            raise Sim2RaceError(
                f"{name!r} is no name for a model; expected up to 64 letters, digits, '.', '-' and '_'."
            )
        if name in self.names() and not replace:
            raise Sim2RaceError(
                f"There is a model {name!r} already; give this one another --name, or say --replace."
            )

    def _put(self, aside: Path, name: str, *, replace: bool) -> None:
        path = self.folder / f"{name}{SUFFIX}"
        try:
            if replace:
                os.replace(aside, path)
            else:
                # A link, unlike a rename, fails if somebody was faster with the same name.
                os.link(aside, path)
        except OSError as error:
            raise Sim2RaceError(f"Cannot install {path}: {error.strerror}.") from error


def policy_path(given: str) -> Path:
    """Return the policy file that was named, or the chosen model if none was.

    Raises:
        Sim2RaceError: none was named, and none is chosen.
    """
    return Path(given) if given else ModelStore().current_path()


def chosen_or_bundled() -> Path:
    """Return the chosen model of this machine, or the policy that comes with sim2race if none is chosen.

    For the simulated car: on a real one nothing drives that nobody has chosen.
    """
    store = ModelStore()
    return store.current_path() if store.current() else BUNDLED_POLICY


def time_policy(policy: Policy, *, frames: int = TRIAL_FRAMES) -> Timing:
    """Let a policy decide about random pictures, one at a time as on the track.

    Raises:
        Sim2RaceError: it answers with something that is no action.
    """
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (16, policy.frames, HEIGHT, WIDTH), dtype=np.uint8)
    history = np.zeros((policy.history, 2), dtype=np.float32) if policy.history else None
    taken_ms = np.empty(frames)
    for index in range(-_WARM_UP, frames):
        started_ns = time.perf_counter_ns()
        action = policy.act(pictures[index % len(pictures)], history)
        if index >= 0:
            taken_ms[index] = (time.perf_counter_ns() - started_ns) / 1e6
        if isinstance(policy.action_space, DiscreteActionSpace):
            policy.action_space.choose(action)
        else:
            policy.action_space.command(action)
    p50_ms, p99_ms = np.percentile(taken_ms, (50, 99))
    return Timing(float(p50_ms), float(p99_ms), float(taken_ms.max()))


def _load(aside: Path, file: Path) -> Policy:
    """Load a policy, with errors that name the file which the person gave."""
    try:
        return Policy.load(aside)
    except BadFileError as error:
        raise BadFileError(str(error).replace(str(aside), str(file))) from error


def _as_name(text: str) -> str:
    """Return a model's own name as a file name, as the community does with spaces."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).lstrip("._-")[:64] or "model"
