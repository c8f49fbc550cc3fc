"""Where in the picture the cells of a heat map lie.

Convolutions without padding look at the middle of the picture more than at its edge: the outermost cells of a
10 x 7 map may be centred 22 pixels inside. A map that is stretched over the whole picture would move what the
network looked at by as much. The policy file holds its convolutions, so the centres are computed from them
(Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional neural networks", section 3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.protobuf import integers, submessages, text
from car.errors import BadFileError

# Field numbers of onnx.proto.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_INPUT, _NODE_OUTPUT, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_INTEGERS, _ATTRIBUTE_TEXT = 1, 8, 4
_TENSOR_DIMENSIONS, _TENSOR_NAME = 1, 8

_SLIDING = {"Conv", "AveragePool", "MaxPool"}
# After these a place in the tensor is no longer a place in the picture.
_FLATTENING = {"Flatten", "Reshape", "Gemm", "MatMul", "GlobalAveragePool", "ReduceMean", "ReduceSum"}


@dataclass(frozen=True)
class CellGrid:
    """Centres of the cells of a map, in pixels of the 160 x 120 picture: `first + index * stride`."""

    first_x_px: float
    """Centre of the leftmost column of cells; pixel centres are whole numbers."""
    first_y_px: float
    """Centre of the top row of cells."""
    stride_x_px: float
    """Distance between columns."""
    stride_y_px: float
    """Distance between rows."""


@dataclass(frozen=True)
class _Node:
    operator: str
    inputs: list[str]
    outputs: list[str]
    lists: dict[str, list[int]]
    auto_pad: str


def read_grid(policy_path: Path) -> CellGrid | None:
    """Read the grid of the last convolution from a policy file that has been checked.

    Returns:
        The grid, or None where the graph does not say (no convolution, or padding chosen at run time).

    Raises:
        BadFileError: the file is no ONNX file.
    """
    model = memoryview(policy_path.read_bytes())
    graph = next(submessages(model, _MODEL_GRAPH), None)
    if graph is None:
        raise BadFileError(f"{policy_path} holds no graph.")
    kernels = {text(tensor, _TENSOR_NAME): tensor for tensor in submessages(graph, _GRAPH_INITIALIZER)}
    grids: dict[str, CellGrid | None] = {"observation": CellGrid(0.0, 0.0, 1.0, 1.0)}
    last: CellGrid | None = None
    for node in _nodes(graph):
        source = next((name for name in node.inputs if name in grids), None)
        if source is None or node.operator in _FLATTENING:
            continue
        grid = grids[source]
        if node.operator in _SLIDING and grid is not None:
            grid = _slide(grid, node, kernels)
        if node.operator == "Conv":
            last = grid
        grids.update(dict.fromkeys(node.outputs, grid))
    return last


def _slide(grid: CellGrid, node: _Node, kernels: dict[str, memoryview]) -> CellGrid | None:
    """Return the grid behind a convolution or pool: centres move inwards, strides multiply."""
    if node.auto_pad not in ("", "NOTSET", "VALID"):
        return None
    kernel = node.lists.get("kernel_shape")
    if kernel is None and len(node.inputs) > 1 and node.inputs[1] in kernels:
        kernel = integers(kernels[node.inputs[1]], _TENSOR_DIMENSIONS)[2:]
    if kernel is None or len(kernel) != 2:
        return None
    stride_y, stride_x = node.lists.get("strides", [1, 1])
    pad_y, pad_x = node.lists.get("pads", [0, 0, 0, 0])[:2]
    dilation_y, dilation_x = node.lists.get("dilations", [1, 1])
    return CellGrid(
        first_x_px=grid.first_x_px + grid.stride_x_px * ((kernel[1] - 1) * dilation_x / 2 - pad_x),
        first_y_px=grid.first_y_px + grid.stride_y_px * ((kernel[0] - 1) * dilation_y / 2 - pad_y),
        stride_x_px=grid.stride_x_px * stride_x,
        stride_y_px=grid.stride_y_px * stride_y,
    )


def _nodes(graph: memoryview) -> Iterator[_Node]:
    """Yield the nodes, each after those it depends on, as ONNX demands."""
    for node in submessages(graph, _GRAPH_NODE):
        attributes = {text(item, _ATTRIBUTE_NAME): item for item in submessages(node, _NODE_ATTRIBUTE)}
        yield _Node(
            operator=text(node, _NODE_OPERATOR),
            inputs=[bytes(name).decode(errors="replace") for name in submessages(node, _NODE_INPUT)],
            outputs=[bytes(name).decode(errors="replace") for name in submessages(node, _NODE_OUTPUT)],
            lists={
                name: values
                for name, item in attributes.items()
                if (values := integers(item, _ATTRIBUTE_INTEGERS))
            },
            auto_pad=text(attributes["auto_pad"], _ATTRIBUTE_TEXT) if "auto_pad" in attributes else "",
        )
