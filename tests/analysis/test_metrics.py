from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.metrics import (
    confidence,
    count_reversals,
    distance,
    dropped_frames,
    entropy_nats,
    frame_times_s,
    latency,
    resample_hold,
    scorecard,
    total_variation,
)
from tests.analysis.frames import START_NS, frame_table


def test_time_is_each_frames_own_stamp_and_not_its_number() -> None:
    frames = frame_table(3, stamp_ns=START_NS + np.array([0, 33_000_000, 533_000_000]))

    assert frame_times_s(frames).tolist() == pytest.approx([0.0, 0.033, 0.533])


def test_dropped_frames_come_from_the_cameras_count_where_it_counts() -> None:
    frames = frame_table(4, frame_number=[7, 8, 11, 12])

    assert dropped_frames(frames) == (2, "frame numbers")


def test_dropped_frames_come_from_gaps_where_the_camera_does_not_count() -> None:
    stamps = np.array([0, 33, 66, 166, 199, 232]) * 1_000_000  # Two frames short of a steady 30 Hz.

    assert dropped_frames(frame_table(6, stamp_ns=START_NS + stamps)) == (2, "time stamps")


def test_latency_leaves_out_frames_for_which_nothing_was_written() -> None:
    stamps = START_NS + np.arange(5) * 33_000_000
    written = stamps + np.array([10, 12, 14, 0, 50]) * 1_000_000
    written[3] = 0

    spread = latency(frame_table(5, stamp_ns=stamps, written_ns=written))

    assert spread is not None
    assert (spread.p50_ms, spread.max_ms) == pytest.approx((13.0, 50.0))
    assert latency(frame_table(5)) is None


def test_distance_is_measured_on_positions_and_leaves_out_being_put_back() -> None:
    frames = frame_table(4, x_m=[0.0, 0.1, 0.2, 5.2], y_m=[0.0, 0.0, 0.0, 0.0])

    metres, source = distance(frames)

    assert metres == pytest.approx(0.2)
    assert source == "position"


def test_distance_without_positions_is_marked_as_a_stand_in() -> None:
    metres, source = distance(frame_table(31, speed_mps=np.full(31, 2.0)))

    assert metres == pytest.approx(2.0)
    assert source == "commanded speed"


def test_commands_are_held_until_the_next_one_when_resampled() -> None:
    held = resample_hold(np.array([0.0, 0.1, 0.4]), np.array([1.0, 2.0, 3.0]), 5.0)

    assert held.tolist() == [1.0, 2.0, 3.0]


def test_a_steady_command_flaps_equally_little_at_15_and_at_30_hz() -> None:
    slow = frame_table(16, period_s=1 / 15, steering_rad=np.tile([0.1, -0.1], 8), speed_mps=np.ones(16))
    fast = frame_table(31, steering_rad=np.repeat(np.tile([0.1, -0.1], 8), 2)[:31], speed_mps=np.ones(31))

    assert scorecard(fast).steering_variation_deg_per_m == pytest.approx(
        scorecard(slow).steering_variation_deg_per_m, rel=0.1
    )


def test_total_variation_adds_up_changes_of_either_sign() -> None:
    assert total_variation(np.array([0.0, 5.0, 5.0, -10.0])) == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 20, 0, 20], 2),
        ([0, 20, 15, 20, 0], 1),  # A wobble below the gap is no reversal.
        ([0, 5, -4, 5, -4], 0),
        ([0, 8, -8, 8], 1),
        ([], 0),
    ],
)
def test_a_reversal_is_a_turning_point_beyond_the_gap(values: list[float], expected: int) -> None:
    assert count_reversals(np.array(values, dtype=np.float64), gap=10.0) == expected


def test_entropy_and_confidence_of_a_sure_and_of_an_even_policy() -> None:
    probabilities = np.array([[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]])

    assert entropy_nats(probabilities).tolist() == pytest.approx([0.0, math.log(4)])
    assert confidence(probabilities).tolist() == pytest.approx([1.0, 0.0])


def test_a_scorecard_of_a_log_without_frames_or_knowledge_holds_no_figures() -> None:
    for count in (0, 1, 2):
        card = scorecard(frame_table(count))

        assert card.frames == count
        assert (card.latency, card.best_lap_s, card.confidence, card.distance_m) == (None, None, None, None)
