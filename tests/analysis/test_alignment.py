from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.alignment import POINTS, align_by_lap, align_by_place, align_by_time
from analysis.bench_log import write_bench_log
from analysis.trace_log import laps_of
from car.log_reader import CarLog, read_log
from tests.car.logs import write_synthetic_log


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[CarLog, CarLog]:
    folder = tmp_path_factory.mktemp("logs")
    return (
        read_log(write_bench_log(folder, frames=1400, name="one", weave_m=0.0)),
        read_log(write_bench_log(folder, frames=700, name="other", weave_m=0.1)),
    )


def test_by_time_both_runs_show_the_frame_of_that_moment_and_a_shorter_one_ends(
    logs: tuple[CarLog, CarLog],
) -> None:
    aligned = align_by_time(*logs)

    assert (aligned.unit, len(aligned.axis)) == ("s", POINTS)
    assert aligned.frames[0][100] == aligned.frames[1][100] == int(aligned.axis[100] * 30)
    assert aligned.frames[1][-1] == -1
    speed = next(signal for signal in aligned.signals if signal.title == "Speed")
    assert speed.first[5] == pytest.approx(1.2) and np.isnan(speed.second[-1])


def test_by_place_both_runs_are_at_the_same_place_of_their_best_laps(logs: tuple[CarLog, CarLog]) -> None:
    aligned = align_by_place(*logs)

    assert aligned is not None
    for log, frames in zip(logs, aligned.frames, strict=True):
        there = log.frames.progress[frames[10:-10]]
        assert np.abs(there - aligned.axis[10:-10]).max() < 0.5
    lost, *others = aligned.signals
    assert np.abs(lost.first).max() < 0.1
    centre = next(signal for signal in others if signal.title == "From the centre")
    assert np.abs(centre.first[10:-10]).max() < 1.0
    assert np.nanmax(np.abs(centre.second)) == pytest.approx(10.0, abs=0.5)


def test_runs_without_laps_have_no_place_to_be_compared_at(tmp_path: Path) -> None:
    short = read_log(write_synthetic_log(tmp_path, frames=10))

    assert align_by_place(short, short) is None


def test_by_lap_two_laps_begin_together_and_the_faster_one_ends(logs: tuple[CarLog, CarLog]) -> None:
    one = logs[0]
    first, second = laps_of(one)[:2]

    aligned = align_by_lap(one, one, (first, second))

    assert aligned is not None and aligned.unit == "s"
    assert one.frames.progress[aligned.frames[0][200]] == pytest.approx(
        one.frames.progress[aligned.frames[1][200]], abs=1.0
    )
    assert align_by_lap(one, logs[1], (first, None)) is None
