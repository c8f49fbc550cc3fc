"""What moves while the shutter is open, and a lens out of focus: light that spreads, evenly to both sides."""

import numpy as np
import numpy.typing as npt
import pytest

from car.preprocess import HEIGHT, WIDTH
from sim.hall_light import LIGHT_DTYPE
from sim.render_lens import smear

Picture = npt.NDArray[np.float32]
MOTIONS = {
    "driving": {"forward_mps": 1.5},
    "turning": {"yaw_rate_radps": 2.0},
    "turning the other way": {"yaw_rate_radps": -2.0},
    "defocus": {"defocus": 0.8},
    "everything": {"forward_mps": 1.5, "yaw_rate_radps": 2.0, "defocus": 0.8},
}


def smeared(
    picture: Picture, *, forward_mps: float = 0.0, yaw_rate_radps: float = 0.0, defocus: float = 0.0
) -> Picture:
    light = np.zeros(1, LIGHT_DTYPE)
    light["exposure_s"], light["pixel_rad"], light["defocus"] = 0.01, 0.007, defocus
    image = picture.copy()
    smear(image, np.zeros(WIDTH, np.float32), light[0], yaw_rate_radps, forward_mps, 0.12)
    return image


def dot(row: int, column: int) -> Picture:
    picture = np.zeros((HEIGHT, WIDTH), np.float32)
    picture[row, column] = 200.0
    return picture


def middle(picture: Picture) -> tuple[float, float]:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    return float((rows * picture).sum() / picture.sum()), float((columns * picture).sum() / picture.sum())


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_flat_picture_stays_flat_up_to_its_edges(motion: str) -> None:
    flat = np.full((HEIGHT, WIDTH), 90.0, np.float32)
    np.testing.assert_allclose(smeared(flat, **MOTIONS[motion]), flat, rtol=1e-5)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize(
    ("row", "column"), [(100, 80), (70, 20), (0, 80), (HEIGHT - 1, 80), (100, 0), (60, WIDTH - 1)]
)
def test_light_is_kept_wherever_it_falls(motion: str, row: int, column: int) -> None:
    assert smeared(dot(row, column), **MOTIONS[motion]).sum() == pytest.approx(200.0, rel=1e-4)


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize(("row", "column"), [(110, 80), (90, 40), (60, 120)])
def test_a_dot_spreads_and_keeps_its_place(motion: str, row: int, column: int) -> None:
    spread = smeared(dot(row, column), **MOTIONS[motion])
    assert spread.max() < 199.0
    # The floor passes faster nearer to the car, so driving spreads a dot a little further downwards.
    assert middle(spread) == pytest.approx((row, column), abs=0.05)


def test_a_dot_spreads_as_far_up_as_down_and_as_far_left_as_right() -> None:
    spread = smeared(dot(60, 80), defocus=0.8)
    around = spread[55:66, 75:86]
    assert around[4, 5] > 1.0 and around[5, 4] > 1.0
    np.testing.assert_allclose(around, around[::-1], rtol=1e-5)
    np.testing.assert_allclose(around, around[:, ::-1], rtol=1e-5)


def test_driving_smears_the_near_floor_and_leaves_the_horizon_sharp() -> None:
    near, far = (smeared(dot(row, 80), forward_mps=1.5) for row in (110, 25))
    assert near.max() < 100.0
    assert far.max() == 200.0
    assert near[110, 79] == near[110, 81] == 0.0
