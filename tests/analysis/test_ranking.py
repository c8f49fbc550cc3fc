from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from analysis.bench_log import write_bench_log
from analysis.ranking import Ranking, difference_interval, is_better, parse_weights, points, rank
from analysis.run_card import BY_KEY, MEASURES, RunCard, card_of, run_card
from car.errors import Sim2RaceError
from car.log_reader import read_log
from tests.analysis.frames import frame_table
from tests.car.policies import save_policy


def card(name: str, lap_times: list[float], **figures: float) -> RunCard:
    mean = sum(lap_times) / len(lap_times)
    return RunCard(
        name=name,
        track="",
        figures={"lap_s": mean, **figures},
        pieces=[{"lap_s": time, **figures} for time in lap_times],
        piece_kind="lap",
        laps_s=lap_times,
        best_means_s=[],
    )


def test_points_are_linear_between_poor_and_good_and_never_beyond() -> None:
    lap = BY_KEY["lap_s"]

    assert points(lap, np.array([1.0, 8.0, 19.0, 30.0, 99.0])).tolist() == [100, 100, 50, 0, 0]


def test_a_run_is_better_only_where_its_laps_bear_it_out() -> None:
    quick = card("quick", [10.0, 10.2, 9.9, 10.1])
    slow = card("slow", [12.0, 12.1, 11.8, 12.2])
    wild = card("wild", [8.0, 13.5, 9.0, 11.5])

    clear = rank([slow, quick], {"lap_s": 1.0})
    unclear = rank([wild, quick], {"lap_s": 1.0})

    assert [run.card.name for run in clear.runs] == ["quick", "slow"]
    assert clear.runs[0].worse == ("slow",)
    assert "quick is better than slow" in clear.verdict()
    assert all(run.worse == () for run in unclear.runs)
    assert "No verdict" in unclear.verdict()


def test_a_score_lies_within_its_own_interval() -> None:
    (run,) = rank([card("one", [10.0, 11.0, 12.0, 13.0])], {"lap_s": 1.0}).runs

    assert run.low < run.score < run.high


def test_too_few_laps_give_a_score_but_no_interval_and_no_verdict() -> None:
    ranking = rank([card("a", [9.0, 9.0]), card("b", [20.0] * 5)], {"lap_s": 1.0})

    assert ranking.runs[0].card.name == "a" and math.isnan(ranking.runs[0].low)
    assert ranking.runs[0].worse == ()
    assert "fewer than 3 laps" in ranking.verdict()


def test_weights_decide_and_measures_that_a_run_lacks_do_not_count() -> None:
    one = card("fast", [9.0] * 3, weave_cm=5.0)
    other = card("calm", [14.0] * 3, weave_cm=1.0)
    blind = card("blind", [9.0] * 3)

    assert rank([one, other], {"lap_s": 9.0, "weave_cm": 1.0}).runs[0].card is one
    assert rank([one, other], {"lap_s": 1.0, "weave_cm": 3.0}).runs[0].card is other
    assert rank([one, blind], {"lap_s": 1.0, "weave_cm": 3.0}).weights == {"lap_s": 1.0}
    assert "no weighted measure" in rank([one, blind], {"weave_cm": 1.0}).verdict()


def test_a_run_without_measures_has_no_place_and_takes_none_from_the_others() -> None:
    quick, slow = card("quick", [10.0, 10.2, 9.9, 10.1]), card("slow", [12.0, 12.1, 11.8, 12.2])
    frames = frame_table(3, steering_rad=np.zeros(3), speed_mps=np.ones(3))
    brief = card_of("brief", frames, None)

    ranking = rank([brief, slow, quick], {"lap_s": 1.0, "hesitations": 1.0})
    alone = rank([brief, quick], {"lap_s": 1.0})

    assert [run.card.name for run in ranking.runs] == ["quick", "slow", "brief"]
    assert ranking.places() == [1, 2, None] and math.isnan(ranking.runs[2].score)
    assert "quick is better than slow" in ranking.verdict()
    assert ranking.neighbours()[1] == "No verdict: brief has no measures, it is too short."
    assert alone.places() == [None, None]
    assert alone.verdict() == "Only quick is long enough to be measured: no ranking."
    assert rank([brief, brief], {"lap_s": 1.0}).verdict().startswith("None of the runs")


def test_where_there_is_no_ranking_there_are_no_places() -> None:
    one, blind = card("one", [9.0] * 3, weave_cm=1.0), card("blind", [9.0] * 3)

    assert rank([one, blind], {"weave_cm": 1.0}).places() == [None, None]
    assert rank([one], {"lap_s": 1.0}).places() == [None]
    assert rank([one, blind], {"lap_s": 1.0}).places() == [1, 2]


def test_a_ranking_is_the_same_whenever_it_is_looked_at() -> None:
    cards = [card("a", [9.0, 10.0, 11.0]), card("b", [9.5, 10.0, 12.0])]

    assert rank(cards, {"lap_s": 1.0}).runs == rank(cards, {"lap_s": 1.0}).runs
    assert rank([], {}) == Ranking([], {})


def test_a_difference_has_an_interval_or_none_with_too_few_laps() -> None:
    one, other = card("a", [10.0, 10.2, 10.1]), card("b", [12.0, 12.2, 12.1])

    difference = difference_interval(one, other, "lap_s")

    assert difference is not None
    assert difference[0] == pytest.approx(-2.0) and difference[1] < -2.0 < difference[2] < 0.0
    assert difference_interval(one, card("c", [1.0]), "lap_s") is None
    assert not is_better(np.zeros(0), np.ones(5))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("weaving=1", "weave_cm"),
        ("lap_s=x", "expected a number"),
        ("lap_s=-1", "number"),
        ("lap_s", "number"),
    ],
)
def test_wrong_weights_are_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(Sim2RaceError, match=says):
        parse_weights(text)


def test_weights_are_read_and_no_weights_are_the_usual_ones() -> None:
    assert parse_weights("weave_cm=3, lap_s=0.5") == {"weave_cm": 3.0, "lap_s": 0.5}
    assert parse_weights("")["lap_s"] == BY_KEY["lap_s"].weight


def test_a_log_with_positions_has_every_measure_and_its_laps_have_them_too(tmp_path: Path) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    found = run_card(read_log(write_bench_log(tmp_path / "logs", frames=1300, weave_m=0.05, policy=policy)))

    assert found.figures.keys() == {measure.key for measure in MEASURES}
    assert [key for key, value in found.figures.items() if math.isnan(value)] == []
    assert len(found.pieces) == len(found.laps_s) >= 2
    assert found.figures["weave_cm"] == pytest.approx(5.0 / math.sqrt(2), rel=0.2)
    assert found.figures["speed_mps"] == pytest.approx(1.2, rel=0.05)
    assert "0.5 m trimmed" in found.parameters[0]


def test_a_log_without_position_has_pieces_of_ten_seconds_and_command_measures_only() -> None:
    frames = frame_table(950, steering_rad=np.zeros(950), speed_mps=np.ones(950))

    found = card_of("car", frames, None)

    assert (found.piece_kind, len(found.pieces)) == ("piece", 3)
    assert found.figures["tv"] == 0.0 and math.isnan(found.figures["weave_cm"])
    assert found.best_lap_s is None
