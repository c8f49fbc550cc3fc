"""The graph of `policy.onnx`: the policy, and the heat map of any of its logits, as plain ONNX nodes.

The heads are linear on `h = relu(W1 flat + b1 [+ V history])`, so the gradient of logit c at the last
convolution is `W1^T (W2[c] * [h > 0])`. Written as nodes on the same initialisers it costs the file a
kilobyte, and whoever replays a log needs onnxruntime and nothing else. The pieces of one logit:

    heatmap      = sum over channels of gradient x activation        (HiResCAM, signed)
    heatmap_bias = (W2[c] * [h > 0]) . (b1 [+ V history]) + b2[c]     (what no place in the picture can claim)
    gradcam      = relu(sum over channels of mean(gradient) x activation)

`sum(heatmap) + heatmap_bias = logit` is a property to check, not a definition: the two sides come from
different nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from sim.driving import HISTORY_KEY, OBSERVATION_KEY

OPSET = 17
IR_VERSION = 8
"""Both old enough for the onnxruntime that cars in the field carry (1.13 and later)."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PolicyWeights:
    """The numbers of a trained policy's actor, with all that the graph needs to know about its shape."""

    frames: int
    """Frames in a stack, K."""
    height: int
    """Rows of a frame."""
    width: int
    """Columns of a frame."""
    pool: int
    """Side of the average pool; 1 for none."""
    masked_rows: int
    """Rows behind the pool, from the top, that are black to the network."""
    convolutions: tuple[tuple[FloatArray, FloatArray, int], ...]
    """Kernel (out, in, k, k), bias (out,) and stride of each convolution."""
    map_shape: tuple[int, int, int]
    """Channels, height and width of the last activations."""
    dense_image: FloatArray
    """W1, (D, C h w)."""
    dense_history: FloatArray | None
    """V, (D, 2 M), or None for a policy without history."""
    dense_bias: FloatArray
    """b1, (D,)."""
    head: FloatArray
    """W2, (A, D)."""
    head_bias: FloatArray
    """b2, (A,)."""
    discrete: bool
    """Whether the logits are of a choice among actions; otherwise they are the means of a continuous one."""


