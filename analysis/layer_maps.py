"""Heat maps of every convolution of a policy, by a backward pass that is added to its graph.

A policy file explains its last convolution by itself. What earlier layers contributed needs the gradient
there, so the way back through the network is written as ONNX nodes behind the forward pass, on the same
weights: the transposed convolution is the gradient of a convolution, the sign of its output that of a ReLU.
onnxruntime computes the result, in one run per batch and on the processor that drives the car too.

What is explained is not a fixed action but a mix of logits (the seed): one action, the difference of two
("why this and not the runner-up"), or the gradient of a probability.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from analysis.heatmap_grid import CellGrid, convolution_grids
from analysis.onnx_nodes import (
    Node,
    extended,
    graph_of,
    initializers_of,
    input_bytes,
    node_bytes,
    nodes_of,
    output_bytes,
    tensor_bytes,
    tensor_shape,
)
from car.errors import BadFileError
from car.onnx_cut import cut_to_output
from car.policy import EXPLAIN_BATCH, Policy
from car.preprocess import HEIGHT, WIDTH

Recipe = Literal["hirescam", "gradcam", "community"]
"""How activation and gradient of a layer become a map: see `layer_maps`."""

_PREFIX = "explain/"
_SEED = _PREFIX + "seed"
_PASSING = {"Identity", "Dropout"}


class LayerMap(NamedTuple):
    """The maps of one convolution."""

    values: NDArray[np.float32]
    """(N, h, w), one value per cell."""
    grid: CellGrid | None
    """Where the cells lie; None where the graph does not say."""


@dataclass(frozen=True)
class _Layer:
    """One convolution on the way to the logits."""

    before: str
    """Tensor that the convolution makes."""
    after: str
    """The same behind its activation function."""


def layer_maps(
    policy: Policy,
    observations: NDArray[np.uint8],
    seeds: NDArray[np.float32],
    history: NDArray[np.float32] | None = None,
    *,
    recipe: Recipe = "hirescam",
) -> list[LayerMap]:
    """Compute the maps of every convolution, the first one first.

    Args:
        policy: what to explain.
        observations: (N, K, 120, 160).
        seeds: (N, A) weight of each logit in what is explained; a row of zeros but one 1 is one action.
        history: (N, M, 2) last commands, for a policy that takes them.
        recipe: "hirescam": gradient times activation, summed over channels, signed. "gradcam": the gradient's
            mean over the picture times the activation, summed, negative parts dropped. "community": as
            "gradcam", on the convolution's output before its activation function.

    Raises:
        BadFileError: the network has a node whose gradient is not known here, or the file has changed.
    """
    explainer = _explainer(policy.path, policy.sha256, recipe)
    parts = [
        explainer.run(observations[at], seeds[at], None if history is None else history[at])
        for at in (slice(i, i + EXPLAIN_BATCH) for i in range(0, max(len(observations), 1), EXPLAIN_BATCH))
    ]
    maps = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return [LayerMap(values, grid) for values, grid in zip(maps, explainer.grids, strict=True)]


def in_pixels(layer: LayerMap, *, density: bool) -> NDArray[np.float32]:
    """Lay the cells of a layer's maps over the picture.

    Args:
        layer: the maps.
        density: divide by the pixels per cell, so that the sum over the picture is about that over the cells
            and layers of any resolution can be added.

    Returns:
        (N, 120, 160), interpolated between the centres of the cells; nothing beyond the outermost ones.
    """
    grid = layer.grid or _stretched(layer.values.shape[1:])
    share = 1.0 / (grid.stride_x_px * grid.stride_y_px) if density else 1.0
    pictures = np.empty((len(layer.values), HEIGHT, WIDTH), np.float32)
    cells_from_pixels = grid.cells_from_pixels()
    for values, picture in zip(layer.values, pictures, strict=True):
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(values * np.float32(share), cells_from_pixels, (WIDTH, HEIGHT), dst=picture, flags=how)
    return pictures


def _stretched(shape: tuple[int, ...]) -> CellGrid:
    """Return the grid of cells that fill the picture."""
    stride_y, stride_x = HEIGHT / shape[0], WIDTH / shape[1]
    return CellGrid((stride_x - 1) / 2, (stride_y - 1) / 2, stride_x, stride_y)


class _Explainer:
    """A policy's graph with the way back, open in onnxruntime."""

    def __init__(self, content: bytes, recipe: Recipe) -> None:
        forward = cut_to_output(content, "logits")
        graph = graph_of(forward)
        writer = _Writer(graph, _sizes(forward, graph))
        layers = writer.layers()
        if not layers:
            raise BadFileError("This network has no convolution to explain.")
        self._names = writer.write_back(layers, recipe)
        grids = convolution_grids(graph)
        self.grids = [grids.get(layer.before) for layer in layers]
        self._session = _open_session(extended(forward, writer.fields))
        self._inputs = {value.name for value in self._session.get_inputs()}

    def run(
        self, observations: NDArray[np.uint8], seeds: NDArray[np.float32], history: NDArray[np.float32] | None
    ) -> list[NDArray[np.float32]]:
        """Return the maps of one batch."""
        feeds: dict[str, Any] = {"observation": observations, _SEED: np.asarray(seeds, np.float32)}
        if "history" in self._inputs:
            feeds["history"] = np.asarray(history, np.float32)
        maps: list[NDArray[np.float32]] = self._session.run(self._names, feeds)
        return maps


