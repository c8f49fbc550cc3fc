from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.bench_log import SPEED_MPS, write_bench_log
from analysis.course import course_of
from analysis.lap_figures import LapFigures, lap_figures
from analysis.run_card import select
from car.log_reader import CarLog, read_log


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> CarLog:
    """Two laps and a bit at an even speed, on the centre line."""
    return read_log(write_bench_log(tmp_path_factory.mktemp("laps"), frames=1400, weave_m=0.0))


def test_laps_are_the_sum_of_their_sectors_and_the_best_sectors_make_the_best_possible_lap(
    driven: CarLog,
) -> None:
    found = lap_figures(driven.frames, course_of(driven.run))

    assert [lap.number for lap in found.laps] == [1, 2]
    for lap in found.laps:
        assert sum(lap.sectors_s) == pytest.approx(lap.time_s)
        assert lap.sectors_s == pytest.approx([lap.time_s / 3] * 3, abs=0.05)
    best = [min(times) for times in zip(*(lap.sectors_s for lap in found.laps), strict=True)]
    assert found.best_possible_s == pytest.approx(sum(best))
    times = [lap.time_s for lap in found.laps]
    assert found.best_means_s == pytest.approx([min(times), sum(times) / 2])


def test_every_corner_has_its_passes_and_a_car_on_the_centre_line_uses_no_width(driven: CarLog) -> None:
    found = lap_figures(driven.frames, course_of(driven.run))
    course = course_of(driven.run)

    assert course is not None and found.missing == ""
    assert [line.number for line in found.corners] == list(range(1, len(course.corners) + 1))
    for line, corner in zip(found.corners, course.corners, strict=True):
        assert line.passes >= 2 and line.start_m == corner.start_m
        assert (line.entry_width, line.exit_width) == pytest.approx((0.0, 0.0), abs=0.02)
        assert line.time_s == pytest.approx(corner.length_m / SPEED_MPS, abs=0.2 / 30)
        assert line.best_time_s <= line.time_s
        assert line.apex_speed_mps == pytest.approx(SPEED_MPS, rel=0.01)


def test_what_a_drive_lacks_is_said(driven: CarLog) -> None:
    nowhere = np.full(len(driven.frames), np.nan)
    frames = replace(driven.frames, x_m=nowhere, progress=nowhere)

    unknown = lap_figures(driven.frames, None)
    lost = lap_figures(frames, course_of(driven.run))
    short = lap_figures(select(driven.frames, np.arange(len(driven.frames)) < 5), course_of(driven.run))

    assert len(unknown.laps) == 2 and unknown.corners == [] and "no track" in unknown.missing
    assert lost == LapFigures([], [], None, [], "The log holds no positions.")
    assert short.corners == [] and "No corner was driven" in short.missing
