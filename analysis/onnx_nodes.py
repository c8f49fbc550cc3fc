"""The graph of an ONNX file as plain values, and single nodes, weights and ends of a graph as bytes.

The numbers are those of `onnx.proto`. It serves looking into a policy and adding to it; whoever runs the
result is onnxruntime, which checks it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from car.errors import BadFileError
from car.protobuf import Field, bytes_field, fields, integer_field, integers, submessages, text, texts, varint

MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12
TENSOR_DIMENSIONS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW = 1, 2, 8, 9
FLOAT, INT64 = 1, 7
"""Types of elements."""

_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OPERATOR, _NODE_ATTRIBUTE = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_FLOAT, _ATTRIBUTE_INTEGER, _ATTRIBUTE_TEXT = 1, 2, 3, 4
_ATTRIBUTE_INTEGERS, _ATTRIBUTE_TYPE = 8, 20
_TYPE_FLOAT, _TYPE_INTEGER, _TYPE_INTEGERS = 1, 2, 7
_VALUE_NAME, _VALUE_TYPE = 1, 2
_FOUR_BYTES = 5


@dataclass(frozen=True)
class Node:
    """One node of a graph."""

    operator: str
    """What it computes."""
    inputs: list[str]
    """Names of the tensors it reads; empty where an optional one is left out."""
    outputs: list[str]
    """Names of the tensors it makes."""
    lists: dict[str, list[int]]
    """Its attributes that are lists of integers."""
    numbers: dict[str, float]
    """Its attributes that are single numbers."""
    auto_pad: str
    """How padding is chosen at run time; empty where it is not."""


def graph_of(model: bytes | memoryview) -> memoryview:
    """Return the graph of a model.

    Raises:
        BadFileError: not an ONNX file.
    """
    graph = next(submessages(memoryview(model), MODEL_GRAPH), None)
    if graph is None:
        raise BadFileError("A file that holds no ONNX graph; expected a policy.onnx.")
    return graph


def nodes_of(graph: memoryview) -> Iterator[Node]:
    """Yield the nodes, each after those it depends on, as ONNX demands."""
    for node in submessages(graph, GRAPH_NODE):
        attributes = {text(item, _ATTRIBUTE_NAME): item for item in submessages(node, _NODE_ATTRIBUTE)}
        lists = {name: integers(item, _ATTRIBUTE_INTEGERS) for name, item in attributes.items()}
        yield Node(
            operator=text(node, _NODE_OPERATOR),
            inputs=texts(node, _NODE_INPUT),
            outputs=texts(node, _NODE_OUTPUT),
            lists={name: values for name, values in lists.items() if values},
            numbers=dict(_numbers(attributes)),
            auto_pad=text(attributes["auto_pad"], _ATTRIBUTE_TEXT) if "auto_pad" in attributes else "",
        )


def initializers_of(graph: memoryview) -> dict[str, memoryview]:
    """Return the weights by name, as their messages."""
    return {text(tensor, TENSOR_NAME): tensor for tensor in submessages(graph, GRAPH_INITIALIZER)}


def tensor_shape(tensor: memoryview) -> list[int]:
    """Return the shape of a weight."""
    return integers(tensor, TENSOR_DIMENSIONS)


def node_bytes(
    operator: str,
    inputs: Sequence[str],
    output: str,
    attributes: Mapping[str, int | float | Sequence[int]] | None = None,
) -> bytes:
    """Return the field of a graph that holds a new node with one output, which is also its name."""
    parts = [bytes_field(_NODE_INPUT, name) for name in inputs]
    parts += [bytes_field(_NODE_OUTPUT, output), bytes_field(_NODE_NAME, output)]
    parts.append(bytes_field(_NODE_OPERATOR, operator))
    parts += [
        bytes_field(_NODE_ATTRIBUTE, _attribute(name, value)) for name, value in (attributes or {}).items()
    ]
    return bytes_field(GRAPH_NODE, b"".join(parts))


def tensor_bytes(name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    """Return the field of a graph that holds a constant."""
    kind = FLOAT if values.dtype == np.float32 else INT64
    shape = b"".join(integer_field(TENSOR_DIMENSIONS, size) for size in values.shape)
    parts = (
        shape,
        integer_field(TENSOR_TYPE, kind),
        bytes_field(TENSOR_NAME, name),
        bytes_field(TENSOR_RAW, values.astype(values.dtype.newbyteorder("<")).tobytes()),
    )
    return bytes_field(GRAPH_INITIALIZER, b"".join(parts))


def input_bytes(name: str, shape: Sequence[int | str]) -> bytes:
    """Return the field of a graph that declares a float32 input; a size that is a text is free."""
    sizes = b"".join(
        bytes_field(1, bytes_field(2, size) if isinstance(size, str) else integer_field(1, size))
        for size in shape
    )
    tensor = integer_field(1, FLOAT) + bytes_field(2, sizes)
    value = bytes_field(_VALUE_NAME, name) + bytes_field(_VALUE_TYPE, bytes_field(1, tensor))
    return bytes_field(GRAPH_INPUT, value)


def output_bytes(name: str) -> bytes:
    """Return the field of a graph that declares an output; onnxruntime infers what it is."""
    return bytes_field(GRAPH_OUTPUT, bytes_field(_VALUE_NAME, name))


def extended(model: bytes, additions: Sequence[bytes]) -> bytes:
    """Return a model with fields added to its graph."""
    parts = []
    for field in fields(memoryview(model)):
        raw = bytes(field.raw)
        if field.number == MODEL_GRAPH:
            raw = bytes_field(MODEL_GRAPH, bytes(field.content) + b"".join(additions))
        parts.append(raw)
    return b"".join(parts)


def _numbers(attributes: Mapping[str, memoryview]) -> Iterator[tuple[str, float]]:
    for name, item in attributes.items():
        for field in fields(item):
            value = _number(field)
            if value is not None:
                yield name, value


def _number(field: Field) -> float | None:
    if field.number == _ATTRIBUTE_INTEGER and field.integer is not None:
        return field.integer - (1 << 64) if field.integer >> 63 else field.integer
    if field.number == _ATTRIBUTE_FLOAT and len(field.content) == 4:
        return float(struct.unpack("<f", field.content)[0])
    return None


def _attribute(name: str, value: int | float | Sequence[int]) -> bytes:
    named = bytes_field(_ATTRIBUTE_NAME, name)
    if isinstance(value, int):
        return (
            named + integer_field(_ATTRIBUTE_INTEGER, value) + integer_field(_ATTRIBUTE_TYPE, _TYPE_INTEGER)
        )
    if isinstance(value, float):
        number = varint(_ATTRIBUTE_FLOAT << 3 | _FOUR_BYTES) + struct.pack("<f", value)
        return named + number + integer_field(_ATTRIBUTE_TYPE, _TYPE_FLOAT)
    listed = b"".join(integer_field(_ATTRIBUTE_INTEGERS, one) for one in value)
    return named + listed + integer_field(_ATTRIBUTE_TYPE, _TYPE_INTEGERS)
