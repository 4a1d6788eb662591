"""The path that makes a receptive field: which nodes widened it, and by how much."""

from __future__ import annotations

from collections.abc import Mapping

from archlint.analysis.field import Field
from archlint.graph.graph import Graph
from archlint.graph.node import Node
from archlint.record import record


@record
class Step:
    """One node on the path: what it reads, what it makes, and their fields."""

    node: Node
    source: str
    tensor: str
    before: Field
    after: Field

    @property
    def growth(self) -> int | None:
        """By how many input elements the node widened the field; None where it is not local."""
        if not (self.before.is_local and self.after.is_local):
            return None
        return self.after.size[1] - self.before.size[1]


def widest_path(graph: Graph, fields: Mapping[str, Field], tensor: str) -> tuple[Step, ...]:
    """Return the nodes from the input to `tensor`, along the widest field at every join."""
    steps: list[Step] = []
    while tensor in graph.producers and tensor in fields:
        node = graph.producers[tensor]
        sources = [name for name in node.inputs if name in fields]
        if not sources:
            break
        source = max(sources, key=lambda name: _width(fields[name]))
        steps.append(Step(node, source, tensor, fields[source], fields[tensor]))
        tensor = source
    return tuple(reversed(steps))


def _width(field: Field) -> float:
    if field.unknown is not None:
        return float("inf")
    return float("inf") if field.whole else field.size[1]
