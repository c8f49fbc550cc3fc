"""The car's camera: a V4L2 device, or a video file in its place, as JPEG frames of the policy's size.

A frame's stamp is as close to its capture as the driver tells; what it means, the camera says in words,
because the age of frames, and with it every latency in a log, can be no better than that.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from car.clock import Clock
from car.preprocess import HEIGHT, WIDTH

CAPTURE_SIZE = (640, 480)
"""What the device is asked for: the whole field of view, which is then averaged down to the policy's size."""
JPEG_QUALITY = 95
REOPEN_AFTER_S = 0.5
OLDEST_BUFFER_S = 1.0
"""A driver whose first stamp is further from now takes it from another clock."""
BY_DRIVER = (
    "when the driver stamped the buffer, by its monotonic clock: USB cameras at the start of the exposure or "
    "of the transfer; OpenCV does not say which"
)
BY_ARRIVAL = (
    "when the driver handed the picture over, after exposure and transfer: the driver stamps no buffers"
)
BY_FILE = "when the picture's turn in the video file came"


@dataclass(frozen=True)
class CameraFrame:
    """One picture."""

    jpeg: bytes
    """160 x 120, colour."""
    captured_ns: int
    """Wall clock; `VideoCamera.stamp_meaning` says of what."""


class VideoCamera:
    """Reads a camera for as long as it is there, and waits for it when it is not.

    Args:
        source: a device like `/dev/video0`, or a video file, which is played at `fps` over and over.
        fps: frames per second to ask for.
        clock: stamps the frames.
    """

    def __init__(self, source: str, fps: float, clock: Clock) -> None:
        self.stamp_meaning = ""
        """What a stamp is the time of; empty before the first frame."""
        self._source = source
        self._fps = fps
        self._clock = clock
        self._is_device = source.startswith("/dev/")
        self._capture: cv2.VideoCapture | None = None
        self._next_s = 0.0
        self._trusts_stamps = False

    def read(self) -> CameraFrame | None:
        """Wait for the next frame; None, after a moment, if there is none: one can simply ask again."""
        capture = self._capture or self._open()
        if capture is None or not self._grab(capture):
            self.close()
            if self._is_device or capture is None:
                time.sleep(REOPEN_AFTER_S)
            return None
        captured_ns = self._stamp_ns(capture)
        done, picture = capture.retrieve()
        if not done or picture is None or not picture.size:
            return None
        return CameraFrame(encode_picture(picture), captured_ns)

    def close(self) -> None:
        """Let go of the device."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def _open(self) -> cv2.VideoCapture | None:
        # OpenCV complains on the terminal about every device that is not there.
        if not Path(self._source).exists():
            return None
        if self._is_device:
            capture = cv2.VideoCapture(self._source, cv2.CAP_V4L2)
            # Before the size: MJPEG is how a USB camera gets 30 frames per second through its cable.
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, CAPTURE_SIZE[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, CAPTURE_SIZE[1])
            capture.set(cv2.CAP_PROP_FPS, self._fps)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        else:
            capture = cv2.VideoCapture(self._source)
            self._next_s = self._clock.monotonic_s()
        if not capture.isOpened():
            return None
        self._capture = capture
        self._trusts_stamps = False
        return capture

    def _grab(self, capture: cv2.VideoCapture) -> bool:
        """Wait for a frame to be there, without decoding it."""
        if not self._is_device:
            time.sleep(max(0.0, self._next_s - self._clock.monotonic_s()))
            self._next_s += 1.0 / self._fps
        return capture.grab()

    def _stamp_ns(self, capture: cv2.VideoCapture) -> int:
        """Return the time of the frame that was grabbed, on the wall clock."""
        now_ns = self._clock.wall_ns()
        if not self._is_device:
            self.stamp_meaning = BY_FILE
            return now_ns
        # The driver's stamp is on the clock that does not jump; what counts is how long ago that was.
        stamp_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3
        age_s = self._clock.monotonic_s() - stamp_s
        # Once its clock is known to be ours, a picture that lay in a buffer for long is old, not of now.
        is_ours = stamp_s > 0.0 and age_s >= 0.0 and (self._trusts_stamps or age_s <= OLDEST_BUFFER_S)
        self._trusts_stamps = is_ours
        self.stamp_meaning = BY_DRIVER if is_ours else BY_ARRIVAL
        return now_ns - round(age_s * 1e9) if is_ours else now_ns


def encode_picture(picture_bgr: cv2.typing.MatLike) -> bytes:
    """Return a picture of any size as JPEG of the policy's size."""
    small: NDArray[np.uint8] = np.asarray(picture_bgr, dtype=np.uint8)
    if small.shape[:2] != (HEIGHT, WIDTH):
        small = np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
