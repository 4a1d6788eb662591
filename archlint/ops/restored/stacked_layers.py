"""Recurrent layers on top of each other, between which their call may drop.

An export for inference leaves the dropout between the layers of one LSTM out. torch.export records
its rate with the call; other files show only that one module has several layers.
"""

from __future__ import annotations

from collections.abc import Iterator

from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.graph.program.calls import exported_call
from archlint.graph.program.modules import module_path

_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_MOVING = frozenset({"Transpose", "Squeeze", "Reshape"})
_RATE = 3  # the place of the rate behind the list of weights


def stacked_layers(graph: Graph) -> Iterator[tuple[Node, bool]]:
    """Yield the layers that another one of the same call reads, and whether a rate is recorded.

    Layers of a call whose rate is zero are left out.
    """
    for node in graph.nodes:
        if node.op not in _RECURRENT or node.domain:
            continue
        rate = _rate(node)
        if rate != 0 and any(_is_same(node, other) for other in _readers(node.outputs[0], graph)):
            yield node, rate is not None


def _readers(tensor: str, graph: Graph) -> Iterator[Node]:
    """Yield the recurrent layers that read a tensor, as it is or moved."""
    pending = [tensor]
    for name in pending:
        for user in graph.consumers.get(name, ()):
            if user.op in _RECURRENT:
                yield user
            elif user.op in _MOVING:
                pending.append(user.output)


def _is_same(node: Node, other: Node) -> bool:
    call, next_call = exported_call(node), exported_call(other)
    if call is not None and next_call is not None:
        return call.name == next_call.name
    return node.op == other.op and module_path(node) == module_path(other)


def _rate(node: Node) -> float | None:
    """Return the rate that the call of a layer states, None for none."""
    call = exported_call(node)
    lists = [] if call is None else [*call.arguments]
    weights = max((at for at, part in enumerate(lists) if part.startswith("[")), default=None)
    if call is None or weights is None:
        return None
    try:
        return float(call.argument(weights + _RATE, "0"))
    except ValueError:
        return None
