"""The camera, with a video file in the place of the device."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from car.camera import VideoCamera
from car.clock import HeldClock, SystemClock
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


class FakeDevice:
    """What OpenCV shows of a V4L2 camera: it can be unplugged, and stamps its buffers or does not."""

    is_there = True
    buffer_age_s: float | None = 0.012
    opened = 0
    settings: ClassVar[dict[int, float]] = {}

    def __init__(self, source: str, backend: int) -> None:
        assert (source, backend) == ("/dev/null", cv2.CAP_V4L2)
        FakeDevice.opened += 1
        self._frame = 0
        self._grabbed_s = 0.0

    def isOpened(self) -> bool:  # noqa: N802
        return FakeDevice.is_there

    def set(self, setting: int, value: float) -> bool:
        FakeDevice.settings[setting] = value
        return True

    def get(self, setting: int) -> float:
        assert setting == cv2.CAP_PROP_POS_MSEC
        age_s = FakeDevice.buffer_age_s
        return 0.0 if age_s is None else (CLOCK.monotonic_s() - age_s) * 1e3

    def grab(self) -> bool:
        self._frame += 1
        return FakeDevice.is_there

    def retrieve(self) -> tuple[bool, Any]:
        if self._frame % 5 == 0:
            return False, None  # a torn MJPEG frame
        return True, np.full((480, 640, 3), 40 * (self._frame % 5), dtype=np.uint8)

    def release(self) -> None:
        pass


CLOCK = HeldClock()


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> VideoCamera:
    monkeypatch.setattr("car.camera.cv2.VideoCapture", FakeDevice)
    monkeypatch.setattr("car.camera.REOPEN_AFTER_S", 0.001)
    monkeypatch.setattr(FakeDevice, "is_there", True)
    monkeypatch.setattr(FakeDevice, "buffer_age_s", 0.012)
    monkeypatch.setattr(FakeDevice, "opened", 0)
    return VideoCamera("/dev/null", 30.0, CLOCK)


def test_a_device_is_asked_for_compressed_pictures_at_the_rate_and_no_queue(device: VideoCamera) -> None:
    frame = device.read()
    assert frame is not None
    assert frame_from_jpeg(frame.jpeg).shape == (120, 160, 3)
    wanted = FakeDevice.settings
    assert wanted[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert (wanted[cv2.CAP_PROP_FPS], wanted[cv2.CAP_PROP_BUFFERSIZE]) == (30.0, 1)


def test_the_stamp_is_the_drivers_and_says_so(device: VideoCamera) -> None:
    frame = device.read()
    assert frame is not None
    assert CLOCK.wall_ns() - frame.captured_ns == pytest.approx(12_000_000, abs=1000)
    assert "driver stamped the buffer" in device.stamp_meaning


@pytest.mark.parametrize("age_s", [None, 5.0, -0.5])
def test_a_driver_without_stamps_or_with_another_clock_gives_the_time_of_arrival_and_says_so(
    device: VideoCamera, monkeypatch: pytest.MonkeyPatch, age_s: float | None
) -> None:
    monkeypatch.setattr(FakeDevice, "buffer_age_s", age_s)
    frame = device.read()
    assert frame is not None
    assert frame.captured_ns == CLOCK.wall_ns()
    assert "handed the picture over" in device.stamp_meaning


def test_a_picture_that_lay_in_a_buffer_for_long_is_not_taken_for_one_of_now(
    device: VideoCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert device.read() is not None
    monkeypatch.setattr(FakeDevice, "buffer_age_s", 5.0)
    frame = device.read()
    assert frame is not None
    assert CLOCK.wall_ns() - frame.captured_ns == pytest.approx(5_000_000_000, abs=1000)
    monkeypatch.setattr(FakeDevice, "buffer_age_s", None)
    frame = device.read()
    assert frame is not None
    assert frame.captured_ns == CLOCK.wall_ns()


def test_an_unplugged_camera_is_let_go_and_opened_again_when_it_is_back(
    device: VideoCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert device.read() is not None
    monkeypatch.setattr(FakeDevice, "is_there", False)
    assert [device.read() for _ in range(3)] == [None, None, None]
    monkeypatch.setattr(FakeDevice, "is_there", True)
    assert device.read() is not None
    assert FakeDevice.opened >= 3


def test_a_torn_picture_is_no_frame_and_the_camera_stays_open(device: VideoCamera) -> None:
    frames = [device.read() for _ in range(7)]
    assert [frame is None for frame in frames] == [False] * 4 + [True] + [False] * 2
    assert FakeDevice.opened == 1
