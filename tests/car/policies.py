"""Small policies for tests, made of ONNX nodes: the whole contract, heat map included, and no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from car.action_space import ActionSpace, ContinuousActionSpace, default_action_space
from car.policy_metadata import METADATA_KEY, PolicyMetadata

CHANNELS = 4
STRIDE = 8
MAP_HEIGHT, MAP_WIDTH = 120 // STRIDE, 160 // STRIDE
HIDDEN = 16


def make_metadata(
    space: ActionSpace | None = None,
    *,
    name: str = "tiny",
    frames: int = 1,
    history: int = 0,
    seed: int = 0,
    camera: str = "aws",
) -> PolicyMetadata:
    """Return the metadata of a test policy."""
    return PolicyMetadata(
        name=name,
        action_space=space or default_action_space(),
        network="test",
        frames=frames,
        history=history,
        seed=seed,
        tracks=("forever-raceway",),
        steps=1000,
        git_revision="0000000",
        trained_at="2026-01-01T00:00:00Z",
        camera=camera,
    )


def make_policy(metadata: PolicyMetadata | None = None) -> onnx.ModelProto:
    """Return an untrained policy: one convolution, a dense layer, an output layer, and the way back."""
    metadata = metadata or make_metadata()
    actions = metadata.action_space.size
    continuous = isinstance(metadata.action_space, ContinuousActionSpace)
    flat = CHANNELS * MAP_HEIGHT * MAP_WIDTH
    inputs = [
        helper.make_tensor_value_info("observation", TensorProto.UINT8, ["N", metadata.frames, 120, 160]),
        helper.make_tensor_value_info("target", TensorProto.INT64, ["N"]),
    ]
    if metadata.history:
        inputs.append(helper.make_tensor_value_info("history", TensorProto.FLOAT, ["N", metadata.history, 2]))
    outputs = [
        helper.make_tensor_value_info("action", TensorProto.FLOAT, ["N", actions]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", actions]),
        helper.make_tensor_value_info("heatmap", TensorProto.FLOAT, ["N", MAP_HEIGHT, MAP_WIDTH]),
        helper.make_tensor_value_info("heatmap_bias", TensorProto.FLOAT, ["N"]),
        helper.make_tensor_value_info("gradcam", TensorProto.FLOAT, ["N", MAP_HEIGHT, MAP_WIDTH]),
    ]
    forward = _forward_nodes(continuous=continuous, history=bool(metadata.history))
    graph = helper.make_graph(
        [*forward, *_heatmap_nodes()], "policy", inputs, outputs, _weights(metadata, actions, flat)
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: metadata.to_json()})
    onnx.checker.check_model(model)
    return model


def save_policy(path: Path, metadata: PolicyMetadata | None = None) -> Path:
    """Write a test policy to `path` and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(make_policy(metadata), path)
    return path


def _forward_nodes(*, continuous: bool, history: bool) -> list[onnx.NodeProto]:
    nodes = [
        helper.make_node("Cast", ["observation"], ["bytes"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["bytes", "full_scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "conv_w", "conv_b"], ["conv"], strides=[STRIDE, STRIDE]),
        helper.make_node("Relu", ["conv"], ["activation"]),
        helper.make_node("Flatten", ["activation"], ["flat"]),
        helper.make_node("MatMul", ["flat", "dense_w"], ["dense_image"]),
        helper.make_node("Add", ["dense_image", "dense_b"], ["dense_sum"]),
    ]
    if history:
        nodes += [
            helper.make_node("Flatten", ["history"], ["flat_history"]),
            helper.make_node("MatMul", ["flat_history", "history_w"], ["dense_history"]),
            helper.make_node("Add", ["dense_sum", "dense_history"], ["dense"]),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["dense_sum"], ["dense"]))
    return [
        *nodes,
        helper.make_node("Relu", ["dense"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "out_w", "out_b"], ["logits"], transB=1),
        helper.make_node("Clip", ["logits", "minus_one", "one"], ["action"])
        if continuous
        else helper.make_node("Softmax", ["logits"], ["action"], axis=1),
    ]


def _heatmap_nodes() -> list[onnx.NodeProto]:
    return [
        helper.make_node("Gather", ["out_w", "target"], ["row"], axis=0),
        helper.make_node("Greater", ["dense", "zero"], ["awake"]),
        helper.make_node("Cast", ["awake"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["row", "mask"], ["hidden_gradient"]),
        helper.make_node("Transpose", ["dense_w"], ["dense_w_t"], perm=[1, 0]),
        helper.make_node("MatMul", ["hidden_gradient", "dense_w_t"], ["flat_gradient"]),
        helper.make_node("Reshape", ["flat_gradient", "map_shape"], ["gradient"]),
        helper.make_node("Mul", ["gradient", "activation"], ["product"]),
        helper.make_node("ReduceSum", ["product", "axis_channel"], ["heatmap"], keepdims=0),
        helper.make_node("ReduceSum", ["heatmap", "axes_map"], ["explained"], keepdims=0),
        helper.make_node("Unsqueeze", ["target", "axis_channel"], ["target_column"]),
        helper.make_node("GatherElements", ["logits", "target_column"], ["logit_column"], axis=1),
        helper.make_node("Squeeze", ["logit_column", "axis_channel"], ["logit"]),
        helper.make_node("Sub", ["logit", "explained"], ["heatmap_bias"]),
        helper.make_node("ReduceMean", ["gradient"], ["channel_weight"], axes=[2, 3], keepdims=1),
        helper.make_node("Mul", ["channel_weight", "activation"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "axis_channel"], ["weighted_sum"], keepdims=0),
        helper.make_node("Relu", ["weighted_sum"], ["gradcam"]),
    ]


def _weights(metadata: PolicyMetadata, actions: int, flat: int) -> list[onnx.TensorProto]:
    rng = np.random.default_rng(metadata.seed)

    def normal(*shape: int, scale: float) -> NDArray[np.float32]:
        return (rng.standard_normal(shape) * scale).astype(np.float32)

    tensors: dict[str, NDArray[np.generic]] = {
        "full_scale": np.array(255.0, dtype=np.float32),
        "zero": np.array(0.0, dtype=np.float32),
        "minus_one": np.array(-1.0, dtype=np.float32),
        "one": np.array(1.0, dtype=np.float32),
        "conv_w": normal(CHANNELS, metadata.frames, STRIDE, STRIDE, scale=0.1),
        "conv_b": normal(CHANNELS, scale=0.1),
        "dense_w": normal(flat, HIDDEN, scale=0.05),
        "dense_b": normal(HIDDEN, scale=0.1),
        "out_w": normal(actions, HIDDEN, scale=0.5),
        "out_b": normal(actions, scale=0.1),
        "map_shape": np.array([-1, CHANNELS, MAP_HEIGHT, MAP_WIDTH], dtype=np.int64),
        "axis_channel": np.array([1], dtype=np.int64),
        "axes_map": np.array([1, 2], dtype=np.int64),
    }
    if metadata.history:
        tensors["history_w"] = normal(2 * metadata.history, HIDDEN, scale=0.2)
    return [numpy_helper.from_array(value, name) for name, value in tensors.items()]
