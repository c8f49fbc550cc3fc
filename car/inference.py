"""From a JPEG to a decision: what the inference node does, without ROS.

One frame, one decision: a frame that is old, from the future, no picture, or the same picture again while
the car moves is dropped and counted, never queued. What a policy needs beyond the present frame, earlier
frames and its own last commands, is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from car.action_space import ActionSpace, Command, DiscreteActionSpace
from car.clock import Clock
from car.errors import Sim2RaceError
from car.frozen_picture import FrozenPicture
from car.policy import Policy
from car.preprocess import HEIGHT, WIDTH, frame_from_jpeg, observation

MAX_FUTURE_S = 0.05
"""A frame from further in the future than this was stamped by a wrong clock."""
WARM_UP_RUNS = 5
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Decision:
    """What the policy said about one frame."""

    output: NDArray[np.float32]
    """(A,) probabilities, or 2 values in -1..1 of a continuous policy; not finite if it broke down."""
    captured_ns: int
    """Wall clock, when the frame was captured."""
    inferred_ns: int
    """Wall clock, when the policy had decided."""
    inference_ms: float
    """Decoding, preprocessing and policy."""


@dataclass
class FrameCounts:
    """What became of the frames; the first number is the sum of the others."""

    frames_in: int = 0
    """Frames that the camera sent since the first one that arrived."""
    acted: int = 0
    """Frames that led to a decision."""
    dropped_old: int = 0
    """Frames older than the limit, or overtaken by a newer one on the way."""
    dropped_bad: int = 0
    """Frames from the future, frozen ones, those that are no picture, and those that the policy failed on."""
    overtaken: int = 0
    """Of the old ones: a newer frame came first."""
    future: int = 0
    """Of the bad ones: stamped by a wrong clock."""
    malformed: int = 0
    """Of the bad ones: no picture."""
    frozen: int = 0
    """Of the bad ones: the same picture under a new stamp, while the car moves."""


class InferencePipeline:
    """Turns camera frames into decisions.

    Args:
        policy: decides.
        clock: wall clock for the age of frames, monotonic for the time taken.
        max_frame_age_s: an older frame is dropped.
        refuse_frozen: drop a picture that is the one before; not for a recording that is fed back, in which
            the car may stand still while ours believes to move.
    """

    def __init__(
        self, policy: Policy, clock: Clock, *, max_frame_age_s: float = 0.1, refuse_frozen: bool = True
    ) -> None:
        self.counts = FrameCounts()
        self.problem = ""
        """Why the last frame was dropped; empty if it was not."""
        self.frozen_picture = FrozenPicture(clock)
        """Wants to know what the wheels obey."""
        self._clock = clock
        self._max_frame_age_s = max_frame_age_s
        self._refuse_frozen = refuse_frozen
        self._newest_number = -1
        self._newest_captured_ns = 0
        self._obeyed = True
        self.use(policy)

    def use(self, policy: Policy) -> None:
        """Decide by another policy from the next frame on; it begins without a past."""
        self._policy = policy
        self._stack: NDArray[np.uint8] | None = None
        self._commands = np.zeros((policy.history, 2), dtype=np.float32)

    @property
    def policy(self) -> Policy:
        """What decides now."""
        return self._policy

    def on_drive(self, *, obeyed: bool) -> None:
        """Take in whether the wheels obey the decisions; a car that is held has no past commands.

        A policy that is given its last commands learned from cars that stand before they start; what it
        would have done while somebody held it at the line is nothing that ever happened.
        """
        self._obeyed = obeyed
        if not obeyed:
            self._commands[:] = 0.0

    def offer(self, jpeg: bytes, captured_ns: int, frame_id: str = "") -> Decision | None:
        """Decide about one frame.

        Args:
            jpeg: the frame.
            captured_ns: wall clock, when it was captured.
            frame_id: a running number as text, by which frames lost on the way are counted; a camera that
                writes a name here loses only that count.

        Returns:
            The decision, or nothing if the frame was dropped; `problem` then says why.
        """
        self._count_arrival(frame_id)
        started_s = self._clock.monotonic_s()
        if not self._is_fresh(captured_ns) or self._is_frozen(jpeg, captured_ns):
            return None
        try:
            seen = observation(frame_from_jpeg(jpeg))
        except Sim2RaceError as error:
            self.counts.malformed += 1
            self._drop_bad(f"the frame failed: {error}")
            return None
        try:
            output = self._decide(self._stacked(seen))
        except Exception as error:  # a frame that fails must not end the node; onnxruntime has no base class
            self._drop_bad(f"the policy failed: {error}")
            return None
        self._newest_captured_ns = captured_ns
        self.counts.acted += 1
        self.problem = ""
        return Decision(
            output=output,
            captured_ns=captured_ns,
            inferred_ns=self._clock.wall_ns(),
            inference_ms=(self._clock.monotonic_s() - started_s) * 1e3,
        )

    def _is_fresh(self, captured_ns: int) -> bool:
        """Say whether a frame is young enough and the newest, or drop it."""
        now_ns = self._clock.wall_ns()
        if self._newest_captured_ns > now_ns + MAX_FUTURE_S * 1e9:
            self._newest_captured_ns = 0  # the clock was put back: what came before it says nothing any more
        age_s = (now_ns - captured_ns) / 1e9
        is_overtaken = captured_ns < self._newest_captured_ns
        if age_s > self._max_frame_age_s or is_overtaken:
            self.counts.dropped_old += 1
            self.counts.overtaken += is_overtaken
            self.problem = f"the frame is {age_s * 1e3:.0f} ms old"
            return False
        if age_s < -MAX_FUTURE_S:
            self.counts.future += 1
            self._drop_bad(f"the frame is stamped {-age_s * 1e3:.0f} ms in the future")
            return False
        return True

    def _is_frozen(self, jpeg: bytes, captured_ns: int) -> bool:
        frozen_s = self.frozen_picture.frozen_s(jpeg, captured_ns) if self._refuse_frozen else 0.0
        if frozen_s > 0.0:
            self.counts.frozen += 1
            self._drop_bad(f"the picture has been the same for {frozen_s * 1e3:.0f} ms, and the car moves")
        return frozen_s > 0.0

    def _count_arrival(self, frame_id: str) -> None:
        """Count the frame, and by its number those that were overtaken before they arrived."""
        missed = 0
        if frame_id.isascii() and frame_id.isdigit():
            number = int(frame_id)
            # A camera that starts again counts from the beginning.
            if 0 <= self._newest_number < number:
                missed = number - self._newest_number - 1
            self._newest_number = number
        self.counts.frames_in += 1 + missed
        self.counts.dropped_old += missed
        self.counts.overtaken += missed

    def _drop_bad(self, problem: str) -> None:
        self.counts.dropped_bad += 1
        self.problem = problem

    def _stacked(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the last K frames as (K, H, W), the oldest first; the first frame stands in for the past."""
        if self._stack is None:
            self._stack = np.repeat(frame[None], self._policy.frames, axis=0)
        else:
            self._stack[:-1] = self._stack[1:]
            self._stack[-1] = frame
        return self._stack

    def _decide(self, stack: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the policy and remember what it commanded."""
        if not self._policy.history:
            return self._policy.act(stack)
        output = self._policy.act(stack, self._commands)
        if not self._obeyed:
            return output
        try:
            command = command_from_output(self._policy.action_space, output)
        except Sim2RaceError:
            return output  # the drive stops the car for it; here it must only not enter the history
        self._commands[:-1] = self._commands[1:]
        self._commands[-1] = command.steering_rad, command.speed_mps
        return output


def warm_up(policy: Policy) -> None:
    """Decode and decide a few times, so that the first real frame is not the slow one.

    Raises:
        Sim2RaceError: the policy does not run.
    """
    jpeg = cv2.imencode(".jpg", np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8))[1].tobytes()
    history = np.zeros((policy.history, 2), dtype=np.float32) if policy.history else None
    for _ in range(WARM_UP_RUNS):
        seen = observation(frame_from_jpeg(jpeg))
        policy.act(np.repeat(seen[None], policy.frames, axis=0), history)


def command_from_output(space: ActionSpace, output: NDArray[np.float32]) -> Command:
    """Return the command that a policy's output stands for: the most probable action, or the scaled values.

    Raises:
        Sim2RaceError: an output of the wrong length, not finite, or beyond what the contract allows: a policy
            that says so has broken down, and its largest value means nothing.
    """
    low = 0.0 if isinstance(space, DiscreteActionSpace) else -1.0
    if np.any(output < low - _ROUNDING) or np.any(output > 1.0 + _ROUNDING):
        raise Sim2RaceError(f"The policy's output is out of range: {output.tolist()}; expected {low:g} to 1.")
    if isinstance(space, DiscreteActionSpace):
        return space.command(space.choose(output))
    return space.command(output)
