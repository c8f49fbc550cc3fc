"""The camera, with a video file in the place of the device."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np

from car.camera import VideoCamera
from car.clock import SystemClock
from car.preprocess import frame_from_jpeg


def make_video(path: Path, *, frames: int = 5, size: tuple[int, int] = (320, 240)) -> Path:
    """Write a video whose frames get brighter."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, size)
    for frame in range(frames):
        writer.write(np.full((size[1], size[0], 3), 20 + 40 * frame, dtype=np.uint8))
    writer.release()
    return path


def read(camera: VideoCamera, count: int) -> list[tuple[int, int]]:
    """Return brightness and stamp of `count` frames."""
    found: list[tuple[int, int]] = []
    while len(found) < count:
        frame = camera.read()
        if frame is not None:
            found.append((int(frame_from_jpeg(frame.jpeg)[60, 80, 0]), frame.captured_ns))
    return found


def test_frames_come_in_the_policys_size_at_the_asked_rate_over_and_over(tmp_path: Path) -> None:
    camera = VideoCamera(str(make_video(tmp_path / "drive.avi")), 50.0, SystemClock())
    started_s = time.monotonic()
    frames = read(camera, 8)
    taken_s = time.monotonic() - started_s
    camera.close()
    brightness = [value for value, _ in frames]
    assert np.allclose(brightness, [20, 60, 100, 140, 180, 20, 60, 100], atol=3)
    assert taken_s > 6 * 0.02
    stamps = [stamp for _, stamp in frames]
    assert stamps == sorted(stamps)
    assert abs(stamps[-1] / 1e9 - time.time()) < 5.0


def test_a_camera_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "late.avi"
    camera = VideoCamera(str(path), 100.0, SystemClock())
    assert camera.read() is None
    make_video(path)
    assert len(read(camera, 3)) == 3
    camera.close()
