"""The policy file: load it, check it before the car is armed, run it, and ask it why.

A policy is one `policy.onnx`. The graph holds the network, and beside it the backward pass through its head
as ordinary nodes, so that the same file answers both "what to do" and "which pixels spoke for it", with
onnxruntime and nothing else. Driving runs only the part of the graph that the action needs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from car.action_space import ActionSpace, ContinuousActionSpace
from car.errors import BadFileError, Sim2RaceError
from car.onnx_cut import cut_to_output
from car.policy_metadata import METADATA_KEY, PolicyMetadata, parse_policy_metadata
from car.preprocess import HEIGHT, WIDTH

EXPLAIN_BATCH = 64
"""Frames per run when explaining many: enough to be fast, little enough for a car's memory."""

_NO_TARGET = np.zeros(1, dtype=np.int64)
_OUTPUTS = ("action", "logits", "heatmap", "heatmap_bias", "gradcam")


@dataclass(frozen=True)
class Explanation:
    """What a policy says about N frames, and what spoke for one action of each."""

    action: NDArray[np.float32]
    """(N, A) probabilities, or (N, 2) in -1..1 of a continuous policy."""
    logits: NDArray[np.float32]
    """(N, A) the values before the softmax or the clipping."""
    heatmap: NDArray[np.float32]
    """(N, h, w) signed HiResCAM: what each place adds to the logit of the target."""
    bias: NDArray[np.float32]
    """(N,) what no place adds: the logit of the target minus the sum of its heat map."""
    gradcam: NDArray[np.float32]
    """(N, h, w) classical Grad-CAM, never negative."""


