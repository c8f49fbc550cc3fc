"""Cutting a graph: the output stays the same to the bit, and what it does not need is gone."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from car.errors import BadFileError
from car.onnx_cut import cut_to_output
from tests.car.policies import make_metadata, make_policy


@pytest.mark.parametrize("history", [0, 3])
def test_the_action_is_the_same_to_the_bit_without_the_heat_map(history: int) -> None:
    whole = make_policy(make_metadata(history=history)).SerializeToString()
    cut = cut_to_output(whole, "action")
    rng = np.random.default_rng(5)
    feeds = {"observation": rng.integers(0, 256, (4, 1, 120, 160), dtype=np.uint8)}
    if history:
        feeds["history"] = rng.standard_normal((4, history, 2)).astype(np.float32)
    before = ort.InferenceSession(whole).run(["action"], {**feeds, "target": np.zeros(4, np.int64)})
    after = ort.InferenceSession(cut).run(None, feeds)
    np.testing.assert_array_equal(after[0], before[0])


def test_what_the_action_does_not_need_is_gone_and_the_rest_is_a_valid_model() -> None:
    model = onnx.load_from_string(cut_to_output(make_policy().SerializeToString(), "action"))
    onnx.checker.check_model(model)
    assert [value.name for value in model.graph.input] == ["observation"]
    assert [value.name for value in model.graph.output] == ["action"]
    assert {node.op_type for node in model.graph.node}.isdisjoint(
        {"Gather", "Greater", "ReduceSum", "ReduceMean"}
    )
    assert "axes_map" not in {tensor.name for tensor in model.graph.initializer}
    assert model.metadata_props[0].key == "sim2race"


def test_an_output_that_is_not_there_and_rubbish_are_refused() -> None:
    whole = make_policy().SerializeToString()
    with pytest.raises(BadFileError, match="does not compute 'steering'"):
        cut_to_output(whole, "steering")
    with pytest.raises(BadFileError, match="protobuf"):
        cut_to_output(whole[: len(whole) // 2], "action")
    with pytest.raises(BadFileError, match="protobuf"):
        cut_to_output(b"\xff" * 40, "action")


def test_a_graph_with_branches_inside_is_left_alone() -> None:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["outside"], ["inside"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inside", TensorProto.FLOAT, [1])],
    )
    graph = helper.make_graph(
        [helper.make_node("If", ["condition"], ["action"], then_branch=branch, else_branch=branch)],
        "graph",
        [
            helper.make_tensor_value_info("condition", TensorProto.BOOL, [1]),
            helper.make_tensor_value_info("outside", TensorProto.FLOAT, [1]),
        ],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, [1])],
    )
    with pytest.raises(BadFileError, match="graphs inside its nodes"):
        cut_to_output(helper.make_model(graph).SerializeToString(), "action")