class _Writer:
    """Writes the nodes of the way back from the logits to the convolutions.

    Args:
        graph: the forward pass, up to `logits`.
        sizes: name to height and width of the tensors that convolutions read.
    """

    def __init__(self, graph: memoryview, sizes: dict[str, tuple[int, int]]) -> None:
        self.fields: list[bytes] = []
        """What is to be added to the graph."""
        self._sizes = sizes
        self._nodes = list(nodes_of(graph))
        self._weights = initializers_of(graph)
        self._sees = self._seeing()
        self._gradients: dict[str, str] = {}
        self._count = 0
        self._rules: dict[str, Callable[[Node, str], str]] = {
            "Relu": self._relu,
            "Tanh": self._tanh,
            "Gemm": self._gemm,
            "MatMul": self._matmul,
            "Conv": self._conv,
            "Flatten": self._reshape,
            "Reshape": self._reshape,
            "Mul": self._scale,
            "Div": self._scale,
        }

    def layers(self) -> list[_Layer]:
        """Return the convolutions that see the picture, in order."""
        behind = {node.inputs[0]: node for node in self._nodes if node.operator in ("Relu", "Tanh")}
        convolutions = [node for node in self._nodes if node.operator == "Conv" and self._seen(node)]
        return [
            _Layer(node.outputs[0], behind[node.outputs[0]].outputs[0] if node.outputs[0] in behind else "")
            for node in convolutions
        ]

    def write_back(self, layers: list[_Layer], recipe: Recipe) -> list[str]:
        """Write the way back and what is made of it; return the names of the maps."""
        self.fields.append(input_bytes(_SEED, ["N", "A"]))
        self.fields.append(tensor_bytes(_PREFIX + "zero", np.zeros(1, np.float32)))
        self.fields.append(tensor_bytes(_PREFIX + "one", np.ones(1, np.float32)))
        self.fields.append(tensor_bytes(_PREFIX + "channel", np.ones(1, np.int64)))
        self._gradients["logits"] = _SEED
        first = layers[0].before
        for node in reversed(self._nodes):
            # Nothing in front of the first convolution is asked for.
            if node.outputs[0] != first and node.outputs[0] in self._gradients and self._seen(node):
                self._back(node)
        return [self._summary(layer, recipe) for layer in layers]

    def _summary(self, layer: _Layer, recipe: Recipe) -> str:
        """Write the nodes that make a map of a layer's activation and gradient."""
        tensor = layer.before if recipe == "community" else layer.after or layer.before
        gradient = self._gradients.get(tensor)
        if gradient is None:
            raise BadFileError(f"The logits of this network do not depend on its layer {tensor!r}.")
        if recipe != "hirescam":
            gradient = self._add("GlobalAveragePool", [gradient])
        product = self._add("Mul", [gradient, tensor])
        total = self._add("ReduceSum", [product, _PREFIX + "channel"], {"keepdims": 0})
        found = total if recipe == "hirescam" else self._add("Relu", [total])
        self.fields.append(output_bytes(found))
        return found

    def _back(self, node: Node) -> None:
        gradient = self._gradients[node.outputs[0]]
        if node.operator in ("Add", "Sub") or node.operator in _PASSING:
            seen = [name for name in node.inputs if name in self._sees]
            if node.operator == "Sub" and seen != node.inputs[:1]:
                raise self._unknown(node)
            for name in seen:
                self._give(name, gradient)
            return
        if node.operator not in self._rules or [n for n in node.inputs if n in self._sees] != node.inputs[:1]:
            raise self._unknown(node)
        self._give(node.inputs[0], self._rules[node.operator](node, gradient))

    def _give(self, name: str, gradient: str) -> None:
        """Add a gradient to those of a tensor that several nodes read."""
        known = self._gradients.get(name)
        self._gradients[name] = gradient if known is None else self._add("Add", [known, gradient])

    def _relu(self, node: Node, gradient: str) -> str:
        awake = self._add("Greater", [node.outputs[0], _PREFIX + "zero"])
        mask = self._add("Cast", [awake], {"to": 1})
        return self._add("Mul", [gradient, mask])

    def _tanh(self, node: Node, gradient: str) -> str:
        square = self._add("Mul", [node.outputs[0], node.outputs[0]])
        slope = self._add("Sub", [_PREFIX + "one", square])
        return self._add("Mul", [gradient, slope])

    def _gemm(self, node: Node, gradient: str) -> str:
        if node.numbers.get("transA", 0) or float(node.numbers.get("alpha", 1.0)) != 1.0:
            raise self._unknown(node)
        turned = 1 - int(node.numbers.get("transB", 0))
        return self._add("Gemm", [gradient, node.inputs[1]], {"transB": turned})

    def _matmul(self, node: Node, gradient: str) -> str:
        return self._add("Gemm", [gradient, node.inputs[1]], {"transB": 1})

    def _reshape(self, node: Node, gradient: str) -> str:
        return self._add("Reshape", [gradient, self._add("Shape", [node.inputs[0]])])

    def _scale(self, node: Node, gradient: str) -> str:
        return self._add(node.operator, [gradient, node.inputs[1]])

    def _conv(self, node: Node, gradient: str) -> str:
        kernel = node.lists.get("kernel_shape") or tensor_shape(self._weights[node.inputs[1]])[2:]
        strides, dilations = node.lists.get("strides", [1, 1]), node.lists.get("dilations", [1, 1])
        pads = node.lists.get("pads", [0, 0, 0, 0])
        if node.auto_pad not in ("", "NOTSET", "VALID"):
            raise self._unknown(node)
        # A stride that leaves rows over at the end never read them; their gradient is zero.
        spans = [dilations[i] * (kernel[i] - 1) + 1 for i in (0, 1)]
        padded = [self._sizes[node.inputs[0]][i] + pads[i] + pads[i + 2] for i in (0, 1)]
        left_over = [(padded[i] - spans[i]) % strides[i] for i in (0, 1)]
        attributes: dict[str, Any] = {
            "kernel_shape": kernel,
            "strides": strides,
            "dilations": dilations,
            "pads": pads,
            "output_padding": left_over,
            "group": int(node.numbers.get("group", 1)),
        }
        return self._add("ConvTranspose", [gradient, node.inputs[1]], attributes)

    def _add(self, operator: str, inputs: list[str], attributes: dict[str, Any] | None = None) -> str:
        self._count += 1
        name = f"{_PREFIX}{self._count}"
        self.fields.append(node_bytes(operator, inputs, name, attributes))
        return name

    def _seeing(self) -> set[str]:
        """Return the tensors that depend on the picture."""
        seen = {"observation"}
        for node in self._nodes:
            if seen.intersection(node.inputs):
                seen.update(node.outputs)
        return seen

    def _seen(self, node: Node) -> bool:
        return bool(self._sees.intersection(node.inputs))

    @staticmethod
    def _unknown(node: Node) -> BadFileError:
        return BadFileError(
            f"The way back through a {node.operator!r} node is not known; only the maps of the last "
            "convolution, which the policy file brings itself, can be shown."
        )


