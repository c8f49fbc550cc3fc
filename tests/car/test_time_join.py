"""Bringing together what belongs to one moment: exactly by stamp, or by time but never from afar."""

from __future__ import annotations

import numpy as np

from car.time_join import NEAR_NS, StampJoin, interpolate, nearest

EPOCH_NS = 1_760_000_000_000_000_000
FRAMES_NS = EPOCH_NS + np.array([0, 33_000_000, 66_000_001], dtype=np.int64)


def test_a_frame_gets_the_first_message_about_it() -> None:
    sources_ns = EPOCH_NS + np.array([66_000_001, 0, 0, 5], dtype=np.int64)
    join = StampJoin(sources_ns, FRAMES_NS)
    np.testing.assert_array_equal(join.take(np.array([10, 20, 30, 40]), -1), [20, -1, 10])


def test_without_messages_every_frame_gets_the_other_value() -> None:
    join = StampJoin(np.zeros(0, dtype=np.int64), FRAMES_NS)
    np.testing.assert_array_equal(join.take(np.zeros(0), np.array([1.0, 2.0, 3.0])), [1, 2, 3])
    np.testing.assert_array_equal(join.take(np.zeros(0, dtype=np.int64), 0), [0, 0, 0])


def test_a_stamp_of_zero_belongs_to_no_frame() -> None:
    frames_ns = np.array([0, 7], dtype=np.int64)
    join = StampJoin(np.array([0, 7], dtype=np.int64), frames_ns)
    np.testing.assert_array_equal(join.take(np.array([1, 2]), -1), [-1, 2])


def test_values_between_are_interpolated_to_the_nanosecond_of_the_epoch() -> None:
    known_ns = EPOCH_NS + np.array([0, 40_000_000, 80_000_000], dtype=np.int64)
    found = interpolate(FRAMES_NS, known_ns, np.array([0.0, 4.0, 8.0]))
    np.testing.assert_allclose(found, [0.0, 3.3, 6.6000001], atol=1e-9)


def test_what_jumps_is_taken_from_the_nearest() -> None:
    known_ns = EPOCH_NS + np.array([0, 40_000_000, 60_000_000], dtype=np.int64)
    np.testing.assert_array_equal(nearest(FRAMES_NS, known_ns, np.array([98.0, 99.0, 1.0])), [98, 99, 1])


def test_nothing_is_taken_from_afar() -> None:
    known_ns = np.array([EPOCH_NS - NEAR_NS - 1, EPOCH_NS + 66_000_001 + NEAR_NS], dtype=np.int64)
    values = np.array([1.0, 2.0])
    np.testing.assert_array_equal(np.isnan(interpolate(FRAMES_NS, known_ns, values)), [True, True, False])
    np.testing.assert_array_equal(np.isnan(nearest(FRAMES_NS, known_ns, values)), [True, True, False])
    assert np.isnan(interpolate(FRAMES_NS, known_ns[:0], values[:0])).all()
