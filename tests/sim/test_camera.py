from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from car.errors import BadFileError, UnknownNameError
from sim.camera import CAMERAS, Camera, camera_named, rays
from sim.simulator import SimConfig, Simulator

MATRIX = np.array([[500.0, 0.0, 322.0], [0.0, 505.0, 236.0], [0.0, 0.0, 1.0]])
RATIONAL = (-0.3, 0.08, 0.001, -0.0005, 0.01, 0.02, -0.01, 0.002)
FISHEYE = (0.05, -0.01, 0.002, -0.001)


def projected(camera: Camera) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Send every pixel's ray back through OpenCV's own forward model, (H, W, 2)."""
    left, up = rays(camera).astype(np.float64)
    points = np.stack([-left.ravel(), -up.ravel(), np.ones(left.size)], axis=-1)[:, None, :]
    matrix = np.array(
        [
            [camera.focal_px[0], 0, camera.center_px[0]],
            [0, camera.focal_px[1], camera.center_px[1]],
            [0, 0, 1],
        ]
    )
    zero = np.zeros(3)
    distortion = np.array(camera.distortion)
    if camera.model == "fisheye":
        back, _ = cv2.fisheye.projectPoints(points, zero, zero, matrix, distortion)
    else:
        back, _ = cv2.projectPoints(points, zero, zero, matrix, distortion)
    return np.asarray(back, np.float64).reshape(120, 160, 2)


@pytest.mark.parametrize("name", sorted(CAMERAS))
def test_rays_of_every_preset_go_back_to_their_pixels(name: str) -> None:
    rows, columns = np.mgrid[0:120, 0:160]
    np.testing.assert_allclose(projected(CAMERAS[name]), np.stack([columns, rows], axis=-1), atol=0.02)


def test_the_wide_lens_bends_straight_lines_outwards() -> None:
    left, _ = rays(CAMERAS["deepracer-wide"]).astype(np.float64)
    inner, outer = np.diff(-left[60, 80:90]).mean(), np.diff(-left[60, 150:]).mean()
    assert outer > 1.8 * inner


def ros_file(path: Path, model: str, coefficients: tuple[float, ...]) -> Path:
    content = {
        "image_width": 640,
        "image_height": 480,
        "camera_name": "front",
        "camera_matrix": {"rows": 3, "cols": 3, "data": MATRIX.ravel().tolist()},
        "distortion_model": model,
        "distortion_coefficients": {"rows": 1, "cols": len(coefficients), "data": list(coefficients)},
    }
    path.write_text(yaml.safe_dump(content))
    return path


def opencv_file(path: Path, names: tuple[str, str], coefficients: tuple[float, ...]) -> Path:
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 640)
    storage.write("image_height", 480)
    storage.write(names[0], MATRIX)
    storage.write(names[1], np.array(coefficients))
    storage.release()
    return path


def test_calibrations_of_ros_and_opencv_are_read_as_they_are(tmp_path: Path) -> None:
    names = ("camera_matrix", "distortion_coefficients")
    files = {
        ros_file(tmp_path / "rational.yaml", "rational_polynomial", RATIONAL): ("pinhole", RATIONAL),
        ros_file(tmp_path / "fisheye.yaml", "equidistant", FISHEYE): ("fisheye", FISHEYE),
        opencv_file(tmp_path / "pinhole.yml", names, RATIONAL): ("pinhole", RATIONAL),
        opencv_file(tmp_path / "pinhole.xml", names, RATIONAL[:5]): ("pinhole", RATIONAL[:5]),
        opencv_file(tmp_path / "fisheye.json", ("K", "D"), FISHEYE): ("fisheye", FISHEYE),
    }
    rows, columns = np.mgrid[0:120, 0:160]
    for path, (model, coefficients) in files.items():
        camera = camera_named(str(path))
        assert camera.model == model
        assert camera.distortion == pytest.approx(coefficients)
        assert camera.focal_px == pytest.approx((125.0, 126.25))
        # The middle of the picture stays where it was: (322 + 0.5) / 4 - 0.5.
        assert camera.center_px == pytest.approx((80.125, 58.625))
        np.testing.assert_allclose(projected(camera), np.stack([columns, rows], axis=-1), atol=0.05)


def test_a_simulation_looks_through_a_calibrated_lens(tmp_path: Path) -> None:
    path = ros_file(tmp_path / "lens.yaml", "equidistant", FISHEYE)
    wide, plain = (
        Simulator(SimConfig(camera=name, noise="none", start="line"), n_cars=1, seed=0).look()[0]
        for name in (str(path), "aws")
    )
    assert np.mean(wide != plain) > 0.3


def test_bad_calibrations_are_refused_with_the_reason(tmp_path: Path) -> None:
    text = tmp_path / "text.yaml"
    text.write_text("hello: world\n")
    cut = tmp_path / "cut.yaml"
    cut.write_text(ros_file(tmp_path / "good.yaml", "plumb_bob", RATIONAL[:5]).read_text()[:150])
    binary = tmp_path / "binary.yml"
    binary.write_bytes(bytes(range(256)))
    for path, words in (
        (tmp_path / "none.yaml", "does not exist"),
        (text, "neither a ROS camera_info nor an OpenCV calibration"),
        (cut, "ROS camera_info|neither"),
        (binary, "neither"),
        (ros_file(tmp_path / "odd.yaml", "magic", FISHEYE), "distortion model 'magic'"),
        (ros_file(tmp_path / "few.yaml", "equidistant", FISHEYE[:3]), "3 distortion coefficients"),
        (ros_file(tmp_path / "nan.yaml", "equidistant", (float("nan"), 0, 0, 0)), "not finite"),
    ):
        with pytest.raises(BadFileError, match=words) as caught:
            camera_named(str(path))
        assert "\n" not in str(caught.value)
    with pytest.raises(UnknownNameError, match="Did you mean 'pi-wide'"):
        camera_named("pi-wyde")
