"""The ablation's rows are what they say: one ingredient, trainings shared, action spaces changed as named."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from car.action_space import default_action_space, load_model_metadata
from car.errors import Sim2RaceError, UnknownNameError
from tests.training.tiny import tiny_training
from training.ablation_plan import plan_row, unique_jobs
from training.ablation_rows import ACTIONS, HARDER, NEW_TRACKS, ROWS, AblationRow, Variant, rows_named
from training.settings import with_settings
from training.train_config import TrainConfig


@pytest.mark.parametrize("row", [row for row in ROWS if not row.missing], ids=lambda row: row.name)
def test_every_row_can_be_trained_and_never_on_what_it_is_examined_on(
    row: AblationRow, tmp_path: Path
) -> None:
    for variant in row.variants:
        config = with_settings(TrainConfig(), variant.settings)
        assert not {*config.sim.tracks, *config.held_out_tracks, *HARDER} & set(NEW_TRACKS)
    assert row.better.name != row.worse.name


def test_rows_are_found_by_name() -> None:
    assert [row.name for row in rows_named(("noise", "angles"))] == ["noise", "angles"]
    assert rows_named(()) == list(ROWS)
    with pytest.raises(UnknownNameError, match="Did you mean 'chevron'"):
        rows_named(("chevrn",))


def test_action_spaces_differ_in_what_they_are_named_for() -> None:
    chevron, degrees = default_action_space(), np.degrees
    small = ACTIONS["no-small-angles"]()
    assert degrees(small.steering_rad).round(6).tolist() == [-20.0, -10.0, 0.0, 10.0, 20.0]
    flat = ACTIONS["flat-speeds"]()
    assert flat.steering_rad == chevron.steering_rad
    assert flat.speed_mps == pytest.approx((np.mean(chevron.speed_mps),) * chevron.size)
    narrow = ACTIONS["at-most-15"]()
    assert max(narrow.steering_rad) == pytest.approx(math.radians(15.0)) == -min(narrow.steering_rad)
    assert narrow.speed_mps == chevron.speed_mps


def test_rows_share_the_trainings_that_are_the_same(tmp_path: Path) -> None:
    base = tiny_training(tmp_path, name="ablation")
    angles, chevron = rows_named(("angles", "chevron"))
    plans = [
        training
        for row in (angles, chevron)
        for training in plan_row(row, base, tmp_path, seeds=(1, 2), threads=1)
    ]
    assert len(plans) == 8
    assert len(unique_jobs(plans)) == 6
    first = next(one for one in plans if one.variant.name == "no-small-angles")
    assert load_model_metadata(first.job.folder / "model_metadata.json") == ACTIONS["no-small-angles"]()


def test_a_row_that_this_version_cannot_train_is_refused(tmp_path: Path) -> None:
    row = AblationRow(
        "x", "X.", Variant("a", {"ppo.magic": 1}), Variant("b"), measure="lap_share", good="higher"
    )
    assert row.missing == ["ppo.magic"]
    with pytest.raises(Sim2RaceError, match=r"needs the setting 'ppo.magic', which is not there"):
        plan_row(row, tiny_training(tmp_path), tmp_path, seeds=(1,), threads=1)
