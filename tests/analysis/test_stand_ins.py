"""Stand-ins for a position, against the truth of a rendered drive, and marked wherever they are shown."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from analysis.course import make_course
from analysis.ranking import difference_interval, rank
from analysis.report_page import shown_of
from analysis.run_card import RunCard, card_of
from analysis.stand_ins import COMMANDED, PICTURED, LaneTrack, _chosen, follow_lane, lane_figures
from tests.analysis.drives import RATE_HZ, RenderedDrive, render_drive
from tests.analysis.frames import frame_table


class Filmed:
    """As much of a car log as looking for the lane needs."""

    def __init__(self, drive: RenderedDrive) -> None:
        self._drive = drive
        count = len(drive.pictures)
        steering = np.where(np.arange(count) % 4 < 2, 0.1, -0.1)
        self.frames = frame_table(count, steering_rad=steering, speed_mps=np.full(count, 1.2))
        self.name = "filmed"

    def image(self, index: int) -> object:
        return self._drive.pictures[index]


def tracked(weave_m: float) -> tuple[RenderedDrive, Filmed, LaneTrack]:
    drive = render_drive("reinvent-2018", noise="low", frames=150, weave_m=weave_m)
    film = Filmed(drive)
    track = follow_lane(film)  # type: ignore[arg-type]
    assert track is not None
    return drive, film, track


def test_the_weave_of_a_run_without_positions_is_found_within_two_centimetres() -> None:
    found = {}
    for weave_m in (0.01, 0.08):
        drive, film, track = tracked(weave_m)
        figures = lane_figures(film.frames, track)
        poses = dict(zip(("x_m", "y_m", "yaw_rad"), drive.poses.T, strict=True))
        truth = card_of("truth", replace(film.frames, **poses), make_course(drive.track)).figures
        assert figures["weave_cm"] == pytest.approx(truth["weave_cm"], abs=2.0)
        found[weave_m] = figures["weave_cm"]
    assert found[0.01] < found[0.08]


def test_commands_on_the_straights_are_measured_by_commanded_speed() -> None:
    _, film, track = tracked(0.02)

    figures = lane_figures(film.frames, track)

    # 0.2 rad every other picture of 15 a second, at 1.2 m/s.
    assert figures["straight_tv"] == pytest.approx(np.rad2deg(0.2) * RATE_HZ / 2 / 1.2, rel=0.15)
    assert figures["straight_pct"] == 0.0
    assert np.isnan(lane_figures(film.frames, track, 100.0, 110.0)["weave_cm"])


def test_stand_ins_are_marked_and_never_ranked_against_what_was_measured() -> None:
    drive, film, track = tracked(0.02)
    poses = dict(zip(("x_m", "y_m", "yaw_rad"), drive.poses.T, strict=True))

    stood_in = card_of("car", film.frames, None, lane=track)
    measured = card_of("sim", replace(film.frames, **poses), make_course(drive.track))

    assert stood_in.stand_ins["weave_cm"] == PICTURED and stood_in.stand_ins["speed_mps"] == COMMANDED
    assert measured.stand_ins == {}
    assert shown_of(stood_in, "weave_cm").startswith("≈") and not shown_of(measured, "tv").startswith("≈")
    assert any("stand-in: Weave" in line for line in stood_in.parameters)
    assert rank([stood_in, measured], {"weave_cm": 1.0, "tv": 1.0}).weights == {}
    assert rank([stood_in, stood_in], {"weave_cm": 1.0}).weights == {"weave_cm": 1.0}


def test_a_difference_between_a_stand_in_and_a_measured_figure_is_not_given() -> None:
    pieces = [{"weave_cm": 1.0}, {"weave_cm": 1.2}, {"weave_cm": 1.1}]
    one = RunCard("a", "", {"weave_cm": 1.1}, pieces, "piece", [], [])
    other = replace(one, stand_ins={"weave_cm": PICTURED})

    assert difference_interval(one, one, "weave_cm") is not None
    assert difference_interval(one, other, "weave_cm") is None


def test_memory_does_not_follow_the_number_of_pictures() -> None:
    drive = render_drive("reinvent-2018", noise="none", frames=4)
    film = Filmed(drive)
    film.frames = frame_table(300, period_s=1 / 15, steering_rad=np.zeros(300), speed_mps=np.ones(300))
    film.image = lambda index: drive.pictures[index % 4]  # type: ignore[method-assign]

    tracemalloc.start()
    track = follow_lane(film)  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert track is not None and len(track.rows) == 300
    assert peak < 40_000_000


def test_a_long_log_is_looked_at_in_windows() -> None:
    rows = _chosen(np.arange(30 * 3600) / 30.0)

    assert 1000 < len(rows) <= 1300
    assert rows[0] == 0 and rows[-1] > 30 * 3590
