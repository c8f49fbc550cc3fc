"""Where in the picture the cells of a heat map lie.

Convolutions without padding look at the middle of the picture more than at its edge: the outermost cells of a
10 x 7 map may be centred 22 pixels inside. A map that is stretched over the whole picture would move what the
network looked at by as much. The policy file holds its convolutions, so the centres are computed from them
(Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional neural networks", section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.onnx_nodes import Node, graph_of, initializers_of, nodes_of, tensor_shape

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

    def cells_from_pixels(self) -> NDArray[np.float64]:
        """Return the (2, 3) affine map from a place in the picture (x, y) to one among the cells."""
        return np.array(
            [
                [1.0 / self.stride_x_px, 0.0, -self.first_x_px / self.stride_x_px],
                [0.0, 1.0 / self.stride_y_px, -self.first_y_px / self.stride_y_px],
            ]
        )


def read_grid(policy_path: Path) -> CellGrid | None:
    """Read the grid of the last convolution from a policy file that has been checked.

    Returns:
        The grid, or None where the graph does not say (no convolution, or padding chosen at run time).

    Raises:
        BadFileError: the file is no ONNX file.
    """
    grids = list(convolution_grids(graph_of(policy_path.read_bytes())).values())
    return grids[-1] if grids else None


def convolution_grids(graph: memoryview) -> dict[str, CellGrid | None]:
    """Return the grid of every convolution that sees the picture, by the name of its output, in order."""
    kernels = initializers_of(graph)
    grids: dict[str, CellGrid | None] = {"observation": CellGrid(0.0, 0.0, 1.0, 1.0)}
    found: dict[str, CellGrid | None] = {}
    for node in nodes_of(graph):
        source = next((name for name in node.inputs if name in grids), None)
        if source is None or node.operator in _FLATTENING:
            continue
        grid = grids[source]
        if node.operator in _SLIDING and grid is not None:
            grid = _slide(grid, node, kernels)
        if node.operator == "Conv":
            found[node.outputs[0]] = grid
        grids.update(dict.fromkeys(node.outputs, grid))
    return found


def _slide(grid: CellGrid, node: Node, kernels: dict[str, memoryview]) -> CellGrid | None:
    """Return the grid behind a convolution or pool: centres move inwards, strides multiply."""
    if node.auto_pad not in ("", "NOTSET", "VALID"):
        return None
    kernel = node.lists.get("kernel_shape")
    if kernel is None and len(node.inputs) > 1 and node.inputs[1] in kernels:
        kernel = tensor_shape(kernels[node.inputs[1]])[2:]
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
