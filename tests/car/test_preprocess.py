"""Preprocessing: the same bytes for the same picture, and no half frame ever reaches a policy."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from car.errors import Sim2RaceError
from car.preprocess import HEIGHT, WIDTH, frame_from_jpeg, luma, observation


def _picture(height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _jpeg(image_rgb: NDArray[np.uint8], quality: int = 95) -> bytes:
    ok, data = cv2.imencode(".jpg", image_rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert ok
    return data.tobytes()


def test_luma_weighs_red_green_and_blue_as_in_training() -> None:
    primaries = np.array(
        [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]], dtype=np.uint8
    )
    np.testing.assert_array_equal(luma(primaries), [[76, 150, 29, 255, 0]])


def test_luma_equals_the_formula_rounded() -> None:
    picture = _picture()
    exact = picture.astype(np.float64) @ [0.2989, 0.5870, 0.1140]
    np.testing.assert_allclose(luma(picture), exact, atol=0.5 + 1e-9)


def test_grey_stays_the_grey_it_was() -> None:
    grey = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(luma(np.repeat(grey[:, None], 3, axis=1)), grey)


def test_a_frame_is_decoded_as_rgb_at_the_size_of_the_policy() -> None:
    red = np.zeros((480, 640, 3), dtype=np.uint8)
    red[..., 0] = 200
    frame = frame_from_jpeg(_jpeg(red))
    assert frame.shape == (120, 160, 3)
    assert frame.dtype == np.uint8
    np.testing.assert_allclose(frame.mean(axis=(0, 1)), [200, 0, 0], atol=3)


def test_a_thin_line_survives_the_reduction() -> None:
    picture = np.zeros((480, 640, 3), dtype=np.uint8)
    picture[:, 321] = 255  # one column in four: sampling every fourth pixel would miss it
    seen = observation(picture)
    assert seen.shape == (HEIGHT, WIDTH)
    assert seen[:, 80].min() > 50
    assert seen.sum() == seen[:, 80].sum()


def test_a_picture_of_the_right_size_is_not_resampled() -> None:
    picture = _picture()
    np.testing.assert_array_equal(observation(picture), luma(picture))


def test_a_camera_that_pads_its_frames_is_understood() -> None:
    jpeg = _jpeg(_picture())
    np.testing.assert_array_equal(frame_from_jpeg(jpeg + b"\0" * 512), frame_from_jpeg(jpeg))


@pytest.mark.parametrize("damage", ["empty", "cut", "header only", "png", "noise inside"])
def test_a_frame_that_is_no_whole_jpeg_is_refused(damage: str) -> None:
    jpeg = _jpeg(_picture())
    broken = {
        "empty": b"",
        "cut": jpeg[: len(jpeg) // 2],
        "header only": b"\xff\xd8\xff\xd9",
        "png": cv2.imencode(".png", _picture())[1].tobytes(),
        "noise inside": b"\xff\xd8" + bytes(range(200)) + b"\xff\xd9",
    }[damage]
    with pytest.raises(Sim2RaceError, match="camera frame"):
        frame_from_jpeg(broken)


def test_a_small_frame_that_claims_a_giant_picture_is_refused_before_decoding() -> None:
    jpeg = bytearray(_jpeg(_picture()))
    size_at = jpeg.index(b"\xff\xc0") + 5
    assert jpeg[size_at : size_at + 4] == bytes([0, 120, 0, 160])
    jpeg[size_at : size_at + 4] = b"\xff\xdc\xff\xdc"
    with pytest.raises(Sim2RaceError, match="65500 x 65500 pixels"):
        frame_from_jpeg(bytes(jpeg))


@pytest.mark.parametrize(
    "picture",
    [np.zeros((120, 160), np.uint8), np.zeros((120, 160, 4), np.uint8), np.zeros((0, 160, 3), np.uint8)],
    ids=["grey", "four channels", "empty"],
)
def test_what_is_no_colour_picture_is_refused(picture: NDArray[np.uint8]) -> None:
    with pytest.raises(Sim2RaceError, match="expected uint8"):
        observation(picture)
