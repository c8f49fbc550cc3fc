from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from analysis.course import Course, CourseParameters, lay, make_course
from analysis.laps import Lap
from analysis.measures_corner import corner_passes
from analysis.measures_machine import machine_figures
from analysis.measures_pace import (
    MOST_CONSECUTIVE,
    best_mean_s,
    best_means_s,
    best_possible_s,
    lap_traces,
    time_lost_s,
)
from analysis.measures_straight import straight_figures
from analysis.measures_survival import SurvivalParameters, count_hesitations, edge_stories
from analysis.run_card import select
from analysis.sim_trace import read_sim_trace
from car.errors import BadFileError
from car.frame_table import FrameTable
from sim.track import build_track, load_track
from tests.analysis.frames import START_NS, frame_table

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
TRACE = REFERENCE / "simtrace" / "aws-v4-evaluation.csv"
HEADER = "episode,steps,X,Y,yaw,steer,throttle,action,reward,done,progress,tstamp,episode_status\n"


def stadium() -> Course:
    """Two straights of 4 m and two half circles of 1 m radius, 0.8 m wide."""
    turn = np.linspace(0.0, math.pi, 33)[1:-1]
    x = np.linspace(-2.0, 2.0, 41)
    right = np.stack([2.0 + np.sin(turn), -np.cos(turn)], axis=1)
    points = np.concatenate(
        [np.stack([x, np.full(41, -1.0)], 1), right, np.stack([x[::-1], np.full(41, 1.0)], 1), -right]
    )
    return make_course(build_track("stadium", points, np.full((len(points), 2), 0.4)))


def drive(course: Course, lateral_m: float = 0.0, weave_m: float = 0.0, speed_mps: float = 1.0) -> FrameTable:
    """One lap at a constant speed, weaving with a period of 1 m."""
    track = course.track
    arc = np.arange(0.0, track.length_m, speed_mps / 30)
    offset = lateral_m + weave_m * np.sin(2 * math.pi * arc)
    poses = np.array([track.pose_at(s, d) for s, d in zip(arc.tolist(), offset.tolist(), strict=True)])
    return frame_table(
        len(arc),
        x_m=poses[:, 0],
        y_m=poses[:, 1],
        yaw_rad=poses[:, 2],
        progress=arc / track.length_m * 100,
        steering_rad=np.zeros(len(arc)),
        true_speed_mps=np.full(len(arc), speed_mps),
    )


def test_a_stadium_has_two_straights_and_two_corners() -> None:
    course = stadium()

    assert [round(s.length_m) for s in course.straights] == [4, 4]
    assert [s.turn_rad for s in course.corners] == pytest.approx([math.pi, math.pi], rel=0.05)
    assert [s.radius_m for s in course.corners] == pytest.approx([1.0, 1.0], rel=0.1)


def test_a_car_on_the_centre_line_does_not_weave_and_one_that_weaves_is_measured() -> None:
    course = stadium()
    still, weaving = (drive(course, weave_m=weave) for weave in (0.0, 0.05))

    calm = straight_figures(still, lay(still, course), course)
    restless = straight_figures(weaving, lay(weaving, course), course)

    assert calm.weave_rms_m < 0.002 and calm.path_excess < 1e-3
    assert restless.weave_rms_m == pytest.approx(0.05 / math.sqrt(2), rel=0.1)
    assert restless.path_excess == pytest.approx((0.05 * 2 * math.pi) ** 2 / 4, rel=0.15)
    assert restless.straight_share == 1.0


def test_an_offset_is_no_weave_but_shows_in_the_lateral_rms_and_the_margin() -> None:
    course = stadium()
    frames = drive(course, lateral_m=-0.2)
    laid = lay(frames, course)
    figures = straight_figures(frames, laid, course)

    assert figures.weave_rms_m < 0.003
    assert figures.lateral_rms_m == pytest.approx(0.2, abs=0.005)
    assert laid.margin_m == pytest.approx(0.2, abs=0.01)


