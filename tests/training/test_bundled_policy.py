"""The policy that comes with sim2race: small, whole, and able to drive before anybody has trained."""

from __future__ import annotations

from car.models import BUNDLED_POLICY
from car.policy import Policy
from training.evaluate import EvaluateConfig, evaluate_policy
from training.school import HARDER_TRACKS


def test_it_is_small_enough_to_come_along() -> None:
    assert BUNDLED_POLICY.stat().st_size < 6_000_000


def test_it_says_where_it_is_from() -> None:
    metadata = Policy.load(BUNDLED_POLICY).metadata
    assert metadata.name == "hall"
    assert metadata.tracks[0] == "forever-raceway" and set(metadata.tracks) >= set(HARDER_TRACKS)
    assert metadata.steps > 0


def test_its_page_and_its_actions_lie_beside_it() -> None:
    page = BUNDLED_POLICY.with_suffix(".md").read_text()
    assert "sim2race train --name hall" in page
    assert BUNDLED_POLICY.with_name("hall_actions.json").is_file()


def test_it_drives_laps_both_ways() -> None:
    config = EvaluateConfig(laps=2, noise="low", vary_vehicle=False)
    evaluation = evaluate_policy(Policy.load(BUNDLED_POLICY), config)
    assert evaluation.total.attempted == 4
    assert evaluation.total.completed == 4
