"""What the network looked at: heat maps from the policy file, by onnxruntime alone.

HiResCAM (Draelos and Carin 2020, arXiv 2011.08891) is the default: gradient times activation per cell of
the last convolution, signed; the policy file computes it by itself. The mean over all convolutions is finer
and found the pixels that matter best of all gradient methods in our measurements. Grad-CAM (Selvaraju et al.
2017) averages the gradient over the picture first and so loses the place when a network's head is flatten +
dense; it is kept for comparison, as is the recipe of the community's videos. Occlusion needs no gradient.

All maps of a log are shown on one scale: with a scale per frame, a frame that says nothing would glow as
brightly as one that says everything. The community's recipe alone stretches every frame by itself.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.colours import signed_colours
from analysis.heatmap_grid import CellGrid
from analysis.heatmap_inputs import policy_inputs
from analysis.layer_maps import Recipe, in_pixels, layer_maps
from analysis.occlusion import occlusion_map
from car.action_space import ContinuousActionSpace
from car.errors import Sim2RaceError, unknown_name
from car.log_reader import CarLog
from car.policy import Policy
from car.preprocess import HEIGHT, WIDTH

METHODS = {
    "hirescam": "HiResCAM of the last layer: what each place adds to the logit",
    "all-layers": "HiResCAM, mean of all layers: finer, slower",
    "gradcam": "Grad-CAM: for comparison; loses the place in these networks",
    "community": "The community's recipe: always the first action, stretched per frame",
    "occlusion": "Occlusion: cover a patch and ask again; a paused frame takes a moment",
}
"""Name of a method to a line about it. "hirescam" and "gradcam" have a value per cell of the last layer (see
`analysis.heatmap_grid`), all others one per pixel of the picture."""

PAUSED_ONLY = frozenset({"occlusion"})
"""Methods that are too slow for a picture that moves."""

DEFAULT_METHOD = "hirescam"

EXECUTED = -1
"""As a target: explain the action that the car executed."""

RUNNER_UP = -2
"""As a target: why the executed action and not the next best; the map of the difference of their logits."""

SCALE_PERCENTILE = 99.5
"""The scale of a log is this percentile of |map| over all cells of sampled frames: robust to an odd one."""

BLANK_SHARE = 1e-4
"""A map whose peak is below this share of the scale holds nothing but rounding."""

WEAK_SHARE = 0.15
"""A map whose peak is below this share of the scale says little; it is faint, but it is not blank."""


_SAMPLE = 64
_SLOW_SAMPLE = 6


@dataclass(frozen=True)
class Strength:
    """How much a map says, so that a picture without colour is not taken for a failure or the reverse."""

    kind: Literal["blank", "weak", "normal"]
    """Blank: nothing at all. Weak: below 15 % of the log's scale everywhere."""
    peak: float
    """Largest |value|, in units of the explained logit."""
    share: float
    """The peak as a share of the log's scale; 0 when the scale itself is 0."""


