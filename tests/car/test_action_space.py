"""The action space: what the file says is what the car gets, and nothing else is accepted."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from car.action_space import (
    Command,
    ContinuousActionSpace,
    DiscreteActionSpace,
    default_action_space,
    load_model_metadata,
    parse_model_metadata,
    to_model_metadata,
)
from car.errors import BadFileError, Sim2RaceError


def test_the_default_is_the_inverted_chevron() -> None:
    degrees = np.rad2deg(default_action_space().table()[:, 0])
    np.testing.assert_allclose(degrees, [-20, -10, -5, -2.5, 0, 2.5, 5, 10, 20], atol=1e-5)
    np.testing.assert_allclose(
        default_action_space().table()[:, 1], [0.8, 0.95, 1.1, 1.2, 1.3, 1.2, 1.1, 0.95, 0.8], atol=1e-6
    )


def test_a_discrete_file_keeps_its_order_and_left_is_positive() -> None:
    space = parse_model_metadata(
        {
            "action_space": [
                {"steering_angle": 30, "speed": 0.5, "index": 7},
                {"steering_angle": -15.0, "speed": 2},
            ]
        },
        source="file",
    )
    assert isinstance(space, DiscreteActionSpace)
    assert space.command(0) == Command(math.radians(30), 0.5)
    assert space.command(1) == Command(math.radians(-15), 2.0)
    assert space.size == 2


def test_a_continuous_output_is_scaled_to_lopsided_limits_and_clipped() -> None:
    space = parse_model_metadata(
        {
            "action_space_type": "continuous",
            "action_space": {"steering_angle": {"low": -30, "high": 10}, "speed": {"low": 1, "high": 3}},
        },
        source="file",
    )
    assert isinstance(space, ContinuousActionSpace)
    scaled = space.scale([[-1, -1], [0, 0], [1, 1], [9, -9]])
    np.testing.assert_allclose(np.rad2deg(scaled[:, 0]), [-30, -10, 10, 10], atol=1e-4)
    np.testing.assert_allclose(scaled[:, 1], [1, 2, 3, 1])
    assert space.command(np.array([0.0, 1.0])).speed_mps == 3.0


@pytest.mark.parametrize(
    "space",
    [default_action_space(), ContinuousActionSpace(math.radians(-30), math.radians(28), 0.5, 4.0)],
    ids=["discrete", "continuous"],
)
def test_writing_and_reading_changes_nothing(space: DiscreteActionSpace, tmp_path: Path) -> None:
    path = tmp_path / "model_metadata.json"
    path.write_text(json.dumps(to_model_metadata(space)))
    assert load_model_metadata(path) == space


def test_the_most_probable_action_is_chosen_and_the_first_wins_a_tie() -> None:
    space = default_action_space()
    assert space.choose([0, 0.1, 0, 0.4, 0, 0.4, 0.1, 0, 0]) == 3


@pytest.mark.parametrize("output", [[0.5, math.nan, 0.5], [0.5, 0.5], [[0.1, 0.2, 0.7]], [math.inf, 0, 0]])
def test_an_output_that_must_not_steer_is_refused(output: list[float]) -> None:
    space = DiscreteActionSpace((-0.1, 0.0, 0.1), (1.0, 1.0, 1.0))
    with pytest.raises(Sim2RaceError, match="output"):
        space.choose(output)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "has no 'action_space'"),
        ({"action_space": []}, "without actions"),
        ({"action_space": "left"}, "is a list of actions"),
        ({"action_space": [3]}, "action 0 is 3"),
        ({"action_space": [{"steering_angle": 3}]}, "action 0 has no 'speed'"),
        ({"action_space": [{"steering_angle": "3", "speed": 1}]}, "'steering_angle' is '3'"),
        ({"action_space": [{"steering_angle": True, "speed": 1}]}, "'steering_angle' is True"),
        ({"action_space": [{"steering_angle": math.nan, "speed": 1}]}, "expected a finite number"),
        ({"action_space": [{"steering_angle": 3, "speed": -1}]}, "never backwards"),
        ({"action_space": [{"steering_angle": 3, "speed": 99}]}, "expected 0 to 10"),
        ({"action_space": [{"steering_angle": 90, "speed": 1}]}, "steers 90.0 degrees; expected at most 45"),
        ({"action_space": [], "action_space_type": "fuzzy"}, "'action_space_type' is 'fuzzy'"),
        ({"action_space": {"steering_angle": {"low": 1}}}, "'steering_angle' has no 'high'"),
        ({"action_space": {"speed": {"low": 1, "high": 2}}}, "'steering_angle' is None"),
        (
            {"action_space": {"steering_angle": {"low": 9, "high": -9}, "speed": {"low": 1, "high": 2}}},
            "low is above its high",
        ),
    ],
)
def test_an_ill_formed_file_is_refused_in_one_line_with_the_reason(data: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadFileError, match=r"^my file") as caught:
        parse_model_metadata(data, source="my file")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b'{"action_space": [', "is not JSON"),
        (b"\xff\xfe\x00", "is not text"),
        (b"[1, 2]", "expected an object"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_file_is_refused_with_its_path(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "model_metadata.json"
    path.write_bytes(content)
    with pytest.raises(BadFileError, match=reason) as caught:
        load_model_metadata(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="does not exist"):
        load_model_metadata(tmp_path / "absent.json")
    with pytest.raises(BadFileError, match="cannot be read"):
        load_model_metadata(tmp_path)
