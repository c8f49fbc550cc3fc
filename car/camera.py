"""The car's camera: a V4L2 device, or a video file in its place, as JPEG frames of the policy's size."""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from car.clock import Clock
from car.preprocess import HEIGHT, WIDTH

CAPTURE_SIZE = (640, 480)
"""What the device is asked for: the whole field of view, which is then averaged down to the policy's size."""
JPEG_QUALITY = 95
REOPEN_AFTER_S = 0.5


@dataclass(frozen=True)
class CameraFrame:
    """One picture."""

    jpeg: bytes
    """160 x 120, colour."""
    captured_ns: int
    """Wall clock when the driver handed the picture over: after exposure and transfer, before decoding."""


class VideoCamera:
    """Reads a camera for as long as it is there, and waits for it when it is not.

    Args:
        source: a device like `/dev/video0`, or a video file, which is played at `fps` over and over.
        fps: frames per second to ask for.
        clock: stamps the frames.
    """

    def __init__(self, source: str, fps: float, clock: Clock) -> None:
        self._source = source
        self._fps = fps
        self._clock = clock
        self._is_device = source.startswith("/dev/")
        self._capture: cv2.VideoCapture | None = None
        self._next_s = 0.0

    def read(self) -> CameraFrame | None:
        """Wait for the next frame; None, after a moment, if there is none: one can simply ask again."""
        capture = self._capture or self._open()
        if capture is None or not self._grab(capture):
            self.close()
            if self._is_device or capture is None:
                time.sleep(REOPEN_AFTER_S)
            return None
        captured_ns = self._clock.wall_ns()
        done, picture = capture.retrieve()
        return CameraFrame(_encode(picture), captured_ns) if done else None

    def close(self) -> None:
        """Let go of the device."""
        if self._capture is not None:
            self._capture.release()
        self._capture = None

    def _open(self) -> cv2.VideoCapture | None:
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
        return capture

    def _grab(self, capture: cv2.VideoCapture) -> bool:
        """Wait for a frame to be there, without decoding it."""
        if not self._is_device:
            time.sleep(max(0.0, self._next_s - self._clock.monotonic_s()))
            self._next_s += 1.0 / self._fps
        return capture.grab()


def _encode(picture_bgr: cv2.typing.MatLike) -> bytes:
    small: NDArray[np.uint8] = np.asarray(picture_bgr, dtype=np.uint8)
    if small.shape[:2] != (HEIGHT, WIDTH):
        small = np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
