"""Which framework operator each node of the file belongs to."""

from __future__ import annotations

from archlint.graph.graph import Graph
from archlint.ops.registry import Operators


def owners(graph: Graph, framework: Graph, operators: Operators) -> dict[str, str]:
    """Return the operators of `framework` by the names of the nodes of `graph`.

    A node that is not an operator there belongs to the operator that consumes its result.
    """
    own = framework.by_name
    found: dict[str, str] = {}
    for node in reversed(graph.nodes):
        users = [
            user
            for name in node.outputs
            for user in graph.consumers.get(name, ())
            if operators.reads_contents(user)
        ]
        inside = node.name not in own and users
        found[node.name] = found.get(users[0].name, node.name) if inside else node.name
    return found
