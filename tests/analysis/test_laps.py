from __future__ import annotations

import numpy as np
import pytest

from analysis.laps import find_laps


def test_a_lap_runs_from_line_to_line_and_its_ends_are_interpolated_between_frames() -> None:
    seconds = np.arange(0.0, 30.0, 0.1)
    progress = np.mod(37.0 + 10.0 * seconds, 100.0)  # 10 s a lap, first over the line at 6.3 s.

    laps = find_laps(seconds, progress)

    assert [lap.number for lap in laps] == [1, 2]
    assert [lap.time_s for lap in laps] == pytest.approx([10.0, 10.0])
    assert laps[0].start_s == pytest.approx(6.3)
    assert laps[1].end_s == pytest.approx(26.3)


def test_a_standing_start_at_the_line_counts_from_the_moment_the_car_moves() -> None:
    seconds = np.arange(0.0, 15.0, 0.1)
    progress = np.mod(np.maximum(seconds - 2.0, 0.0) * 10.0, 100.0)

    laps = find_laps(seconds, progress)

    assert [lap.start_s for lap in laps] == pytest.approx([2.0])
    assert [lap.time_s for lap in laps] == pytest.approx([10.0])


def test_being_put_back_on_the_track_ends_a_lap_without_counting_it() -> None:
    seconds = np.arange(0.0, 20.0, 0.1)
    progress = np.mod(10.0 * seconds, 100.0)
    progress[40:] = np.mod(progress[40:] + 40.0, 100.0)  # Lifted from 40 % to 80 % at 4 s.

    laps = find_laps(seconds, progress)

    assert [lap.start_s for lap in laps] == pytest.approx([6.0])


def test_rolling_back_over_the_line_is_no_lap() -> None:
    progress = np.array([99.0, 1.0, 99.0, 1.0, 20.0, 40.0, 60.0, 80.0, 99.0, 1.0])

    laps = find_laps(np.arange(10.0), progress)

    assert [(lap.start_s, lap.time_s) for lap in laps] == [(2.5, 6.0)]


def test_a_log_without_positions_has_no_laps() -> None:
    assert find_laps(np.arange(5.0), np.full(5, np.nan)) == []
