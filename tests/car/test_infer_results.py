"""Taking inference results apart: the picture is found where it is, and damage is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from car.errors import BadFileError
from car.infer_results import parse_compressed_image, parse_infer_results
from car.messages import header, make, serialize, typestore
from car.topics import CAMERA, RL_RESULTS

JPEG = b"\xff\xd8 a picture \xff\xd9"


def _image(frame_id: str = "17", image_format: str = "jpeg") -> Any:
    data = np.frombuffer(JPEG, dtype=np.uint8)
    return make(CAMERA.type_name, header=header(3_000_000_004, frame_id), format=image_format, data=data)


def _message(outputs: int = 3, images: int = 1, frame_id: str = "17", image_format: str = "jpeg") -> Any:
    box = {"x_min": -1.0, "y_min": -1.0, "x_max": -1.0, "y_max": -1.0}
    results = [
        make("deepracer_interfaces_pkg/msg/InferResults", class_label=i, class_prob=i / 8, **box)
        for i in range(outputs)
    ]
    return make(RL_RESULTS.type_name, results=results, images=[_image(frame_id, image_format)] * images)


@pytest.mark.parametrize("frame_id", ["", "1", "17", "camera", "a name of some length"])
@pytest.mark.parametrize("image_format", ["", "jpeg", "rgb8; jpeg compressed bgr8"])
@pytest.mark.parametrize("little_endian", [True, False])
def test_the_picture_and_the_outputs_are_found(frame_id: str, image_format: str, little_endian: bool) -> None:
    message = _message(frame_id=frame_id, image_format=image_format)
    data = bytes(typestore().serialize_cdr(message, RL_RESULTS.type_name, little_endian=little_endian))
    found = parse_infer_results(data)
    assert data[found.jpeg_start : found.jpeg_start + found.jpeg_size] == JPEG
    assert (found.stamp_ns, found.frame_id) == (3_000_000_004, frame_id)
    assert found.is_little_endian is little_endian
    values = np.frombuffer(found.results, dtype="<f4" if little_endian else ">f4").reshape(3, 6)
    np.testing.assert_array_equal(values[:, 1], [0.0, 0.125, 0.25])


def test_the_first_of_two_pictures_is_taken_and_none_is_no_error() -> None:
    two = serialize(_message(images=2), RL_RESULTS.type_name)
    found = parse_infer_results(two)
    assert two[found.jpeg_start :].startswith(JPEG)
    none = parse_infer_results(serialize(_message(images=0), RL_RESULTS.type_name))
    assert (none.jpeg_size, none.stamp_ns) == (0, 0)


def test_a_picture_of_the_camera_is_found_too() -> None:
    data = serialize(_image(), CAMERA.type_name)
    found = parse_compressed_image(data)
    assert data[found.jpeg_start : found.jpeg_start + found.jpeg_size] == JPEG
    assert found.results == b""


def test_every_cut_is_refused() -> None:
    data = serialize(_message(), RL_RESULTS.type_name)
    for length in range(len(data)):
        with pytest.raises(BadFileError, match="cut off or foreign"):
            parse_infer_results(data[:length])


def test_random_bytes_are_refused_or_stay_within_themselves() -> None:
    rng = np.random.default_rng(4)
    for _ in range(500):
        data = b"\x00\x01\x00\x00" + rng.bytes(int(rng.integers(0, 200)))
        for parse in (parse_infer_results, parse_compressed_image):
            try:
                found = parse(data)
            except BadFileError:
                continue
            assert found.jpeg_start + found.jpeg_size <= len(data)
