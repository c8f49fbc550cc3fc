"""When a drive is over: behind the line, so that its log holds the last crossing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis.laps import find_laps
from car.drive_statistics import DriveStatistics
from car.process_group import Ended
from sim2race_car.drive_attempt import DriveAttempt
from sim2race_car.drive_command import SIM_CAR, DriveConfig
from sim2race_car.drive_display import DriveDisplay

LAP_FRAMES = 20


class World:
    """Stands for the client and the processes: a frame at each spin, logged as the log node logs it."""

    def __init__(self, statistics: DriveStatistics) -> None:
        self._statistics = statistics
        self.progress_percent: list[float] = []
        self.on_frame: Callable[[int], None] = lambda frame: None

    def spin(self) -> None:
        """Drive on by a frame; the place is heard after the frame it belongs to."""
        frame = len(self.progress_percent)
        laps, along = divmod(frame, LAP_FRAMES)
        progress = 100.0 * (along + 0.3) / LAP_FRAMES
        self._statistics.on_inference_report(frames_in=frame + 1, dropped_old=0, dropped_bad=0)
        self._statistics.on_track_position(
            progress_percent=progress, laps=laps, last_lap_time_s=0.6, off_track=False
        )
        self.progress_percent.append(progress)
        self.on_frame(frame)

    def spin_until(self, is_done: Callable[[], bool], deadline_s: float) -> bool:
        """Be as patient as the client."""
        return is_done()

    def arm(self) -> bool:
        """Be armed."""
        return True

    def ended(self) -> list[Ended]:
        """Return no process: all of them live."""
        return []


def attempt(interrupted: list[int] | None = None, **config: Any) -> tuple[DriveAttempt, World]:
    statistics = DriveStatistics()
    world: Any = World(statistics)
    made = DriveAttempt(
        DriveConfig(**config),
        SIM_CAR,
        world,
        world,
        statistics,
        DriveDisplay(None, laps=1),
        [] if interrupted is None else interrupted,
    )
    return made, world


@pytest.mark.parametrize(("laps", "words"), [(1, "1 lap driven"), (2, "2 laps driven")])
def test_the_last_crossing_is_in_the_log(laps: int, words: str) -> None:
    made, world = attempt(laps=laps)
    assert made.drive()[:2] == (words, True)
    progress = np.array(world.progress_percent)
    # Even if the log node misses the newest frames, as it may be a little behind.
    assert len(find_laps(np.arange(len(progress)) / 30.0, progress)) == laps
    assert len(find_laps(np.arange(len(progress) - 5) / 30.0, progress[:-5])) == laps
    assert len(progress) == laps * LAP_FRAMES + 1 + 9


def test_of_few_frames_a_second_the_roll_out_waits_for_two() -> None:
    made, world = attempt(fps=1.0)
    assert made.drive()[:2] == ("1 lap driven", True)
    assert len(world.progress_percent) == LAP_FRAMES + 1 + 2


def test_who_interrupts_the_roll_out_is_obeyed() -> None:
    interrupted: list[int] = []
    made, world = attempt(interrupted)
    world.on_frame = lambda frame: interrupted.append(2) if frame == LAP_FRAMES + 3 else None
    assert made.drive()[:2] == ("interrupted", False)


def test_a_time_that_is_over_behind_the_line_leaves_the_lap_driven() -> None:
    made, world = attempt(duration_s=0.0)
    for _ in range(LAP_FRAMES + 1):
        world.spin()
    assert made.drive()[:2] == ("1 lap driven", True)
