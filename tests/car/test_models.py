"""Models on a car: what is installed drives 30 fps here, and no model harms another one."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from car import models
from car.action_space import ContinuousActionSpace
from car.errors import BadFileError, Sim2RaceError, UnknownNameError
from car.models import ModelStore, Timing, time_policy
from car.policy import Policy
from sim2race import main
from tests.car.policies import make_metadata, save_policy


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models")


def _policy(tmp_path: Path, name: str = "tiny", seed: int = 0) -> Path:
    return save_policy(tmp_path / f"given-{name}-{seed}" / "policy.onnx", make_metadata(name=name, seed=seed))


def _content(store: ModelStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder.iterdir()}


def test_a_model_is_installed_under_its_own_name_and_can_be_loaded(store: ModelStore, tmp_path: Path) -> None:
    given = _policy(tmp_path, "my model (7)")
    installed = store.install(given, frames=20)
    assert installed.name == "my_model_7_"
    assert store.names() == ["my_model_7_"]
    assert Policy.load(store.path("my_model_7_")).sha256 == Policy.load(given).sha256
    assert 0.0 < installed.timing.p50_ms <= installed.timing.p99_ms <= installed.timing.max_ms
    assert [path.name for path in store.folder.iterdir()] == ["my_model_7_.onnx"], "nothing else is left"


def test_an_archive_is_as_good(store: ModelStore, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(_policy(tmp_path), arcname="run/policy.onnx")
    assert store.install(tmp_path / "model.tar.gz", name="packed", frames=20).name == "packed"


def test_a_taken_name_is_refused_unless_replacing_is_asked_for(store: ModelStore, tmp_path: Path) -> None:
    store.install(_policy(tmp_path, seed=1), frames=20)
    before = _content(store)
    with pytest.raises(Sim2RaceError, match=r"model 'tiny' already; give this one another --name"):
        store.install(_policy(tmp_path, seed=2), frames=20)
    assert _content(store) == before
    store.install(_policy(tmp_path, seed=2), replace=True, frames=20)
    assert store.names() == ["tiny"]
    assert _content(store) != before


@pytest.mark.parametrize("name", ["../evil", "/tmp/x", "", ".hidden", "a b", "current", "x" * 65, "a/b"])
def test_a_name_that_could_reach_elsewhere_is_refused(name: str, store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match="is no name for a model"):
        store.install(_policy(tmp_path), name=name, replace=True, frames=20)
    assert store.names() == []


@pytest.mark.parametrize("own", ["../../evil", "/etc/passwd", "...", "current", "a\nb"])
def test_a_policy_with_a_crafted_name_stays_in_the_folder(
    own: str, store: ModelStore, tmp_path: Path
) -> None:
    try:
        store.install(_policy(tmp_path / "in", "x"), name="other", frames=20)
        given = save_policy(tmp_path / "crafted.onnx", make_metadata(name=own))
        store.install(given, frames=20)
    except Sim2RaceError:
        assert own == "current"
    assert {path.parent for path in tmp_path.rglob("*.onnx")} <= {
        tmp_path,
        store.folder,
        tmp_path / "in" / "given-x-0",
    }
    assert "other" in store.names()


def test_a_file_that_is_no_policy_leaves_nothing_and_is_named(store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"not a policy")
    with pytest.raises(BadFileError, match=r"bad\.onnx is refused"):
        store.install(tmp_path / "bad.onnx")
    assert list(store.folder.iterdir()) == []


def test_a_model_that_is_too_slow_is_refused(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MAX_ACT_MS", 1e-6)
    with pytest.raises(Sim2RaceError, match=r"too slow for this machine: a decision takes .* ms \(p99\)"):
        store.install(_policy(tmp_path), frames=20)
    assert list(store.folder.iterdir()) == []


def test_only_the_tail_of_the_timing_counts() -> None:
    assert Timing(p50_ms=2.0, p99_ms=24.0, max_ms=90.0).is_fast_enough
    assert not Timing(p50_ms=2.0, p99_ms=26.0, max_ms=30.0).is_fast_enough


@pytest.mark.parametrize("history", [0, 3])
def test_every_kind_of_policy_can_be_timed(history: int, tmp_path: Path) -> None:
    for space in (None, ContinuousActionSpace(-0.3, 0.3, 0.5, 2.0)):
        metadata = make_metadata(space, frames=2, history=history)
        policy = Policy.load(save_policy(tmp_path / "policy.onnx", metadata))
        assert time_policy(policy, frames=10).p99_ms > 0.0


def test_choosing_and_removing(store: ModelStore, tmp_path: Path) -> None:
    for name in ("one", "two"):
        store.install(_policy(tmp_path, name), frames=20)
    assert store.current() is None
    with pytest.raises(Sim2RaceError, match="No model is chosen"):
        store.current_path()
    store.choose("two")
    assert store.current_path() == store.folder / "two.onnx"
    with pytest.raises(Sim2RaceError, match="the one that drives"):
        store.remove("two")
    store.remove("one")
    assert store.names() == ["two"]
    for action in (store.remove, store.choose, store.path):
        with pytest.raises(UnknownNameError, match="Did you mean 'two'"):
            action("tow")


def test_a_damaged_model_is_not_chosen_and_the_old_one_stays(store: ModelStore, tmp_path: Path) -> None:
    for name in ("one", "two"):
        store.install(_policy(tmp_path, name), frames=20)
    store.choose("one")
    store.path("two").write_bytes(b"rust")
    with pytest.raises(BadFileError):
        store.choose("two")
    assert store.current() == "one"


@pytest.mark.parametrize("pointer", ["../../etc/passwd", "gone", "", "\x00"])
def test_a_pointer_to_nowhere_is_no_choice(pointer: str, store: ModelStore, tmp_path: Path) -> None:
    store.install(_policy(tmp_path), frames=20)
    (store.folder / "current").write_text(pointer)
    assert store.current() is None


def test_the_command_line_installs_lists_chooses_and_removes(
    store: ModelStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--folder", str(store.folder)]
    assert main(["models", "list", *folder]) == 0
    assert main(["models", "install", str(_policy(tmp_path)), *folder]) == 0
    shown = capsys.readouterr().out
    assert "9 actions to 20°" in shown
    assert "Installed tiny: a decision takes" in shown
    assert main(["models", "install", str(_policy(tmp_path)), "--name", "b", *folder]) == 0
    assert main(["models", "choose", "tiny", *folder]) == 0
    store.path("b").write_bytes(b"rust")
    capsys.readouterr()
    assert main(["models", "list", *folder]) == 0
    listed = capsys.readouterr().out
    assert "*" in listed
    assert "damaged" in listed
    assert main(["models", "remove", "b", *folder]) == 0
    assert main(["models", "remove", "tiny", *folder]) == 2
    assert "the one that drives" in capsys.readouterr().err
