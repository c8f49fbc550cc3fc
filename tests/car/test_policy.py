"""The policy contract: a good file drives and explains itself, a bad one never reaches the wheels."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from car.action_space import ContinuousActionSpace, default_action_space
from car.errors import BadFileError, Sim2RaceError
from car.policy import Policy
from car.policy_metadata import METADATA_KEY
from tests.car.policies import make_metadata, make_policy, save_policy

CONTINUOUS = ContinuousActionSpace(math.radians(-20), math.radians(20), 0.5, 2.0)


def _frames(count: int, stacked: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (count, stacked, 120, 160), dtype=np.uint8)


def test_a_good_file_is_loaded_with_what_it_says_about_itself(tmp_path: Path) -> None:
    policy = Policy.load(save_policy(tmp_path / "policy.onnx"))
    assert policy.action_space == default_action_space()
    assert (policy.frames, policy.history) == (1, 0)
    assert policy.metadata == make_metadata()
    assert len(policy.sha256) == 64
    assert policy.path == tmp_path / "policy.onnx"


def test_acting_gives_probabilities_and_the_same_as_explaining(tmp_path: Path) -> None:
    policy = Policy.load(save_policy(tmp_path / "policy.onnx"))
    frames = _frames(70)
    explained = policy.explain(frames, np.zeros(70, dtype=np.int64))
    for frame, together in zip(frames[::23], explained.action[::23], strict=True):
        alone = policy.act(frame)
        assert alone.shape == (9,)
        assert alone.sum() == pytest.approx(1.0, abs=1e-5)
        np.testing.assert_allclose(alone, together, atol=1e-6)


def test_the_heat_map_and_the_bias_add_up_to_the_logit_of_each_target(tmp_path: Path) -> None:
    policy = Policy.load(save_policy(tmp_path / "policy.onnx"))
    frames, targets = _frames(9), np.arange(9)
    explained = policy.explain(frames, targets)
    assert explained.heatmap.shape == (9, 15, 20)
    total = explained.heatmap.sum(axis=(1, 2)) + explained.bias
    np.testing.assert_allclose(total, explained.logits[np.arange(9), targets], atol=1e-4)
    assert (explained.gradcam >= 0).all()


def test_explaining_no_frames_gives_empty_arrays_of_the_right_shape(tmp_path: Path) -> None:
    explained = Policy.load(save_policy(tmp_path / "policy.onnx")).explain(
        _frames(0), np.zeros(0, dtype=np.int64)
    )
    assert explained.action.shape == (0, 9)
    assert explained.heatmap.shape == (0, 15, 20)


def test_stacked_frames_and_past_commands_matter(tmp_path: Path) -> None:
    policy = Policy.load(save_policy(tmp_path / "policy.onnx", make_metadata(frames=3, history=4)))
    stack, history = _frames(1, 3)[0], np.zeros((4, 2), dtype=np.float32)
    before = policy.act(stack, history)
    assert not np.allclose(policy.act(stack[::-1].copy(), history), before, atol=1e-4)
    history[-1] = (0.3, 1.0)
    assert not np.allclose(policy.act(stack, history), before, atol=1e-6)


def test_a_continuous_policy_gives_two_values_within_bounds(tmp_path: Path) -> None:
    policy = Policy.load(save_policy(tmp_path / "policy.onnx", make_metadata(CONTINUOUS)))
    action = policy.act(_frames(1)[0])
    assert action.shape == (2,)
    assert np.abs(action).max() <= 1.0


@pytest.mark.parametrize(
    "observation",
    [
        np.zeros((1, 160, 120), np.uint8),
        np.zeros((120, 160), np.uint8),
        np.zeros((1, 120, 160), np.float32),
    ],
    ids=["turned", "not stacked", "float"],
)
def test_an_observation_of_the_wrong_kind_is_refused(observation: NDArray[np.uint8], tmp_path: Path) -> None:
    policy = Policy.load(save_policy(tmp_path / "policy.onnx"))
    with pytest.raises(Sim2RaceError, match=r"expected uint8 \(1, 120, 160\)"):
        policy.act(observation)


def test_a_missing_history_and_a_target_that_does_not_exist_are_refused(tmp_path: Path) -> None:
    policy = Policy.load(save_policy(tmp_path / "policy.onnx", make_metadata(history=2)))
    with pytest.raises(Sim2RaceError, match=r"expects \(2, 2\)"):
        policy.act(_frames(1)[0])
    with pytest.raises(Sim2RaceError, match="actions 0 to 8"):
        policy.explain(_frames(1), np.array([9]), np.zeros((1, 2, 2), np.float32))


def test_a_missing_file_a_folder_and_rubbish_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match="does not exist"):
        Policy.load(tmp_path / "absent.onnx")
    with pytest.raises(BadFileError, match="cannot be read"):
        Policy.load(tmp_path)
    path = tmp_path / "policy.onnx"
    for content in (b"", b"PK\x03\x04 a zip, say", bytes(range(256)) * 100, b"\x08"):
        path.write_bytes(content)
        _assert_refused(path, "")


def test_a_truncated_file_is_refused_wherever_it_was_cut(tmp_path: Path) -> None:
    whole = save_policy(tmp_path / "policy.onnx").read_bytes()
    cut = tmp_path / "cut.onnx"
    for length in np.linspace(1, len(whole) - 1, 25).astype(int):
        cut.write_bytes(whole[:length])
        _assert_refused(cut, "")


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_refused_in_one_line_or_still_keeps_the_contract(
    seed: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(save_policy(tmp_path / "policy.onnx").read_bytes())
    for place in rng.integers(0, 3_000, 2):
        content[place] = rng.integers(0, 256)
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    try:
        action = Policy.load(path).act(_frames(1)[0])
        assert np.isfinite(action).all()
    except BadFileError as error:
        assert "\n" not in str(error)
    assert capfd.readouterr() == ("", ""), "onnxruntime says nothing that the user did not ask for"


def test_a_file_that_changes_after_loading_is_not_explained_as_the_old_one(tmp_path: Path) -> None:
    path = save_policy(tmp_path / "policy.onnx")
    policy = Policy.load(path)
    save_policy(path, make_metadata(seed=1))
    with pytest.raises(BadFileError, match="has changed since it was loaded"):
        policy.explain(_frames(1), np.zeros(1, dtype=np.int64))


def _rename_input(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        node.input[:] = ["picture" if name == "observation" else name for name in node.input]
    model.graph.input[0].name = "picture"


def _float_observation(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def _other_size(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 164


def _fixed_batch(model: onnx.ModelProto) -> None:
    for value in model.graph.input:
        value.type.tensor_type.shape.dim[0].dim_value = 1


def _drop_heatmap(model: onnx.ModelProto) -> None:
    del model.graph.output[2]


def _set_weight(model: onnx.ModelProto, name: str, value: float) -> None:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            array = numpy_helper.to_array(tensor).copy()
            array.reshape(-1)[0] = value
            tensor.CopyFrom(numpy_helper.from_array(array, name))


def _sum_of_squares_for_softmax(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Softmax")
    node.op_type = "Sigmoid"
    del node.attribute[:]


def _forget_bias(model: onnx.ModelProto) -> None:
    node = next(node for node in model.graph.node if node.output[0] == "heatmap_bias")
    node.op_type = "Add"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_rename_input, "its inputs are picture, target; expected observation, target"),
        (_float_observation, "its input 'observation' is a tensor(float); expected a tensor(uint8)"),
        (_other_size, "its input 'observation' has shape ['N', 1, 120, 164]; expected [any, 1, 120, 160]"),
        (_fixed_batch, "has shape [1, 1, 120, 160]"),
        (_drop_heatmap, "its outputs are action, gradcam, heatmap_bias, logits; expected"),
        (lambda model: _set_weight(model, "conv_b", math.nan), "is not finite on a test frame"),
        (lambda model: _set_weight(model, "out_w", math.inf), "is not finite on a test frame"),
        (_sum_of_squares_for_softmax, "its action is not the softmax of the logits"),
        (_forget_bias, "do not add up"),
    ],
)
def test_a_graph_that_breaks_the_contract_is_refused(
    damage: Callable[[onnx.ModelProto], None], reason: str, tmp_path: Path
) -> None:
    model = make_policy()
    damage(model)
    path = tmp_path / "policy.onnx"
    path.write_bytes(model.SerializeToString())
    _assert_refused(path, reason)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format_version": "2"}, "format_version '2'; expected '1'"),
        ({"format_version": None}, "format_version None"),
        ({"name": 7}, "'name' is 7"),
        ({"action_space": None}, "'action_space' is None"),
        ({"action_space": {"action_space": []}}, "without actions"),
        (
            {"action_space": {"action_space": [{"steering_angle": 0, "speed": 1}]}},
            "'action' has shape ['N', 9]; expected [any, 1]",
        ),
        ({"sensor": {"type": "LIDAR"}}, "a sensor of type 'LIDAR'"),
        ({"sensor": {"type": "FRONT_FACING_CAMERA", "width": 320, "height": 240}}, "a sensor of width 320"),
        ({"preprocessing": "rgb"}, "preprocessing 'rgb'"),
        ({"frames": 2}, "has shape ['N', 1, 120, 160]; expected [any, 2, 120, 160]"),
        ({"frames": 0}, "'frames' is 0"),
        ({"frames": 1.5}, "'frames' is 1.5"),
        ({"history": 3}, "expected history, observation, target"),
        ({"tracks": "all"}, "'tracks' is 'all'"),
        ({"steps": -1}, "'steps' is -1"),
        ({"trained_at": None}, "'trained_at' is None"),
    ],
)
def test_metadata_that_breaks_the_contract_is_refused(
    change: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    model = make_policy()
    text = json.dumps({**json.loads(make_metadata().to_json()), **change})
    onnx.helper.set_model_props(model, {METADATA_KEY: text})
    path = tmp_path / "policy.onnx"
    onnx.save(model, path)
    _assert_refused(path, reason)


@pytest.mark.parametrize(
    ("props", "reason"),
    [({}, "without the 'sim2race' metadata"), ({"sim2race": "{"}, "its metadata is not JSON")],
)
def test_a_foreign_onnx_file_is_refused(props: dict[str, str], reason: str, tmp_path: Path) -> None:
    model = make_policy()
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, props)
    path = tmp_path / "policy.onnx"
    onnx.save(model, path)
    _assert_refused(path, reason)


def _assert_refused(path: Path, reason: str) -> None:
    with pytest.raises(BadFileError) as caught:
        Policy.load(path)
    message = str(caught.value)
    assert message.startswith(f"The policy {path} is refused: ")
    assert reason in message
    assert "\n" not in message