def heatmaps(
    policy: Policy,
    observations: NDArray[np.uint8],
    targets: NDArray[np.int64],
    method: str = DEFAULT_METHOD,
    *,
    against: NDArray[np.int64] | None = None,
    history: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Compute heat maps in one batch.

    Args:
        policy: what to explain.
        observations: (N, K, 120, 160).
        targets: (N,) index of the action to explain; for a continuous policy 0 is steering and 1 is speed.
        method: one of `METHODS`; "gradcam" and "community" are never negative.
        against: (N,) index of another action: explain the difference of the two logits.
        history: (N, M, 2) last commands, for a policy that takes them.

    Returns:
        (N, h, w). "hirescam", "gradcam": at the resolution of the last convolution, in units of the explained
        logit. "all-layers": (N, 120, 160), logit per pixel. "community": (N, 120, 160), 0 to 1, whatever the
        target. "occlusion": (N, 120, 160), in units of the logit.

    Raises:
        UnknownNameError: no method has that name.
        Sim2RaceError: an input of the wrong shape, a target that does not exist, or a network whose way back
            is not known.
    """
    if method not in METHODS:
        raise unknown_name("heat map method", method, METHODS)
    if method == "community":
        return _community(policy, observations, history)
    if method in ("hirescam", "gradcam") and against is None:
        explanation = policy.explain(observations, targets, history)
        return explanation.heatmap if method == "hirescam" else explanation.gradcam
    seeds = _seeds(policy, targets, against)
    if method == "occlusion":
        histories = [None] * len(observations) if history is None else list(history)
        pictures = zip(observations, seeds, histories, strict=True)
        return np.stack([occlusion_map(policy, *each) for each in pictures])
    recipe: Recipe = "gradcam" if method == "gradcam" else "hirescam"
    layers = layer_maps(policy, observations, seeds, history, recipe=recipe)
    if method == "all-layers":
        means = np.mean([in_pixels(layer, density=True) for layer in layers], axis=0)
        return np.asarray(means, np.float32)
    return layers[-1].values


def frame_maps(
    policy: Policy,
    log: CarLog,
    indices: NDArray[np.int64],
    *,
    method: str = DEFAULT_METHOD,
    target: int = EXECUTED,
) -> NDArray[np.float32]:
    """Compute the heat maps of some frames of a log.

    Args:
        policy: what to explain; need not be the one that drove.
        log: where the frames are.
        indices: (N,) frames.
        method: see `heatmaps`.
        target: index of the action to explain, or `EXECUTED`, or `RUNNER_UP`.

    Returns:
        (N, h, w) float32, see `heatmaps`.

    Raises:
        Sim2RaceError: a frame has no picture, or a continuous policy is asked for its runner-up.
    """
    observations, history = policy_inputs(policy, log, indices)
    executed = np.maximum(log.frames.action[indices], 0)  # A continuous policy is explained by its steering.
    targets = (executed if target in (EXECUTED, RUNNER_UP) else np.full(len(indices), target)).astype(
        np.int64
    )
    against = _runners_up(policy, log, indices, observations, history) if target == RUNNER_UP else None
    return heatmaps(policy, observations, targets, method, against=against, history=history)


def _runners_up(
    policy: Policy,
    log: CarLog,
    indices: NDArray[np.int64],
    observations: NDArray[np.uint8],
    history: NDArray[np.float32] | None,
) -> NDArray[np.int64]:
    """Return (N,) the best action of each frame besides the one that was executed."""
    executed = log.frames.action[indices]
    if isinstance(policy.action_space, ContinuousActionSpace) or (executed < 0).any():
        raise Sim2RaceError("Only a choice among actions has a runner-up; this log holds none.")
    if policy.action_space.size < 2 or executed.max(initial=0) >= policy.action_space.size:
        raise Sim2RaceError("This policy has no runner-up to the actions of this log.")
    logits = policy.explain(observations, executed, history).logits.copy()
    np.put_along_axis(logits, executed[:, None], -np.inf, axis=1)
    return np.asarray(logits.argmax(axis=1), np.int64)


def _seeds(
    policy: Policy, targets: NDArray[np.int64], against: NDArray[np.int64] | None
) -> NDArray[np.float32]:
    """Return (N, A) weights of the logits in what is explained."""
    actions = policy.action_space.size
    for wanted in (targets, targets if against is None else against):
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < actions:
            raise Sim2RaceError(f"A target is not one of the actions 0 to {actions - 1}.")
    one = np.eye(actions, dtype=np.float32)
    seeds: NDArray[np.float32] = one[targets] if against is None else one[targets] - one[against]
    return seeds


def _community(
    policy: Policy, observations: NDArray[np.uint8], history: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """Return (N, 120, 160) maps as the community's video tools compute them.

    Grad-CAM of the first action's probability (of a continuous policy: of steering) on every convolution's
    output before its activation function; each layer's map stretched from 0 to 1 and over the picture, their
    mean stretched from 0 to 1 again. A map without any contrast stays 0.
    """
    first = np.zeros(len(observations), np.int64)
    seeds = _seeds(policy, first, None)
    if not isinstance(policy.action_space, ContinuousActionSpace):
        chances = policy.explain(observations, first, history).action
        seeds = chances[:, :1] * (seeds - chances)  # The gradient of a softmax.
    layers = layer_maps(policy, observations, seeds, history, recipe="community")
    enlarged = [
        np.stack([cv2.resize(one, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR) for one in maps])
        for maps in (_stretched(layer.values) for layer in layers)
    ]
    return _stretched(np.mean(enlarged, axis=0, dtype=np.float32))


def _stretched(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch each of (N, h, w) maps from 0 to 1."""
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    stretched: NDArray[np.float32] = np.divide(
        maps - low, high - low, out=np.zeros_like(maps), where=high > low
    )
    return stretched


def log_scale(
    policy: Policy,
    log: CarLog,
    *,
    method: str = DEFAULT_METHOD,
    target: int = EXECUTED,
    sample: int = _SAMPLE,
) -> float:
    """Return the one scale for all maps of a log: a high percentile of |map| over frames spread over the log.

    Args:
        policy: see `frame_maps`.
        log: see `frame_maps`.
        method: see `frame_maps`.
        target: see `frame_maps`.
        sample: number of frames to look at.

    Returns:
        The |value| that gets full colour; 0 when every sampled map is blank. The community's recipe knows no
        scale of a log: it is 1.
    """
    if method == "community":
        return 1.0
    if method in PAUSED_ONLY:
        sample = min(sample, _SLOW_SAMPLE)
    maps: list[NDArray[np.float32]] = []
    for index in scale_frames(log, sample):
        # A frame without a picture has no map; it must not take the others' scale away.
        with contextlib.suppress(Sim2RaceError):
            maps.append(frame_maps(policy, log, np.array([index]), method=method, target=target))
    magnitudes = np.abs(np.concatenate(maps)) if maps else np.zeros(0)
    known = magnitudes[np.isfinite(magnitudes)]
    return float(np.percentile(known, SCALE_PERCENTILE)) if known.size else 0.0


def scale_frames(log: CarLog, sample: int = _SAMPLE) -> NDArray[np.int64]:
    """Return the frames that `log_scale` looks at, spread over the log."""
    spread = np.linspace(0, max(len(log.frames) - 1, 0), min(sample, len(log.frames))).astype(np.int64)
    return np.unique(spread)


def strength(heatmap: NDArray[np.floating], scale: float) -> Strength:
    """Tell a blank map from a weak one.

    Args:
        heatmap: (h, w).
        scale: of the log, see `log_scale`.
    """
    finite = heatmap[np.isfinite(heatmap)]
    peak = float(np.abs(finite).max()) if finite.size else 0.0
    share = peak / scale if scale > 0 else 0.0
    if peak == 0.0 or share < BLANK_SHARE:
        return Strength("blank", peak, share)
    return Strength("weak" if share < WEAK_SHARE else "normal", peak, share)


def coloured(heatmap: NDArray[np.floating], scale: float, grid: CellGrid | None = None) -> NDArray[np.uint8]:
    """Turn a map into a transparent picture: warm speaks for the action, cool against, clear says nothing.

    Args:
        heatmap: (h, w) signed; not-a-number counts as nothing.
        scale: |value| that gets full colour; at 0 the picture is clear.
        grid: where the cells lie in the picture, see `analysis.heatmap_grid`; without it the map is
            stretched. A map with a value per pixel lies where it lies.

    Returns:
        (120, 160, 4) RGBA, not premultiplied. Beyond the outermost cells the colour fades out.
    """
    return signed_colours(enlarged_shares(heatmap, scale, grid))


def enlarged_shares(
    heatmap: NDArray[np.floating], scale: float, grid: CellGrid | None = None
) -> NDArray[np.float32]:
    """Return a map as (120, 160) shares of the scale, -1 to 1; see `coloured` for the arguments."""
    if scale <= 0:
        return np.zeros((HEIGHT, WIDTH), np.float32)
    shares = np.nan_to_num(heatmap / scale, posinf=0.0, neginf=0.0).astype(np.float32)
    # Values are enlarged and not colours, so that no false colour appears between a warm and a cool cell.
    cells = np.clip(shares, -1.0, 1.0)
    if cells.shape == (HEIGHT, WIDTH):
        return cells
    if grid is None:
        enlarged = cv2.resize(cells, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    else:
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        enlarged = cv2.warpAffine(cells, grid.cells_from_pixels(), (WIDTH, HEIGHT), flags=how)
    return cast("NDArray[np.float32]", enlarged)


def overlay(
    image_rgb: NDArray[np.uint8],
    heatmap: NDArray[np.floating],
    *,
    opacity: float,
    scale: float,
    grid: CellGrid | None = None,
) -> NDArray[np.uint8]:
    """Lay a heat map over its frame.

    Args:
        image_rgb: (H, W, 3) the frame.
        heatmap: (h, w) signed.
        opacity: 0 leaves the frame as it is, 1 covers it where the map is strongest.
        scale: of the log, see `log_scale`.
        grid: see `coloured`.

    Returns:
        (H, W, 3) RGB.
    """
    height, width = image_rgb.shape[:2]
    colours = coloured(heatmap, scale, grid)
    if (height, width) != (HEIGHT, WIDTH):
        colours = cast("NDArray[np.uint8]", cv2.resize(colours, (width, height)))
    alpha = colours[..., 3:].astype(np.float32) / 255.0 * opacity
    mixed = image_rgb * (1.0 - alpha) + colours[..., :3] * alpha
    blended: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return blended
