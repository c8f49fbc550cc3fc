"""Cutting an ONNX graph down to what one output needs.

onnxruntime computes the whole graph whichever outputs are asked for (its run option
`only_execute_path_to_fetches` is ignored outside training builds), so a car that only wants the action would
pay for the heat map too: twice the time with DeepRacer's network. This removes the nodes, weights and inputs
that the output does not depend on, in the protobuf bytes themselves, so that a car needs no ONNX library.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from car.errors import BadFileError

# Field numbers of onnx.proto.
_MODEL_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO, _SPARSE_INITIALIZER = 1, 5, 11, 12, 13, 15
_NODE_INPUT, _NODE_OUTPUT, _NODE_ATTRIBUTE = 1, 2, 5
_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 6, 11
_TENSOR_NAME, _VALUE_NAME = 8, 1
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


class _Field(NamedTuple):
    """One field of a protobuf message."""

    number: int
    raw: memoryview
    """The whole field with its key, to be copied."""
    content: memoryview
    """What it holds; empty for a number."""


def cut_to_output(model: bytes, output: str) -> bytes:
    """Return `model` with only what `output` depends on.

    Args:
        model: an ONNX file's content.
        output: the name of the output to keep.

    Raises:
        BadFileError: not a protobuf message, no such output, or a graph with branches or loops inside nodes.
    """
    parts = []
    for field in _fields(memoryview(model)):
        if field.number == _MODEL_GRAPH:
            graph = _cut_graph(field.content, output)
            parts.append(_key(_MODEL_GRAPH) + _varint(len(graph)) + graph)
        else:
            parts.append(bytes(field.raw))
    return b"".join(parts)


def _cut_graph(graph: memoryview, output: str) -> bytes:
    fields = list(_fields(graph))
    wanted = {output}
    kept: set[int] = set()
    # Nodes are in order of computation, so one way back sees every consumer before its producers.
    for at in range(len(fields) - 1, -1, -1):
        if fields[at].number == _NODE:
            inputs, outputs = _node_ends(fields[at].content)
            if wanted.intersection(outputs):
                wanted.update(inputs)
                kept.add(at)
    if not kept:
        raise BadFileError(f"an ONNX graph does not compute {output!r}.")
    return b"".join(
        bytes(field.raw) for at, field in enumerate(fields) if at in kept or _is_kept(field, wanted, output)
    )


def _is_kept(field: _Field, wanted: set[str], output: str) -> bool:
    """Say whether a field of the graph stays; nodes are decided elsewhere."""
    if field.number in (_NODE, _VALUE_INFO):
        return False
    if field.number == _SPARSE_INITIALIZER:
        raise BadFileError("an ONNX graph with sparse weights.")
    if field.number == _INITIALIZER:
        return _name(field.content, _TENSOR_NAME) in wanted
    if field.number == _INPUT:
        return _name(field.content, _VALUE_NAME) in wanted
    return field.number != _OUTPUT or _name(field.content, _VALUE_NAME) == output


def _node_ends(node: memoryview) -> tuple[list[str], list[str]]:
    """Return the names of a node's inputs and outputs."""
    inputs, outputs = [], []
    for field in _fields(node):
        if field.number == _NODE_INPUT:
            inputs.append(_text(field.content))
        elif field.number == _NODE_OUTPUT:
            outputs.append(_text(field.content))
        elif field.number == _NODE_ATTRIBUTE and _holds_graph(field.content):
            # A graph inside a node takes values from outside without naming them as inputs.
            raise BadFileError("an ONNX graph with graphs inside its nodes.")
    return inputs, outputs


def _holds_graph(attribute: memoryview) -> bool:
    return any(field.number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS) for field in _fields(attribute))


def _name(message: memoryview, number: int) -> str:
    return next((_text(field.content) for field in _fields(message) if field.number == number), "")


def _text(content: memoryview) -> str:
    return bytes(content).decode("utf-8", "replace")


def _fields(message: memoryview) -> Iterator[_Field]:
    """Yield the fields of a protobuf message (protobuf.dev, "Encoding")."""
    at = 0
    while at < len(message):
        start = at
        key, at = _read_varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _read_varint(message, at)
            length = 0
        elif kind == _BYTES:
            length, at = _read_varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise BadFileError(f"a protobuf field of kind {kind}.")
        if at + length > len(message):
            raise BadFileError("a protobuf message that ends within a field.")
        yield _Field(key >> 3, message[start : at + length], message[at : at + length])
        at += length


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise BadFileError("a protobuf message that ends within a number.")


def _key(number: int) -> bytes:
    return _varint(number << 3 | _BYTES)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