def test_commands_are_compared_at_one_rate_over_the_driven_length() -> None:
    course = stadium()
    frames = drive(course)
    # Left and right for a fifteenth of a second each: a change of 20 degrees every 1/15 m.
    steering = np.deg2rad(np.where(np.arange(len(frames)) // 2 % 2, 10.0, -10.0))
    flapping = frame_table(len(frames), x_m=frames.x_m, y_m=frames.y_m, steering_rad=steering)

    figures = straight_figures(flapping, lay(flapping, course), course)

    assert figures.variation_deg_per_m == pytest.approx(300.0, rel=0.03)
    assert figures.reversals_per_m == pytest.approx(15.0, rel=0.06)
    assert figures.straight_share == 0.0


def test_a_track_without_straights_has_no_figures_and_no_error() -> None:
    angle = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    course = make_course(build_track("circle", circle, np.full((64, 2), 0.3)))
    frames = drive(course)

    assert course.straights == []
    assert math.isnan(straight_figures(frames, lay(frames, course), course).weave_rms_m)


def test_a_corner_driven_inside_has_a_smaller_radius_and_an_apex_near_the_border() -> None:
    course = stadium()
    frames = drive(course, lateral_m=0.3)
    passes = corner_passes(lay(frames, course), course, frames.true_speed_mps)

    assert len(passes) == 2
    for one in passes:
        assert one.apex_margin_m == pytest.approx(0.1, abs=0.02)
        assert one.radius_m == pytest.approx(one.track_radius_m - 0.3, rel=0.1)
        assert (one.entry_width, one.exit_width) == pytest.approx((-0.75, -0.75), abs=0.05)
        assert one.apex_speed_mps == one.min_speed_mps == 1.0


def test_a_corner_is_timed_from_line_to_line_and_not_from_frame_to_frame() -> None:
    course = stadium()
    fast = drive(course)
    frames = select(fast, np.arange(len(fast)) % 5 == 0)
    first, last = corner_passes(lay(frames, course), course, frames.true_speed_mps)

    # Frames of a sixth of a second at 1 m/s; what is left is the grain of the place on the track.
    assert first.start_s == pytest.approx(course.corners[0].start_m, abs=0.02)
    assert last.start_s == pytest.approx(course.corners[1].start_m, abs=0.02)
    assert first.time_s == pytest.approx(course.corners[0].length_m, abs=0.02)
    # The drive ends before this corner does.
    assert last.start_s + last.time_s == pytest.approx((len(frames) - 1) / 6)


def test_who_is_put_down_in_a_corner_has_its_time_from_the_first_frame_there() -> None:
    course = stadium()
    frames = drive(course)
    laid = lay(frames, course)
    corner = course.corners[0]
    first = int(np.flatnonzero(laid.arc_m > corner.start_m + 0.2)[0])
    begun = select(frames, np.arange(len(frames)) >= first)
    found = corner_passes(lay(begun, course), course, begun.true_speed_mps)[0]

    assert found.start_s == 0.0
    assert found.time_s == pytest.approx(corner.length_m - 0.2, abs=0.04)


def test_coming_near_the_edge_and_back_is_a_recovery_and_leaving_is_not() -> None:
    margins = np.array([0.3, 0.05, 0.1, 0.3, 0.05, -0.1, -0.2, 0.3, 0.05])

    assert edge_stories(margins, SurvivalParameters()) == (1, 1)


def test_slowing_on_the_way_is_a_hesitation_and_standing_at_the_ends_is_not() -> None:
    speed = np.array([0.0] * 30 + [1.0] * 60 + [0.1] * 10 + [1.0] * 60 + [0.1] * 3 + [1.0] * 30 + [0.0] * 60)

    assert count_hesitations(np.arange(len(speed)) / 30, speed, SurvivalParameters()) == 1


def test_the_best_mean_is_over_laps_that_follow_each_other() -> None:
    laps = [Lap(1, 0.0, 10.0), Lap(2, 10.0, 8.0), Lap(3, 18.0, 9.0), Lap(4, 40.0, 5.0)]

    assert best_mean_s(laps, 2) == 8.5
    assert best_mean_s(laps, 3) == 9.0
    assert best_mean_s(laps, 4) is None
    assert best_means_s(laps) == [5.0, 8.5, 9.0]
    assert len(best_means_s([Lap(i, 10.0 * i, 10.0) for i in range(50)])) == MOST_CONSECUTIVE


def test_time_is_lost_where_the_car_was_slower() -> None:
    slow = np.concatenate([np.linspace(0, 50, 60, endpoint=False), np.linspace(50, 100, 120, endpoint=False)])
    progress = np.concatenate([np.linspace(0, 100, 120, endpoint=False), slow, [0.0]])
    seconds = np.arange(len(progress)) / 30
    laps = [Lap(1, 0.0, 4.0), Lap(2, 4.0, 6.0)]

    best, other = lap_traces(seconds, progress, laps)
    lost = time_lost_s(other, best)

    assert lost[100] == pytest.approx(0.0, abs=0.05) and lost[200] == pytest.approx(2.0)
    assert other.sectors_s(2) == pytest.approx([2.0, 4.0], abs=0.06)
    assert best_possible_s([best, other]) == pytest.approx(4.0, abs=0.06)


def test_the_machine_is_measured_and_what_is_unknown_is_not_a_number() -> None:
    stamps = START_NS + np.array([0, 33, 66, 132]) * 1_000_000
    figures = machine_figures(
        frame_table(4, stamp_ns=stamps, frame_number=[1, 2, 3, 5], written_ns=stamps + 20_000_000),
        {"cpu_percent": np.array([20.0, 40.0]), "cpu_temp": np.array([50.0, 61.0])},
    )

    assert figures.dropped_share == 0.2
    assert (figures.latency_p50_ms, figures.latency_p99_ms) == (20.0, 20.0)
    assert (figures.cpu_percent, figures.cpu_temp_c) == (30.0, 61.0)
    assert math.isnan(machine_figures(frame_table(0), {}).fps)


def test_a_trace_is_read_in_degrees_by_episode(tmp_path: Path) -> None:
    path = tmp_path / "0-iteration.csv"
    path.write_text(
        HEADER
        + "0,1,1.0,2.0,90,-30,1.5,2,0,False,1.0,5.0,prepare\n"
        + '1,1,0.0,0.0,0,10,2.0,"[10.0 2.0]",0,False,0.5,6.0,prepare\n1,2,0.1,0'
    )

    first, second = read_sim_trace(path).episodes.values()

    assert (first.yaw_rad[0], first.steering_rad[0]) == pytest.approx((math.pi / 2, math.radians(-30)))
    assert (first.action[0], second.action[0], len(second)) == (2, -1, 1)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", HEADER + "0,1,nan,2,0,0,1,0,0,False,1,0,x\n"])
def test_what_is_no_trace_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "trace.csv").write_text(text)

    with pytest.raises(BadFileError):
        read_sim_trace(tmp_path / "trace.csv")


@pytest.mark.skipif(not TRACE.is_file(), reason="the published traces are not here")
def test_a_published_evaluation_gives_its_published_figures() -> None:
    track = load_track(REFERENCE / "tracks" / "reinvent_base.npy")
    # Published over the middle 2.0 m of the one long straight; our spline finds it 3.73 m long.
    course = make_course(track, CourseParameters(trim_m=0.865))
    episodes = read_sim_trace(TRACE).episodes.values()
    frames = FrameTable(
        **{f.name: np.concatenate([getattr(e, f.name) for e in episodes]) for f in fields(FrameTable)}
    )

    found = straight_figures(frames, lay(frames, course), course)

    assert found.length_m == pytest.approx(5.9, abs=0.1)
    assert found.speed_mps == pytest.approx(1.36, rel=0.1)
    assert found.variation_deg_per_m == pytest.approx(72, rel=0.05)
    assert found.reversals_per_m == pytest.approx(1.0, abs=0.1)
    assert found.weave_rms_m * 100 == pytest.approx(5.3, rel=0.1)
    assert math.degrees(found.heading_rms_rad) == pytest.approx(11.3, rel=0.1)
    assert found.path_excess * 100 == pytest.approx(3.0, rel=0.2)
    assert found.lateral_rms_m * 100 == pytest.approx(8.3, rel=0.2)
