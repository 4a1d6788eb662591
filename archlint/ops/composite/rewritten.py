"""How exporters rewrite operations on stored tensors: splits as slices, reordered gates."""

from __future__ import annotations

from collections.abc import Iterator

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.call_record import is_exported
from archlint.graph.value import Role

SPLIT = "aten.split.Tensor"
"""What torch.export calls a split."""

_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})


def reshaping(source: str, name: str, user: str) -> Node:
    """Return the call that cuts `source` anew as the tensor `name`, for the node `user`."""
    return Node(f"{user}#{name}", "Reshape", "", (source,), (name,), {}, {})


def split_slices(graph: Graph) -> Iterator[tuple[str, tuple[Node, ...], int]]:
    """Yield the tensors that slices cut into pieces side by side, where they were one split.

    With each are the slices in order, and the axis. Where torch.export says what a slice was, it
    was that. Slices of computed tensors are a split where the exporter works the bounds out: it
    multiplies the length of a chunk.
    """
    sliced: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op == "Slice" and len(node.inputs) > 1 and not is_exported(node):
            sliced.setdefault(node.inputs[0], []).append(node)
    for name, nodes in sliced.items():
        is_split = name in graph.weights or all(_is_multiplied(node, graph) for node in nodes[1:])
        axis = _split_axis(name, tuple(nodes), graph) if is_split and len(nodes) > 1 else None
        if axis is not None:
            yield name, tuple(nodes), axis


def _is_multiplied(node: Node, graph: Graph) -> bool:
    maker = graph.producers.get(node.inputs[1])
    return maker is not None and maker.op == "Mul"


def _split_axis(name: str, nodes: tuple[Node, ...], graph: Graph) -> int | None:
    """Return the axis along which slices of a tensor are all of it, one after the other."""
    whole = graph.values[name].sizes
    shapes = [graph.values[node.output].sizes for node in nodes]
    starts = [graph.constants.get(node.inputs[1]) for node in nodes if len(node.inputs) > 1]
    if whole is None or any(shape is None or len(shape) != len(whole) for shape in shapes):
        return None
    for axis, size in enumerate(whole):
        lengths = [shape[axis] for shape in shapes if shape is not None]
        if sum(lengths) == size and len(starts) == len(nodes):
            begins = [None if start is None else int(start.reshape(-1)[0]) for start in starts]
            if begins == [sum(lengths[:place]) for place in range(len(lengths))]:
                return axis
    return None


def prepared_weights(graph: Graph) -> set[str]:
    """Return the nodes that only put the weights of a recurrent layer in ONNX's order of gates."""
    prepared: set[str] = set()
    for node in graph.nodes:
        if node.op in _RECURRENT and not node.domain:
            for name in node.inputs[1:4]:
                _follow_weight(name, node.name, graph, prepared)
    return prepared


def _follow_weight(name: str, user: str, graph: Graph, prepared: set[str]) -> None:
    """Add the makers of a tensor in which there is no data, as long as nobody else uses it."""
    maker = graph.producers.get(name)
    if maker is None or not _is_prepared(name, graph):
        return
    users = {each.name for each in graph.consumers.get(name, ())}
    if users <= prepared | {user}:
        prepared.add(maker.name)
        for source in maker.inputs:
            if source:
                _follow_weight(source, maker.name, graph, prepared)


def _is_prepared(name: str, graph: Graph) -> bool:
    """Whether a tensor is made of stored tensors alone."""
    maker = graph.producers.get(name)
    if maker is None or name in graph.constants:
        return name in graph.constants or graph.values[name].role is Role.STORED
    return bool(maker.inputs) and all(
        _is_prepared(source, graph) for source in maker.inputs if source
    )
