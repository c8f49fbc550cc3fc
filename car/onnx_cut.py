"""Cutting an ONNX graph down to what one output needs.

onnxruntime computes the whole graph whichever outputs are asked for (its run option
`only_execute_path_to_fetches` is ignored outside training builds), so a car that only wants the action would
pay for the heat map too: twice the time with DeepRacer's network. This removes the nodes, weights and inputs
that the output does not depend on, in the protobuf bytes themselves, so that a car needs no ONNX library.
"""

from __future__ import annotations

from car.errors import BadFileError
from car.protobuf import Field, bytes_field, fields, text, texts

# Field numbers of onnx.proto.
_MODEL_GRAPH = 7
_NODE, _INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO, _SPARSE_INITIALIZER = 1, 5, 11, 12, 13, 15
_NODE_INPUT, _NODE_OUTPUT, _NODE_ATTRIBUTE = 1, 2, 5
_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS = 6, 11
_TENSOR_NAME, _VALUE_NAME = 8, 1


def cut_to_output(model: bytes, output: str) -> bytes:
    """Return `model` with only what `output` depends on.

    Args:
        model: an ONNX file's content.
        output: the name of the output to keep.

    Raises:
        BadFileError: not a protobuf message, no such output, or a graph with branches or loops inside nodes.
    """
    parts = []
    for field in fields(memoryview(model)):
        if field.number == _MODEL_GRAPH:
            parts.append(bytes_field(_MODEL_GRAPH, _cut_graph(field.content, output)))
        else:
            parts.append(bytes(field.raw))
    return b"".join(parts)


def _cut_graph(graph: memoryview, output: str) -> bytes:
    parts = list(fields(graph))
    wanted = {output}
    kept: set[int] = set()
    # Nodes are in order of computation, so one way back sees every consumer before its producers.
    for at in range(len(parts) - 1, -1, -1):
        if parts[at].number == _NODE:
            inputs, outputs = _node_ends(parts[at].content)
            if wanted.intersection(outputs):
                wanted.update(inputs)
                kept.add(at)
    if not kept:
        raise BadFileError(f"an ONNX graph does not compute {output!r}.")
    return b"".join(
        bytes(field.raw) for at, field in enumerate(parts) if at in kept or _is_kept(field, wanted, output)
    )


def _is_kept(field: Field, wanted: set[str], output: str) -> bool:
    """Say whether a field of the graph stays; nodes are decided elsewhere."""
    if field.number in (_NODE, _VALUE_INFO):
        return False
    if field.number == _SPARSE_INITIALIZER:
        raise BadFileError("an ONNX graph with sparse weights.")
    if field.number == _INITIALIZER:
        return text(field.content, _TENSOR_NAME) in wanted
    if field.number == _INPUT:
        return text(field.content, _VALUE_NAME) in wanted
    return field.number != _OUTPUT or text(field.content, _VALUE_NAME) == output


def _node_ends(node: memoryview) -> tuple[list[str], list[str]]:
    """Return the names of a node's inputs and outputs."""
    for field in fields(node):
        if field.number == _NODE_ATTRIBUTE and _holds_graph(field.content):
            # A graph inside a node takes values from outside without naming them as inputs.
            raise BadFileError("an ONNX graph with graphs inside its nodes.")
    return texts(node, _NODE_INPUT), texts(node, _NODE_OUTPUT)


def _holds_graph(attribute: memoryview) -> bool:
    return any(field.number in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS) for field in fields(attribute))
