"""Occlusion: cover one patch of the picture after the other and watch the logit (Zeiler and Fergus 2014).

It needs no gradient and no knowledge of the network, so it is the check for every other map; it costs some
270 looks at the picture, so it is for one frame at a time. A patch is covered by the picture's own blur: a
patch of one grey would draw an edge that was never there, and be an answer to that.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from car.policy import Policy
from car.preprocess import HEIGHT, WIDTH

PATCH_PX = 16
"""Side of the patch."""
STEP_PX = 8
"""Distance between two patches; half of the side, so that every place is covered up to four times."""


def occlusion_map(
    policy: Policy,
    observation: NDArray[np.uint8],
    seed: NDArray[np.float32],
    history: NDArray[np.float32] | None = None,
    *,
    patch_px: int = PATCH_PX,
    step_px: int = STEP_PX,
) -> NDArray[np.float32]:
    """Return by how much what is explained falls when a place is covered.

    Args:
        policy: what to explain.
        observation: (K, 120, 160); a patch is covered in all frames of a stack.
        seed: (A,) weight of each logit in what is explained: a single 1, or 1 and -1 for a difference.
        history: (M, 2) last commands, for a policy that takes them.
        patch_px: side of the patch.
        step_px: distance between two patches.

    Returns:
        (120, 160) in units of the logit, the mean over the patches that cover a pixel; positive where the
        picture spoke for the action.
    """
    corners = [
        (top, left)
        for top in range(0, HEIGHT - patch_px + 1, step_px)
        for left in range(0, WIDTH - patch_px + 1, step_px)
    ]
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), patch_px) for frame in observation])
    covered = np.repeat(observation[None], len(corners) + 1, axis=0)
    for picture, (top, left) in zip(covered[1:], corners, strict=True):
        at = np.s_[:, top : top + patch_px, left : left + patch_px]
        picture[at] = blurred[at]
    histories = None if history is None else np.repeat(history[None], len(covered), axis=0)
    logits = policy.explain(covered, np.zeros(len(covered), np.int64), histories).logits
    explained = logits.astype(np.float64) @ seed.astype(np.float64)
    total, times = np.zeros((HEIGHT, WIDTH)), np.zeros((HEIGHT, WIDTH))
    for fall, (top, left) in zip(explained[0] - explained[1:], corners, strict=True):
        total[top : top + patch_px, left : left + patch_px] += fall
        times[top : top + patch_px, left : left + patch_px] += 1.0
    return np.divide(total, times, out=np.zeros_like(total), where=times > 0).astype(np.float32)
