"""`sim2race export`: a trained policy becomes `policy.onnx`, proven equal before it appears.

The graph is built from the weights themselves (`training.onnx_graph`), then run by onnxruntime against
PyTorch on many frames: actions, logits, and the heat map against automatic differentiation. A file that
fails never gets its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from gymnasium import spaces
from rich.console import Console
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from car.errors import Sim2RaceError
from car.files import atomic_path
from car.policy import Policy
from car.policy_metadata import METADATA_KEY, PolicyMetadata
from sim.driving import HISTORY_KEY, OBSERVATION_KEY
from training.networks import CameraFeatures, frames_space
from training.onnx_graph import PolicyWeights, build_policy_model

TOLERANCE = 1e-5
"""Largest difference between PyTorch and onnxruntime; `ExportProof` says of what."""

PROOF_FRAMES = 64
"""Random frames that the proof runs on."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ExportConfig:
    """Export a snapshot of a training run as policy.onnx."""

    run: Path
    """Folder of the training run."""
    snapshot: str = "best"
    """Which snapshot: "best" (greedy evaluation), "last", or its name, as in step-000123456."""
    output: Path | None = None
    """File to write; policy.onnx in the run's folder unless given."""
    speeds: Path | None = None
    """model_metadata.json with the same angles and other speeds, to slow a policy down, or to try it faster,
    without training it anew."""


@dataclass(frozen=True)
class ExportProof:
    """How far onnxruntime is from PyTorch on the exported policy, worst case over all frames and actions."""

    action: float
    """Largest absolute difference of an action's probability (of a continuous action: of its mean)."""
    logits: float
    """Largest difference of a logit: absolute, or relative to the largest logit where that is above 1."""
    heatmap: float
    """Largest difference of a heat map from automatic differentiation, over the largest value of any map."""
    gradcam: float
    """The same for Grad-CAM, over what it would be if the gradients it averages did not cancel."""
    completeness: float
    """Largest |sum(heatmap) + heatmap_bias - logit|, over the largest sum of the map's magnitudes."""

    @property
    def holds(self) -> bool:
        """Whether every figure is within the tolerance; NaN is not."""
        figures = (self.action, self.logits, self.heatmap, self.gradcam, self.completeness)
        return all(figure <= TOLERANCE for figure in figures)

    def __str__(self) -> str:
        """Return the figures in one line."""
        return (
            f"action {self.action:.1e}, logits {self.logits:.1e}, heat map {self.heatmap:.1e}, "
            f"Grad-CAM {self.gradcam:.1e}, completeness {self.completeness:.1e}"
        )