@dataclass
class _GraphBuilder:
    """Collects nodes and initialisers under names that a person can follow in a graph viewer."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, value: npt.NDArray[np.float32] | npt.NDArray[np.int64]) -> str:
        """Add an initialiser and return its name."""
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output and return the name of that output."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output


def build_policy_model(weights: PolicyWeights, metadata: dict[str, str]) -> onnx.ModelProto:
    """Build and check the ONNX model of a policy.

    Args:
        weights: the trained actor.
        metadata: written to `metadata_props` as it is.

    Returns:
        A model that `onnx.checker` has accepted.
    """
    graph = _GraphBuilder()
    flat = _add_convolutions(graph, weights)
    _add_head(graph, weights, flat)
    _add_explanation(graph, weights)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, "policy", _inputs(weights), _outputs(weights), initializer=graph.initializers
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="sim2race",
    )
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def _inputs(weights: PolicyWeights) -> list[onnx.ValueInfoProto]:
    """Describe the inputs of the graph."""
    frames: list[str | int] = ["N", weights.frames, weights.height, weights.width]
    inputs = [helper.make_tensor_value_info(OBSERVATION_KEY, TensorProto.UINT8, frames)]
    if weights.dense_history is not None:
        shape: list[str | int] = ["N", weights.dense_history.shape[1] // 2, 2]
        inputs.append(helper.make_tensor_value_info(HISTORY_KEY, TensorProto.FLOAT, shape))
    return [*inputs, helper.make_tensor_value_info("target", TensorProto.INT64, ["N"])]


def _outputs(weights: PolicyWeights) -> list[onnx.ValueInfoProto]:
    """Describe the outputs of the graph."""
    actions = len(weights.head_bias)
    _, height, width = weights.map_shape
    shapes: dict[str, list[str | int]] = {
        "action": ["N", actions],
        "logits": ["N", actions],
        "heatmap": ["N", height, width],
        "heatmap_bias": ["N"],
        "gradcam": ["N", height, width],
    }
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]


def _add_convolutions(graph: _GraphBuilder, weights: PolicyWeights) -> str:
    """Add the nodes from the uint8 frames to the flattened last activations; return their name."""
    pixels = graph.node("Cast", [OBSERVATION_KEY], "pixels", to=TensorProto.FLOAT)
    if weights.pool > 1:
        side = [weights.pool, weights.pool]
        pixels = graph.node("AveragePool", [pixels], "pooled", kernel_shape=side, strides=side)
    layer = graph.node("Div", [pixels, graph.constant("white", np.array(255.0, np.float32))], "brightness")
    if weights.masked_rows:
        light = np.ones((1, 1, weights.height // weights.pool, 1), np.float32)
        light[:, :, : weights.masked_rows] = 0.0
        layer = graph.node("Mul", [layer, graph.constant("sky.mask", light)], "masked")
    for number, (kernel, bias, stride) in enumerate(weights.convolutions, start=1):
        inputs = [
            layer,
            graph.constant(f"conv{number}.weight", kernel),
            graph.constant(f"conv{number}.bias", bias),
        ]
        layer = graph.node("Conv", inputs, f"conv{number}", strides=[stride, stride])
        name = "activations" if number == len(weights.convolutions) else f"conv{number}.relu"
        layer = graph.node("Relu", [layer], name)
    return graph.node("Flatten", [layer], "flat", axis=1)


def _add_head(graph: _GraphBuilder, weights: PolicyWeights, flat: str) -> None:
    """Add the nodes from the flattened activations to `logits` and `action`."""
    graph.constant("dense.weight", weights.dense_image)
    graph.constant("dense.bias", weights.dense_bias)
    graph.constant("head.weight", weights.head)
    graph.constant("head.bias", weights.head_bias)
    before_relu = graph.node("Gemm", [flat, "dense.weight", "dense.bias"], "dense.image", transB=1)
    if weights.dense_history is not None:
        graph.constant("dense.history.weight", weights.dense_history)
        commands = graph.node("Flatten", [HISTORY_KEY], "history.flat", axis=1)
        graph.node("Gemm", [commands, "dense.history.weight"], "dense.history", transB=1)
        before_relu = graph.node("Add", [before_relu, "dense.history"], "dense.both")
    features = graph.node("Relu", [before_relu], "features")
    logits = graph.node("Gemm", [features, "head.weight", "head.bias"], "logits", transB=1)
    if weights.discrete:
        graph.node("Softmax", [logits], "action", axis=1)
    else:
        low = graph.constant("action.low", np.array(-1.0, np.float32))
        high = graph.constant("action.high", np.array(1.0, np.float32))
        graph.node("Clip", [logits, low, high], "action")


def _add_explanation(graph: _GraphBuilder, weights: PolicyWeights) -> None:
    """Add the backward pass from logit `target` to the last activations, and the three outputs made of it."""
    zero = graph.constant("zero", np.array(0.0, np.float32))
    channel_axis = graph.constant("axis.channel", np.array([1], np.int64))

    row = graph.node("Gather", ["head.weight", "target"], "target.row", axis=0)
    active = graph.node("Greater", ["features", zero], "features.active")
    mask = graph.node("Cast", [active], "features.mask", to=TensorProto.FLOAT)
    delta = graph.node("Mul", [row, mask], "dense.gradient")
    flat_gradient = graph.node("MatMul", [delta, "dense.weight"], "flat.gradient")
    map_shape = graph.constant("map.shape", np.array([-1, *weights.map_shape], np.int64))
    gradient = graph.node("Reshape", [flat_gradient, map_shape], "activations.gradient")

    contribution = graph.node("Mul", [gradient, "activations"], "contribution")
    graph.node("ReduceSum", [contribution, channel_axis], "heatmap", keepdims=0)

    channel_weight = graph.node("ReduceMean", [gradient], "channel.weight", axes=[2, 3], keepdims=1)
    weighted = graph.node("Mul", [channel_weight, "activations"], "channel.weighted")
    summed = graph.node("ReduceSum", [weighted, channel_axis], "channel.sum", keepdims=0)
    graph.node("Relu", [summed], "gradcam")

    offset = "dense.bias"
    if weights.dense_history is not None:
        offset = graph.node("Add", ["dense.history", "dense.bias"], "dense.offset")
    offset_share = graph.node("Mul", [delta, offset], "dense.offset.share")
    through_dense = graph.node("ReduceSum", [offset_share, channel_axis], "dense.offset.sum", keepdims=0)
    head_bias = graph.node("Gather", ["head.bias", "target"], "target.bias", axis=0)
    graph.node("Add", [through_dense, head_bias], "heatmap_bias")