def _sizes(model: bytes, graph: memoryview) -> dict[str, tuple[int, int]]:
    """Return height and width of what every convolution reads, found by running an empty picture."""
    wanted = {node.inputs[0] for node in nodes_of(graph) if node.operator == "Conv"} - {"observation"}
    session = _open_session(extended(model, [output_bytes(name) for name in sorted(wanted)]))
    feeds = dict(_empty_inputs(session))
    found = session.run(sorted(wanted), feeds)
    sizes = {name: (int(v.shape[2]), int(v.shape[3])) for name, v in zip(sorted(wanted), found, strict=True)}
    return {**sizes, "observation": (HEIGHT, WIDTH)}


def _empty_inputs(session: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    for value in session.get_inputs():
        shape = [size if isinstance(size, int) else 1 for size in value.shape]
        yield value.name, np.zeros(shape, np.uint8 if value.name == "observation" else np.float32)


@lru_cache(maxsize=8)
def _explainer(path: Path, sha256: str, recipe: Recipe) -> _Explainer:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadFileError(f"The policy {path} cannot be read: {error.strerror or error}.") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BadFileError(f"The policy {path} has changed since it was loaded.")
    return _Explainer(content, recipe)


def _open_session(content: bytes) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes have no common base
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise BadFileError(f"The way back through this network cannot be opened ({reason}).") from error
