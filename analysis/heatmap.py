"""What the network looked at: heat maps from the policy file, by onnxruntime alone.

The graph of a policy holds its own explanation (the outputs `heatmap` and `gradcam`), so neither torch nor a
gradient is needed here. HiResCAM (Draelos and Carin 2020, arXiv 2011.08891) is the default: gradient times
activation per cell, signed. Grad-CAM (Selvaraju et al. 2017) averages the gradient over the image first and
so loses the place when a network's head is flatten + dense; it is kept for comparison with other tools.

All maps of a log are shown on one scale: with a scale per frame, a frame that says nothing would glow as
brightly as one that says everything.
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
from car.action_space import ContinuousActionSpace
from car.errors import Sim2RaceError, unknown_name
from car.log_reader import CarLog
from car.policy import Policy
from car.preprocess import HEIGHT, WIDTH, observation

METHODS = {"hirescam": "heatmap", "gradcam": "gradcam"}
"""Name of a method to the field of `car.policy.Explanation` that holds it."""

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
    history: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Compute heat maps in one batch.

    Args:
        policy: what to explain.
        observations: (N, K, 120, 160).
        targets: (N,) index of the action to explain; for a continuous policy 0 is steering and 1 is speed.
        method: "hirescam" (signed) or "gradcam" (never negative).
        history: (N, M, 2) last commands, for a policy that takes them.

    Returns:
        (N, h, w) at the resolution of the network's last convolution, in units of the explained logit.

    Raises:
        UnknownNameError: no method has that name.
        Sim2RaceError: an input of the wrong shape, or a target that does not exist.
    """
    if method not in METHODS:
        raise unknown_name("heat map method", method, METHODS)
    explanation = policy.explain(observations, targets, history)
    maps: NDArray[np.float32] = getattr(explanation, METHODS[method])
    return maps


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
        (N, h, w) float32.

    Raises:
        Sim2RaceError: a frame has no picture, or a continuous policy is asked for its runner-up.
    """
    if target == RUNNER_UP:
        return _against_runner_up(policy, log, indices, method)
    executed = np.maximum(log.frames.action[indices], 0)  # A continuous policy is explained by its steering.
    targets = executed if target == EXECUTED else np.full(len(indices), target)
    return heatmaps(
        policy,
        stacked_observations(log, indices, policy.frames),
        targets.astype(np.int64),
        method,
        history=command_history(log, indices, policy.history) if policy.history else None,
    )


def _against_runner_up(
    policy: Policy, log: CarLog, indices: NDArray[np.int64], method: str
) -> NDArray[np.float32]:
    """Return the map of the executed action less that of the best other one.

    A map is linear in the logit that it explains, so for HiResCAM this is the map of the logits' difference.
    """
    executed = log.frames.action[indices]
    if isinstance(policy.action_space, ContinuousActionSpace) or (executed < 0).any():
        raise Sim2RaceError("Only a choice among actions has a runner-up; this log holds none.")
    if policy.action_space.size < 2 or executed.max(initial=0) >= policy.action_space.size:
        raise Sim2RaceError("This policy has no runner-up to the actions of this log.")
    observations = stacked_observations(log, indices, policy.frames)
    history = command_history(log, indices, policy.history) if policy.history else None
    logits = policy.explain(observations, executed, history).logits.copy()
    np.put_along_axis(logits, executed[:, None], -np.inf, axis=1)
    targets = executed, logits.argmax(axis=1).astype(np.int64)
    chosen, other = (heatmaps(policy, observations, each, method, history=history) for each in targets)
    return np.asarray(chosen - other, np.float32)


def stacked_observations(log: CarLog, indices: NDArray[np.int64], frames: int) -> NDArray[np.uint8]:
    """Return (N, K, 120, 160): each frame with the K - 1 before it in the log, oldest first.

    Before the first frame of a log the first one is repeated, as the car does when it starts.
    """
    wanted = np.maximum(np.asarray(indices)[:, None] + np.arange(1 - frames, 1)[None, :], 0)
    unique, inverse = np.unique(wanted, return_inverse=True)
    pictures = np.stack([observation(log.image(int(i))) for i in unique])
    stacked: NDArray[np.uint8] = pictures[inverse.reshape(wanted.shape)]
    return stacked


def command_history(log: CarLog, indices: NDArray[np.int64], length: int) -> NDArray[np.float32]:
    """Return (N, M, 2): the M commands (rad, m/s) before each frame, newest last; zero before the first."""
    commands = np.stack([log.frames.steering_rad, log.frames.speed_mps], axis=1)
    padded = np.concatenate([np.zeros((length, 2)), np.nan_to_num(commands)]).astype(np.float32)
    return padded[np.asarray(indices)[:, None] + np.arange(length)[None, :]]


def log_scale(
    policy: Policy,
    log: CarLog,
    *,
    method: str = DEFAULT_METHOD,
    target: int = EXECUTED,
    sample: int = 64,
) -> float:
    """Return the one scale for all maps of a log: a high percentile of |map| over frames spread over the log.

    Args:
        policy: see `frame_maps`.
        log: see `frame_maps`.
        method: see `frame_maps`.
        target: see `frame_maps`.
        sample: number of frames to look at.

    Returns:
        The |value| that gets full colour; 0 when every sampled map is blank.
    """
    spread = np.linspace(0, max(len(log.frames) - 1, 0), min(sample, len(log.frames))).astype(np.int64)
    maps: list[NDArray[np.float32]] = []
    for index in np.unique(spread):
        # A frame without a picture has no map; it must not take the others' scale away.
        with contextlib.suppress(Sim2RaceError):
            maps.append(frame_maps(policy, log, np.array([index]), method=method, target=target))
    magnitudes = np.abs(np.concatenate(maps)) if maps else np.zeros(0)
    known = magnitudes[np.isfinite(magnitudes)]
    return float(np.percentile(known, SCALE_PERCENTILE)) if known.size else 0.0


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
            stretched.

    Returns:
        (120, 160, 4) RGBA, not premultiplied. Beyond the outermost cells the colour fades out.
    """
    if scale <= 0:
        return np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    shares = np.nan_to_num(heatmap / scale, posinf=0.0, neginf=0.0).astype(np.float32)
    # Values are enlarged and not colours, so that no false colour appears between a warm and a cool cell.
    cells = np.clip(shares, -1.0, 1.0)
    if grid is None:
        enlarged = cv2.resize(cells, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    else:
        cells_from_pixels = np.array(
            [
                [1.0 / grid.stride_x_px, 0.0, -grid.first_x_px / grid.stride_x_px],
                [0.0, 1.0 / grid.stride_y_px, -grid.first_y_px / grid.stride_y_px],
            ]
        )
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        enlarged = cv2.warpAffine(cells, cells_from_pixels, (WIDTH, HEIGHT), flags=how)
    return signed_colours(cast("NDArray[np.float32]", enlarged))


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
