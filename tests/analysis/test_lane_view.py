"""The lane in pictures against the truth of rendered drives."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.course import make_course
from analysis.lane_view import LaneFinder, pixels_of_floor
from analysis.picture_regions import FloorView
from sim.camera import CAMERAS
from tests.analysis.drives import RenderedDrive, render_drive


def rms(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(np.sqrt(np.mean(values**2)))


def truly_straight(drive: RenderedDrive) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Say where the lane is straight from the car to the end of what the estimate looks at."""
    course = make_course(drive.track)
    ahead = np.mod(drive.arc_m + 1.2, drive.track.length_m)
    inside = [course.within(drive.arc_m, s) & course.within(ahead, s) for s in course.straights]
    return np.asarray(np.any(inside, axis=0))


@pytest.mark.parametrize("noise", ["none", "high"])
def test_on_straights_offset_and_heading_are_within_centimetres_and_degrees(noise: str) -> None:
    drive = render_drive("reinvent-2018", noise=noise, frames=60)
    finder = LaneFinder(CAMERAS["aws"])

    lane = finder.estimate(len(drive.pictures), drive.pictures.__getitem__)

    straight = truly_straight(drive)
    assert straight.sum() > 30
    assert rms((lane.lateral_m - drive.lateral_m)[straight]) < 0.025
    assert rms((lane.heading_rad - drive.heading_rad)[straight]) < np.deg2rad(3.0)
    assert np.median(lane.score[straight]) > 0.4


def test_a_picture_without_a_lane_has_no_score() -> None:
    finder = LaneFinder(CAMERAS["aws"])

    lane = finder.estimate(1, lambda _: np.full((120, 160, 3), 90, np.uint8))

    assert lane.score[0] == 0.0


@pytest.mark.parametrize("name", ["aws", "deepracer-wide", "pi-wide"])
def test_a_place_on_the_floor_is_seen_by_the_pixel_that_looks_there(name: str) -> None:
    view = FloorView(CAMERAS[name])
    rows, columns = np.array([60, 90, 119]), np.array([20, 80, 150])

    found = pixels_of_floor(CAMERAS[name], view.forward_m[rows, columns], view.left_m[rows, columns])

    assert found[0] == pytest.approx(columns, abs=0.05)
    assert found[1] == pytest.approx(rows, abs=0.05)