class Policy:
    """A checked policy; made by `Policy.load`."""

    def __init__(self, path: Path, content: bytes, threads: int) -> None:
        self.path = path
        """The file that it was loaded from."""
        self.sha256 = hashlib.sha256(content).hexdigest()
        """Hash of the file, which names it for good."""
        self._threads = threads
        self._whole: Any = _open_session(content, threads)
        self.metadata = _read_metadata(self._whole)
        """What it says about itself."""
        _check_signature(self._whole, self.metadata)
        self._acting = _open_acting_session(content, threads) or self._whole
        self._acting_inputs = [value.name for value in self._acting.get_inputs()]

    @classmethod
    def load(cls, path: Path, *, threads: int = 1) -> Policy:
        """Load and check a policy file.

        Args:
            path: a `policy.onnx`.
            threads: how many threads may compute; 1 leaves the other cores to the camera and the drive.

        Raises:
            BadFileError: the file is missing, truncated, foreign or breaks the contract; one line says how.
        """
        path = Path(path)
        content = _read(path)
        try:
            policy = cls(path, content, threads)
            policy._try_out()
        except Sim2RaceError as error:
            raise BadFileError(f"The policy {path} is refused: {error}") from error
        except UnicodeDecodeError as error:
            problem = "it is damaged, a name in it is no text."
            raise BadFileError(f"The policy {path} is refused: {problem}") from error
        # A car only acts; the whole graph comes back when somebody asks for an explanation.
        policy._whole = None
        return policy

    @property
    def action_space(self) -> ActionSpace:
        """What the outputs mean."""
        return self.metadata.action_space

    @property
    def frames(self) -> int:
        """Number K of stacked observations."""
        return self.metadata.frames

    @property
    def history(self) -> int:
        """Number M of past commands that it is given; 0 for none."""
        return self.metadata.history

    def act(
        self, observation: NDArray[np.uint8], history: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Decide about one frame.

        Args:
            observation: (K, 120, 160) uint8 luma, the oldest first.
            history: (M, 2) float32, steering in rad and speed in m/s, the newest last; only if M > 0.

        Returns:
            (A,) probabilities, or 2 values in -1..1 of a continuous policy.

        Raises:
            Sim2RaceError: an input of the wrong shape or type.
        """
        feeds = self._feeds(observation[None], None if history is None else history[None], _NO_TARGET)
        outputs = self._acting.run(["action"], {name: feeds[name] for name in self._acting_inputs})
        action: NDArray[np.float32] = outputs[0][0]
        return action

    def explain(
        self,
        observations: NDArray[np.uint8],
        targets: NDArray[np.integer[Any]],
        history: NDArray[np.float32] | None = None,
    ) -> Explanation:
        """Decide about many frames and say what spoke for one action of each.

        Args:
            observations: (N, K, 120, 160) uint8 luma.
            targets: (N,) the action to explain; for a continuous policy 0 is steering and 1 is speed.
            history: (N, M, 2) float32; only if M > 0.

        Raises:
            Sim2RaceError: an input of the wrong shape or type, a target that does not exist, or the file has
                changed since it was loaded.
        """
        wanted: NDArray[np.int64] = np.asarray(targets, dtype=np.int64)
        if wanted.shape != observations.shape[:1]:
            raise Sim2RaceError(f"Targets of shape {wanted.shape} for {len(observations)} observations.")
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < self.action_space.size:
            raise Sim2RaceError(f"A target is not one of the actions 0 to {self.action_space.size - 1}.")
        if not len(observations):
            return self._explain_none()
        session = self._whole_session()
        parts = [
            session.run(
                list(_OUTPUTS),
                self._feeds(
                    observations[chosen], None if history is None else history[chosen], wanted[chosen]
                ),
            )
            for chosen in (slice(i, i + EXPLAIN_BATCH) for i in range(0, len(observations), EXPLAIN_BATCH))
        ]
        return Explanation(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _whole_session(self) -> Any:
        if self._whole is None:
            content = _read(self.path)
            if hashlib.sha256(content).hexdigest() != self.sha256:
                raise BadFileError(f"The policy {self.path} has changed since it was loaded.")
            self._whole = _open_session(content, self._threads)
        return self._whole

    def _explain_none(self) -> Explanation:
        """Return the explanation of no frames, with the shapes that it would have for one."""
        one = self.explain(
            np.zeros((1, self.frames, HEIGHT, WIDTH), dtype=np.uint8),
            np.zeros(1, dtype=np.int64),
            np.zeros((1, self.history, 2), dtype=np.float32) if self.history else None,
        )
        return Explanation(one.action[:0], one.logits[:0], one.heatmap[:0], one.bias[:0], one.gradcam[:0])

    def _feeds(
        self, observations: NDArray[np.uint8], history: NDArray[np.float32] | None, targets: NDArray[np.int64]
    ) -> dict[str, NDArray[Any]]:
        expected = (self.frames, HEIGHT, WIDTH)
        if observations.shape[1:] != expected or observations.dtype != np.uint8:
            raise Sim2RaceError(
                f"An observation of {observations.dtype} {observations.shape[1:]}; expected uint8 {expected}."
            )
        feeds: dict[str, NDArray[Any]] = {"observation": observations, "target": targets}
        if not self.history:
            return feeds
        shape = None if history is None else history.shape
        if history is None or shape != (len(observations), self.history, 2):
            raise Sim2RaceError(
                f"A history of shape {shape and shape[1:]}; the policy expects ({self.history}, 2)."
            )
        feeds["history"] = np.asarray(history, dtype=np.float32)
        return feeds

    def _try_out(self) -> None:
        """Run black, white and noise, because NaN weights and broken heads are invisible in the signature."""
        noise = np.random.default_rng(0).integers(0, 256, (self.frames, HEIGHT, WIDTH), dtype=np.uint8)
        frames = np.stack([np.zeros_like(noise), np.full_like(noise, 255), noise])
        history = np.zeros((len(frames), self.history, 2), dtype=np.float32) if self.history else None
        targets = np.arange(len(frames), dtype=np.int64) % self.action_space.size
        try:
            explained = self.explain(frames, targets, history)
            alone = self.act(frames[2], None if history is None else history[2])
        except Sim2RaceError:
            raise
        except Exception as error:  # onnxruntime's own classes have no common base
            raise BadFileError(f"it fails on a test frame: {_first_line(error)}") from error
        for name in ("action", "logits", "heatmap", "bias", "gradcam"):
            if not np.isfinite(getattr(explained, name)).all():
                raise BadFileError(f"its {name} is not finite on a test frame; expected numbers.")
        self._check_action(explained)
        if not np.allclose(alone, explained.action[2], atol=1e-4):
            raise BadFileError(
                "it decides otherwise about a frame alone than about the same frame in a batch."
            )
        chosen = np.take_along_axis(explained.logits, targets[:, None], axis=1)[:, 0]
        total = explained.heatmap.sum(axis=(1, 2)) + explained.bias
        if not np.allclose(total, chosen, rtol=1e-3, atol=1e-3):
            raise BadFileError("its heat map and bias do not add up to the logit that they explain.")

    def _check_action(self, explained: Explanation) -> None:
        action, logits = explained.action, explained.logits
        if isinstance(self.action_space, ContinuousActionSpace):
            expected = np.clip(logits, -1.0, 1.0)
            meaning = "the logits clipped to -1..1"
        else:
            odds = np.exp(logits - logits.max(axis=1, keepdims=True))
            expected = odds / odds.sum(axis=1, keepdims=True)
            meaning = "the softmax of the logits"
        if not np.allclose(action, expected, atol=1e-4):
            raise BadFileError(f"its action is not {meaning} on a test frame.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise BadFileError(f"The policy {path} does not exist.") from error
    except OSError as error:
        raise BadFileError(f"The policy {path} cannot be read: {error.strerror or error}.") from error


def _open_acting_session(content: bytes, threads: int) -> Any:
    """Open the part of the graph that the action needs; None if it cannot be separated."""
    try:
        return _open_session(cut_to_output(content, "action"), threads)
    except BadFileError:
        return None


def _open_session(content: bytes, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning worker answers sooner and burns the core that the camera needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # onnxruntime's own classes have no common base
        raise BadFileError(f"it is truncated or no valid ONNX file ({_first_line(error)}).") from error


def _read_metadata(session: Any) -> PolicyMetadata:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise BadFileError(f"it is an ONNX file without the {METADATA_KEY!r} metadata that an export writes.")
    return parse_policy_metadata(text)


def _check_signature(session: Any, metadata: PolicyMetadata) -> None:
    actions = metadata.action_space.size
    inputs: dict[str, tuple[str, tuple[int | None, ...]]] = {
        "observation": ("tensor(uint8)", (None, metadata.frames, HEIGHT, WIDTH)),
        "target": ("tensor(int64)", (None,)),
    }
    if metadata.history:
        inputs["history"] = ("tensor(float)", (None, metadata.history, 2))
    outputs: dict[str, tuple[str, tuple[int | None, ...]]] = {
        "action": ("tensor(float)", (None, actions)),
        "logits": ("tensor(float)", (None, actions)),
        "heatmap": ("tensor(float)", (None, None, None)),
        "heatmap_bias": ("tensor(float)", (None,)),
        "gradcam": ("tensor(float)", (None, None, None)),
    }
    for kind, expected, given in (
        ("input", inputs, session.get_inputs()),
        ("output", outputs, session.get_outputs()),
    ):
        names = {value.name for value in given}
        if names != expected.keys():
            raise BadFileError(f"its {kind}s are {_listed(names)}; expected {_listed(expected)}.")
        for value in given:
            dtype, shape = expected[value.name]
            if value.type != dtype:
                raise BadFileError(f"its {kind} {value.name!r} is a {value.type}; expected a {dtype}.")
            if not _fits(value.shape, shape):
                wanted = ", ".join("any" if size is None else str(size) for size in shape)
                raise BadFileError(f"its {kind} {value.name!r} has shape {value.shape}; expected [{wanted}].")


def _fits(given: list[int | str | None], expected: tuple[int | None, ...]) -> bool:
    """Say whether a shape is as expected: the batch must be free, an unknown size is found out by running."""
    if len(given) != len(expected) or isinstance(given[0], int):
        return False
    return all(
        size is None or not isinstance(have, int) or have == size
        for have, size in zip(given[1:], expected[1:], strict=True)
    )


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
