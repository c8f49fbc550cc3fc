"""A school says which world is trained in when, and refuses what makes no sense."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from car.errors import BadFileError, Sim2RaceError, UnknownNameError
from car.models import BUNDLED_POLICY
from car.policy import Policy
from sim.simulator import SimConfig
from sim.track import load_track
from training.school import SCHOOLS, School, Stage, school_named, school_text

OWN = SimConfig(tracks=("trapezoid",), noise="high", tight_spot_share=0.1)


def test_stages_follow_one_another_and_the_last_one_stays() -> None:
    first, last = Stage(until=0.25, noise="low"), Stage(until=1.0)
    school = School((first, last))
    assert [school.stage_at(progress) for progress in (0.0, 0.2, 0.25, 1.0)] == [first, first, last, last]


def test_a_stage_leaves_open_what_the_run_says() -> None:
    world = Stage(until=1.0, also_tracks=("reinvent-2018", "trapezoid"), tight_spot_share=0.3).world(OWN)
    assert world.tracks == ("trapezoid", "reinvent-2018")
    assert (world.noise, world.tight_spot_share, world.directions) == ("high", 0.3, OWN.directions)


def test_the_hall_ends_on_the_target_alone_and_never_forgets_tight_spots() -> None:
    hall = SCHOOLS["hall"]
    worlds = [stage.world(OWN) for stage in hall.stages]
    assert worlds[0].noise == "low" and worlds[-1].noise == "high"
    assert len(worlds[0].tracks) > 3 and worlds[-1].tracks == ("trapezoid",)
    assert all(world.tight_spot_share > 0.0 for world in worlds)
    assert hall.all_tracks(OWN)[0] == "trapezoid" and len(hall.all_tracks(OWN)) == len(worlds[0].tracks)


def test_a_school_is_read_from_a_file_that_names_only_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "school.json"
    path.write_text(json.dumps({"stages": [{"until": 0.5, "noise": "low"}, {"until": 1.0}]}))
    school = school_named(str(path))
    assert school == School((Stage(until=0.5, noise="low"), Stage(until=1.0)))
    path.write_text(school_text(SCHOOLS["hall"]))
    assert school_named(str(path)) == SCHOOLS["hall"]


def test_the_policy_that_comes_along_went_to_the_school_that_comes_along() -> None:
    school = school_named(str(BUNDLED_POLICY.with_name("hall_school.json")))
    tracks = school.all_tracks(SimConfig(tracks=("forever-raceway", "forever-raceway")))
    assert tracks == Policy.load(BUNDLED_POLICY).metadata.tracks
    widths_m = [float(np.min(track.left_width_m + track.right_width_m)) for track in map(load_track, tracks)]
    assert min(widths_m) == pytest.approx(0.76, abs=0.01)
    assert max(widths_m) == pytest.approx(1.07, abs=0.01)


def test_an_unknown_school_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'hall'"):
        school_named("hal")


@pytest.mark.parametrize("content", ['{"stages": [{"untill": 1.0}]}', '{"stages": 3}', "[]"])
def test_a_file_that_is_no_school_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "school.json"
    path.write_text(content)
    with pytest.raises(BadFileError, match=r"school\.json"):
        school_named(str(path))


@pytest.mark.parametrize("ends", [(), (0.5,), (0.5, 0.5, 1.0), (0.7, 0.3, 1.0), (0.0, 1.0)])
def test_stages_out_of_order_are_refused(ends: tuple[float, ...]) -> None:
    with pytest.raises(Sim2RaceError, match="expected rising shares up to 1"):
        School(tuple(Stage(until=end) for end in ends))
