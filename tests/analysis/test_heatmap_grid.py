from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from analysis.heatmap_grid import CellGrid, read_grid
from car.errors import BadFileError
from tests.car.policies import save_policy


def network(path: Path, nodes: list[onnx.NodeProto]) -> Path:
    """Write a graph that only has the shape of a network."""
    inputs = [helper.make_tensor_value_info("observation", TensorProto.UINT8, ["N", 1, 120, 160])]
    outputs = [helper.make_tensor_value_info("map", TensorProto.FLOAT, None)]
    onnx.save(helper.make_model(helper.make_graph(nodes, "shape", inputs, outputs)), path)
    return path


def conv(source: str, target: str, kernel: int, stride: int, **more: Any) -> onnx.NodeProto:
    return helper.make_node(
        "Conv", [source, "w"], [target], kernel_shape=[kernel] * 2, strides=[stride] * 2, **more
    )


def test_cells_of_a_convolution_whose_kernel_is_known_by_its_weights(tmp_path: Path) -> None:
    assert read_grid(save_policy(tmp_path / "policy.onnx")) == CellGrid(3.5, 3.5, 8.0, 8.0)


def test_cells_of_deepracers_three_layers_begin_17_pixels_inside(tmp_path: Path) -> None:
    nodes = [conv("observation", "a", 8, 4), conv("a", "b", 4, 2), conv("b", "map", 3, 1)]

    assert read_grid(network(tmp_path / "n.onnx", nodes)) == CellGrid(17.5, 17.5, 8.0, 8.0)


def test_a_pool_in_front_counts(tmp_path: Path) -> None:
    pool = helper.make_node("AveragePool", ["observation"], ["a"], kernel_shape=[2, 2], strides=[2, 2])
    nodes = [pool, conv("a", "b", 5, 3), conv("b", "c", 3, 2), conv("c", "map", 3, 1)]

    assert read_grid(network(tmp_path / "n.onnx", nodes)) == CellGrid(22.5, 22.5, 12.0, 12.0)


def test_padding_moves_cells_outwards(tmp_path: Path) -> None:
    nodes = [conv("observation", "map", 3, 1, pads=[1, 1, 1, 1])]

    assert read_grid(network(tmp_path / "n.onnx", nodes)) == CellGrid(0.0, 0.0, 1.0, 1.0)


def test_a_graph_that_does_not_say_where_its_cells_are_gives_none(tmp_path: Path) -> None:
    padded_at_run_time = [conv("observation", "map", 3, 2, auto_pad="SAME_UPPER")]
    no_convolution = [helper.make_node("Cast", ["observation"], ["map"], to=TensorProto.FLOAT)]

    assert read_grid(network(tmp_path / "a.onnx", padded_at_run_time)) is None
    assert read_grid(network(tmp_path / "b.onnx", no_convolution)) is None


@pytest.mark.parametrize("content", [b"", b"\x0a", b"\x3a\xff\xff\xff\xff\x0f", b"\x03", b"\xff" * 12])
def test_a_file_that_is_no_onnx_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "n.onnx"
    path.write_bytes(content)

    with pytest.raises(BadFileError) as refusal:
        read_grid(path)

    assert "\n" not in str(refusal.value)
