"""Whether a policy's heat maps can be believed: three checks that run on the user's own model and log.

Completeness: a HiResCAM map and its bias add up to the logit that they explain. Agreement: the policy beside
the log, asked again about the logged pictures, decides as the car did. Randomised head (Adebayo et al. 2018,
"Sanity checks for saliency maps"): with the weights of the last layer shuffled the maps must change; maps
that stay as they were show the picture, not the decision.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.heatmap_inputs import command_history, stacked_observations
from analysis.onnx_nodes import MODEL_GRAPH, TENSOR_RAW, graph_of, initializers_of, nodes_of
from car.errors import Sim2RaceError
from car.log_reader import CarLog
from car.policy import Explanation, Policy
from car.protobuf import submessages

SAMPLE = 96
"""Frames that the checks look at, spread over the log."""

COMPLETE = 1e-3
"""Largest gap of the sum, as a share of the largest logit, that is rounding."""

AGREE = 0.99
"""Share of frames on which the policy must decide as the car did."""

ALIKE = 0.7
"""Mean correlation with the maps of a shuffled head above which the maps do not show the decision."""


@dataclass(frozen=True)
class Check:
    """One check and its result."""

    name: str
    """What was checked."""
    passed: bool | None
    """Whether it passed; None where it could not be done."""
    text: str
    """The result in a sentence, with its figure and the limit."""


def run_checks(policy: Policy, log: CarLog, *, sample: int = SAMPLE, seed: int = 0) -> list[Check]:
    """Run all checks.

    Args:
        policy: the policy whose maps are shown.
        log: the log that they are shown on.
        sample: frames to look at.
        seed: of the shuffling.

    Raises:
        Sim2RaceError: the log has no frame that can be read.
    """
    rows, observations = _frames(policy, log, sample)
    history = command_history(log, rows, policy.history) if policy.history else None
    targets = np.maximum(log.frames.action[rows], 0)
    explained = policy.explain(observations, targets, history)
    shuffled = _shuffled_maps(policy, observations, targets, history, seed)
    return [
        completeness(explained, targets),
        agreement(explained, log, rows),
        randomised_head(explained.heatmap, shuffled),
    ]


def completeness(explained: Explanation, targets: NDArray[np.int64]) -> Check:
    """Check that maps and biases add up to the logits."""
    logits = np.take_along_axis(explained.logits, targets[:, None], axis=1)[:, 0]
    gap = np.abs(explained.heatmap.sum(axis=(1, 2)) + explained.bias - logits).max()
    share = float(gap / max(float(np.abs(logits).max()), 1e-9))
    words = f"map and bias add up to the logit within {share:.1e} of it (limit {COMPLETE:g})"
    return Check("Completeness", share <= COMPLETE, words)


def agreement(explained: Explanation, log: CarLog, rows: NDArray[np.int64]) -> Check:
    """Check that the policy decides as the car did."""
    logged = log.frames.action[rows]
    known = logged >= 0
    if not known.any():
        return Check("Agreement", None, "this log holds no discrete actions to compare with")
    same = explained.action[known].argmax(axis=1) == logged[known]
    words = f"decides as the car did on {int(same.sum())} of {len(same)} frames (limit {AGREE:.0%})"
    return Check("Agreement", bool(same.mean() >= AGREE), words)


def randomised_head(maps: NDArray[np.float32], shuffled: NDArray[np.float32] | None) -> Check:
    """Check that maps (N, h, w) change when the head is shuffled."""
    if shuffled is None:
        return Check(
            "Randomised head", None, "the weights of the last layer were not found in the policy file"
        )
    pairs = zip(maps.reshape(len(maps), -1), shuffled.reshape(len(maps), -1), strict=True)
    alike = [
        float(np.corrcoef(one, other)[0, 1]) for one, other in pairs if one.std() > 0 and other.std() > 0
    ]
    if not alike:
        return Check("Randomised head", None, "all maps are blank")
    mean = float(np.mean(np.abs(alike)))
    words = f"maps correlate by {mean:.2f} with those of a shuffled head (limit {ALIKE:g})"
    return Check("Randomised head", mean <= ALIKE, words)


def shuffled_head(content: bytes, seed: int) -> bytes | None:
    """Return an ONNX file with the weights that make the logits shuffled; None where they are not found."""
    changed = bytearray(content)
    if next(submessages(memoryview(changed), MODEL_GRAPH), None) is None:
        return None
    weight = next(_head_weights(graph_of(memoryview(changed))), None)
    if weight is None:
        return None
    numbers = np.frombuffer(weight, "<f4")
    weight[:] = np.random.default_rng(seed).permutation(numbers).astype("<f4").tobytes()
    return bytes(changed)


def _head_weights(graph: memoryview) -> Iterator[memoryview]:
    """Yield the raw bytes of the matrix that makes the logits."""
    names = {name for node in nodes_of(graph) if node.outputs[-1:] == ["logits"] for name in node.inputs}
    tensors = [tensor for name, tensor in initializers_of(graph).items() if name in names]
    found = [raw for tensor in tensors for raw in submessages(tensor, TENSOR_RAW) if len(raw) % 4 == 0]
    if found:
        yield max(found, key=len)  # The bias is shorter than the matrix.


def _shuffled_maps(
    policy: Policy,
    observations: NDArray[np.uint8],
    targets: NDArray[np.int64],
    history: NDArray[np.float32] | None,
    seed: int,
) -> NDArray[np.float32] | None:
    content = shuffled_head(policy.path.read_bytes(), seed)
    if content is None:
        return None
    with tempfile.TemporaryDirectory(prefix="sim2race-check-") as folder:
        path = Path(folder) / "policy.onnx"
        path.write_bytes(content)
        return Policy.load(path).explain(observations, targets, history).heatmap


def _frames(policy: Policy, log: CarLog, sample: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return frames spread over the log that have pictures, and their observations."""
    spread = np.unique(np.linspace(0, max(len(log.frames) - 1, 0), sample).astype(np.int64))
    found = {int(row): _observation(policy, log, int(row)) for row in spread[spread < len(log.frames)]}
    rows = [row for row, picture in found.items() if picture is not None]
    pictures = [picture for picture in found.values() if picture is not None]
    if not rows:
        raise Sim2RaceError(f"{log.name} has no picture that can be read; there is nothing to check on.")
    return np.array(rows, dtype=np.int64), np.stack(pictures)


def _observation(policy: Policy, log: CarLog, row: int) -> NDArray[np.uint8] | None:
    try:
        picture: NDArray[np.uint8] = stacked_observations(log, np.array([row]), policy.frames)[0]
    except Sim2RaceError:
        return None
    return picture
