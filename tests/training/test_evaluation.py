"""Evaluation counts laps, and measures what it says it measures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from car.errors import Sim2RaceError, UnknownNameError
from sim.simulator import SimConfig
from sim.track import load_track
from tests.training.scripted import CHEVRON, ScriptedDriver
from training.evaluation import Act, Evaluation, Lap, evaluate, straights, weave

SIM = SimConfig(tracks=("trapezoid-narrow",), noise="none", vary_vehicle=False, control_rate_hz=15.0)


def _straight_on(observations: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
    return np.full(len(observations), 4)


def _evaluate(
    act: Act,
    sim: SimConfig = SIM,
    *,
    frames: int = 1,
    laps: int = 2,
    seed: int = 7,
    starts: Literal["line", "round-robin"] = "line",
) -> Evaluation:
    return evaluate(act, sim, action_space=CHEVRON, frames=frames, laps=laps, seed=seed, starts=starts)


def test_a_driver_on_the_centre_line_completes_every_lap(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = _evaluate(ScriptedDriver(monkeypatch).act)
    assert [(row.direction, row.completed, row.attempted) for row in evaluation.rows] == [
        ("counter-clockwise", 2, 2),
        ("clockwise", 2, 2),
    ]
    total = evaluation.total
    length_m = load_track("trapezoid-narrow").length_m
    assert total.lap_share == evaluation.worst_lap_share == 1.0
    assert total.mean_lap_s is not None and length_m / 1.3 < total.mean_lap_s < length_m / 0.7
    assert total.best_lap_s is not None and total.best_lap_s <= total.mean_lap_s
    assert total.lateral_m < 0.15
    assert total.off_track == 0


def test_driving_straight_on_ends_off_the_track(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluation = _evaluate(_straight_on)
    assert evaluation.total.completed == 0
    assert evaluation.total.off_track == evaluation.total.attempted == 4
    assert evaluation.total.mean_lap_s is None
    assert 0.0 < evaluation.total.progress < 60.0
    assert evaluation.total.steering_deg_per_m == 0.0
    json.dumps(evaluation.to_data(), allow_nan=False)


def test_cars_that_have_ended_are_not_asked_and_pictures_are_stacked_oldest_first() -> None:
    seen: list[npt.NDArray[np.uint8]] = []

    def act(observations: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        seen.append(observations.copy())
        return _straight_on(observations)

    _evaluate(act, frames=2, starts="round-robin")
    sizes = [len(observations) for observations in seen]
    assert sizes[0] == 4
    assert sizes == sorted(sizes, reverse=True)
    assert min(sizes) < 4
    np.testing.assert_array_equal(seen[0][:, 0], seen[0][:, 1])
    np.testing.assert_array_equal(seen[1][:, 0], seen[0][:, 1])
    assert (seen[1][:, 1] != seen[1][:, 0]).any()


def test_starts_can_be_spread_around_the_track(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ScriptedDriver(monkeypatch)
    arcs: list[npt.NDArray[np.float64]] = []

    def act(observations: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        arcs.append(driver.simulators[0].places["arc_length_m"].copy())
        return driver.act(observations)

    sim = replace(SIM, directions=("clockwise",), max_episode_s=0.2)
    evaluation = _evaluate(act, sim, laps=4, starts="round-robin")
    length_m = load_track("trapezoid-narrow").length_m
    np.testing.assert_allclose(arcs[0], length_m * np.arange(4) / 4, atol=0.02)
    assert {lap.status for lap in evaluation.laps} == {"time_up"}


def test_the_same_seed_gives_the_same_laps_and_another_seed_others() -> None:
    sim = replace(SIM, noise="high", vary_vehicle=True)
    first, again, other = (_evaluate(_straight_on, sim, seed=seed).laps for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_weave_ignores_an_offset_and_a_slant_but_not_a_wave() -> None:
    arc_m: npt.NDArray[np.float64] = np.linspace(0.0, 4.0, 401, dtype=np.float64)
    stretches = [(0.5, 3.5)]
    assert weave(arc_m, 0.1 + 0.02 * arc_m, stretches) == pytest.approx(0.0, abs=1e-9)
    wave: npt.NDArray[np.float64] = 0.03 * np.sin(2 * np.pi * arc_m / 0.5)
    assert weave(arc_m, 0.1 + wave, stretches) == pytest.approx(0.03 / np.sqrt(2), rel=0.02)
    assert weave(arc_m, wave, [(7.0, 9.0)]) is None


def test_straights_are_straight_and_trimmed() -> None:
    track = load_track("reinvent-2018")
    found = straights(track)
    assert found
    for first, last in found:
        on_it = slice(int((first - 0.5) / track.spacing_m), int((last + 0.5) / track.spacing_m))
        assert np.abs(track.curvature_1pm[on_it]).max() < 0.25
        assert last > first


def test_merit_counts_laps_before_progress_and_not_speed() -> None:
    lap = Lap("t", "clockwise", "lap_complete", 100.0, 20.0, 0.1, 0.01, 1.0)
    crash = replace(lap, status="off_track", progress=90.0)
    early = replace(crash, progress=10.0)
    ordered = [(crash, early), (crash, crash), (lap, early), (lap, crash), (lap, lap)]
    merits = [Evaluation(laps).merit for laps in ordered]
    assert merits == sorted(merits)
    assert len(set(merits)) == len(merits)
    assert Evaluation((lap, replace(lap, seconds=19.0))).merit == merits[-1]


def test_a_track_that_does_not_exist_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'trapezoid-narrow'"):
        _evaluate(_straight_on, replace(SIM, tracks=("trapezoid-narow",)))


def test_no_laps_are_refused() -> None:
    with pytest.raises(Sim2RaceError, match="Nothing to evaluate: 0 laps"):
        _evaluate(_straight_on, laps=0)