def run(config: ExportConfig) -> int:
    """Export as `config` says and print the proof."""
    # Building the learner anew needs the whole of training; exporting a policy at hand does not.
    from training.assembly import export_snapshot
    from training.run_folder import RunFolder

    folder = RunFolder.open(config.run)
    path = config.output or folder.policy_path
    proof = export_snapshot(folder, config.snapshot, path, speeds=config.speeds)
    Console().print(
        f"Wrote {path}. PyTorch against onnxruntime, largest difference: {proof}.",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def export_policy(
    policy: ActorCriticPolicy,
    path: Path,
    *,
    metadata: PolicyMetadata,
    observations: npt.NDArray[np.uint8] | None = None,
) -> ExportProof:
    """Write `policy` to `path` as ONNX, after proving that the file does what the policy does.

    Args:
        policy: trained on `CameraFeatures`.
        path: `policy.onnx`; replaced only by a file that passed.
        metadata: what the file says about itself.
        observations: (N, K, H, W) frames to prove it on, beside random ones.

    Raises:
        Sim2RaceError: the file and the policy differ, the car's loader refuses the file, or it cannot be
            written.
    """
    weights = policy_weights(policy)
    model = build_policy_model(weights, {METADATA_KEY: metadata.to_json()})
    with atomic_path(path) as aside:
        aside.write_bytes(model.SerializeToString())
        proof = prove_export(policy, aside, _proof_frames(weights, observations))
        if not proof.holds:
            raise Sim2RaceError(
                f"Not exporting {path}: onnxruntime and PyTorch differ by more than {TOLERANCE}: {proof}."
            )
        Policy.load(aside)
    return proof


def policy_weights(policy: ActorCriticPolicy) -> PolicyWeights:
    """Take the actor's numbers out of a policy trained on `CameraFeatures`."""
    features = policy.pi_features_extractor
    assert isinstance(features, CameraFeatures)
    frames = frames_space(policy.observation_space)
    split = int(np.prod(features.map_shape))
    dense = _numbers(features.dense.weight)
    return PolicyWeights(
        frames=frames.shape[0],
        height=frames.shape[1],
        width=frames.shape[2],
        pool=features.pool,
        masked_rows=features.masked_rows,
        convolutions=tuple(
            (_numbers(layer.weight), _numbers(layer.bias), layer.stride[0])
            for layer in features.convolutions
            if isinstance(layer, nn.Conv2d)
        ),
        map_shape=features.map_shape,
        dense_image=dense[:, :split],
        dense_history=dense[:, split:] if dense.shape[1] > split else None,
        dense_bias=_numbers(features.dense.bias),
        head=_numbers(policy.action_net.weight),
        head_bias=_numbers(policy.action_net.bias),
        discrete=isinstance(policy.action_space, spaces.Discrete),
    )


def prove_export(policy: ActorCriticPolicy, path: Path, observations: npt.NDArray[np.uint8]) -> ExportProof:
    """Run the file with onnxruntime and the policy with PyTorch, and compare all outputs for all targets."""
    weights = policy_weights(policy)
    history = _proof_history(weights, len(observations))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    actions = len(weights.head_bias)
    worst: dict[str, float] = dict.fromkeys(("action", "logits", "heatmap", "gradcam", "completeness"), 0.0)
    for target in range(actions):
        expected = _explain_with_autograd(policy, observations, history, target)
        feeds: dict[str, npt.NDArray[Any]] = {
            OBSERVATION_KEY: observations,
            "target": np.full(len(observations), target, np.int64),
        }
        if history is not None:
            feeds[HISTORY_KEY] = history
        names = ["action", "logits", "heatmap", "heatmap_bias", "gradcam"]
        found = dict(zip(names, session.run(names, feeds), strict=True))
        gap = found["heatmap"].sum(axis=(1, 2)) + found["heatmap_bias"] - found["logits"][:, target]
        magnitude = np.abs(found["heatmap"]).sum(axis=(1, 2)).max() + np.abs(found["logits"]).max()
        differences = {
            "action": _largest(found["action"] - expected["action"]),
            "logits": _largest(found["logits"] - expected["logits"]) / max(_largest(expected["logits"]), 1.0),
            "heatmap": _relative(found["heatmap"], expected["heatmap"], scale=expected["heatmap"]),
            "gradcam": _relative(found["gradcam"], expected["gradcam"], scale=expected["uncancelled"]),
            "completeness": _largest(gap) / max(float(magnitude), 1e-12),
        }
        # np.maximum keeps NaN, the built-in max may drop it.
        worst = {name: float(np.maximum(worst[name], differences[name])) for name in worst}
    return ExportProof(**worst)


def _explain_with_autograd(
    policy: ActorCriticPolicy, observations: npt.NDArray[np.uint8], history: FloatArray | None, target: int
) -> dict[str, FloatArray]:
    """Compute with PyTorch what the file computes by itself."""
    features = policy.pi_features_extractor
    assert isinstance(features, CameraFeatures)
    commands = None if history is None else torch.from_numpy(history)
    with torch.no_grad():
        detached = features.activations(torch.from_numpy(observations))
    activations = detached.requires_grad_()
    logits: Tensor = policy.action_net(features.features(activations, commands))
    (gradient,) = torch.autograd.grad(logits[:, target].sum(), activations)
    discrete = isinstance(policy.action_space, spaces.Discrete)
    action = logits.softmax(dim=1) if discrete else logits.clamp(-1.0, 1.0)
    weighted = gradient.mean(dim=(2, 3), keepdim=True) * activations
    outputs = {
        "action": action,
        "logits": logits,
        "heatmap": (gradient * activations).sum(dim=1),
        "gradcam": weighted.sum(dim=1).relu(),
        "uncancelled": (gradient.abs().mean(dim=(2, 3), keepdim=True) * activations).sum(dim=1),
    }
    return {name: output.detach().numpy() for name, output in outputs.items()}


def _proof_frames(
    weights: PolicyWeights, observations: npt.NDArray[np.uint8] | None
) -> npt.NDArray[np.uint8]:
    """Return random frames, an all-black and an all-white one, and the given ones."""
    shape = (weights.frames, weights.height, weights.width)
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (PROOF_FRAMES, *shape), dtype=np.uint8)
    extremes = np.stack([np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)])
    given = [] if observations is None else [observations]
    return np.concatenate([frames, extremes, *given])


def _proof_history(weights: PolicyWeights, count: int) -> FloatArray | None:
    """Return plausible last commands for `count` frames, or None for a policy without history."""
    if weights.dense_history is None:
        return None
    commands = weights.dense_history.shape[1] // 2
    generator = np.random.default_rng(1)
    return generator.uniform([-0.35, 0.0], [0.35, 2.0], (count, commands, 2)).astype(np.float32)


def _numbers(tensor: Tensor | nn.Module | None) -> FloatArray:
    """Copy a parameter into an array."""
    assert isinstance(tensor, Tensor)
    array: FloatArray = tensor.detach().cpu().contiguous().numpy().copy()
    return array


def _largest(difference: FloatArray) -> float:
    """Return the largest magnitude, NaN if there is one."""
    return float(np.abs(difference).max())


def _relative(found: FloatArray, expected: FloatArray, *, scale: FloatArray) -> float:
    """Return the largest difference over the largest magnitude of `scale`."""
    return _largest(found - expected) / max(_largest(scale), 1e-12)
