from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.bench_log import write_bench_log
from analysis.console.documents import packed, plain, replay_document
from analysis.event_rules import words_of
from analysis.log_card import log_card
from analysis.replay import replay, steering_order
from analysis.track_outline import track_outline
from car.action_space import DiscreteActionSpace, default_action_space
from car.log_end import write_end
from car.log_reader import read_log
from tests.car.logs import STOP_REASON, write_synthetic_log
from tests.car.policies import save_policy


def test_actions_are_in_steering_order_with_left_on_the_left_and_slow_before_fast() -> None:
    space = DiscreteActionSpace(steering_rad=(-0.1, 0.2, 0.0, 0.2), speed_mps=(1.0, 2.0, 1.0, 0.5))

    assert [label.index for label in steering_order(space)] == [3, 1, 2, 0]
    assert steering_order(default_action_space())[0].steering_deg == 20.0
    assert steering_order(None) == []


def test_a_replay_has_a_row_for_every_frame_in_every_column(tmp_path: Path) -> None:
    log = read_log(write_synthetic_log(tmp_path, frames=30, skip=(10, 11)))

    shown = replay(log)

    assert {len(column) for column in shown.columns.values()} == {28}
    assert shown.columns["latency_ms"] == pytest.approx(np.full(28, 15.0))
    assert np.rad2deg(log.frames.steering_rad) == pytest.approx(shown.columns["steering_deg"])
    assert shown.scorecard.dropped == 2
    assert "driving" in shown.states
    assert shown.limits["steering_deg"] == pytest.approx((-20.0, 20.0))
    assert STOP_REASON in {event.text.removeprefix("Stopped: ") for event in shown.events}


def test_a_document_is_strict_json_and_its_columns_come_back_as_they_were(tmp_path: Path) -> None:
    log = read_log(write_synthetic_log(tmp_path, frames=12))
    shown = replay(log)

    document = json.loads(json.dumps(replay_document(shown), allow_nan=False))

    column = document["columns"]["probabilities"]
    back = np.frombuffer(base64.b64decode(column["data"]), f"<{column['type']}").reshape(12, column["width"])
    assert np.array_equal(back, log.frames.probabilities)
    assert document["columns"]["time_s"]["type"] == "f8"


def test_a_column_keeps_what_is_unknown_and_text_that_json_cannot_say_is_made_plain() -> None:
    assert base64.b64decode(packed(np.array([1.0, np.nan], np.float32))["data"])[:4] == b"\x00\x00\x80?"
    assert plain({"a": (1, float("nan")), 2: Path("x")}) == {"a": [1, None], "2": "x"}


def test_the_outline_of_a_track_is_found_by_its_built_in_name_only(tmp_path: Path) -> None:
    outline = track_outline({"track": "forever-raceway", "direction": "clockwise"})

    assert outline is not None
    assert outline.length_m == pytest.approx(25.13, abs=0.1)
    gap = np.linalg.norm(outline.left_m - outline.right_m, axis=1)
    assert gap == pytest.approx(np.full(len(gap), 0.762), abs=0.02)
    assert track_outline({"track": "oval"}) is None
    assert track_outline({}) is None
    assert track_outline({"track": ["forever-raceway"]}) is None


def test_a_log_cannot_make_the_console_read_a_file_by_naming_it_as_its_track(tmp_path: Path) -> None:
    route = tmp_path / "route.npy"
    angle = np.linspace(0, 2 * np.pi, 40)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    np.save(route, np.hstack([circle * 3, circle * 2.6, circle * 3.4]))

    assert track_outline({"track": str(route)}) is None


def test_a_card_tells_what_a_log_is_in_a_line(tmp_path: Path) -> None:
    policy = save_policy(tmp_path / "policy.onnx")
    log = read_log(write_synthetic_log(tmp_path / "logs", frames=30, policy=policy, name="fast"))

    card = log_card(log, replay(log).scorecard)

    assert card.model.startswith("fast")
    assert (card.track, card.direction) == ("oval", "counter-clockwise")
    assert card.frames == 30
    assert card.fps == pytest.approx(30.0)
    assert card.latency_p50_ms == pytest.approx(15.0)
    assert card.laps == 0
    assert card.stop_reason == STOP_REASON


def test_a_drive_that_ended_in_order_has_no_stop_reason_and_says_how_it_ended(tmp_path: Path) -> None:
    path = write_synthetic_log(tmp_path, frames=30)
    write_end(path, "interrupted", in_order=False)
    log = read_log(path)
    assert log_card(log, replay(log).scorecard).stop_reason == STOP_REASON

    write_end(path, "1 lap driven", in_order=True)
    log = read_log(path)
    shown = replay(log)
    assert log_card(log, shown.scorecard).stop_reason == ""
    assert shown.events[-1].text == "Log ends: 1 lap driven"


@pytest.mark.parametrize("asked_for", [True, False])
@pytest.mark.parametrize(("write", "stop"), [(write_bench_log, ""), (write_synthetic_log, STOP_REASON)])
def test_a_log_that_somebody_ended_has_no_stop_reason_but_that_of_the_car(
    tmp_path: Path, asked_for: bool, write: Callable[..., Path], stop: str
) -> None:
    path = write(tmp_path, frames=30)
    run = json.loads((path / "run.json").read_text())
    run["end"] = {"reason": "the end", "asked_for": asked_for}
    (path / "run.json").write_text(json.dumps(run))

    log = read_log(path)

    assert log_card(log, replay(log).scorecard).stop_reason == (stop or ("" if asked_for else "the end"))


def test_what_the_drive_says_by_itself_is_not_said_twice() -> None:
    assert words_of("disarmed", "disarmed on request") == "Disarmed on request"
    assert words_of("disarmed", "not armed") == "Disarmed: not armed"
