"""ARCH006: parts of the graph that no output depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Node, Role, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from archlint.api import Graph


class DeadCode(Rule):
    """No output depends on this part of the graph."""

    code = "ARCH006"
    name = "dead-code"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report unused inputs and weights, and the ends of chains that reach no output."""
        graph = model.graph
        used = _names_used(graph)
        yield from self._unused(graph, used)
        alive = _alive(graph)
        for node in graph.nodes:
            if node.name not in alive and used.isdisjoint(node.outputs):
                yield self._dead_end(model, node, alive)

    def _unused(self, graph: Graph, used: set[str]) -> Iterator[Finding]:
        for name in graph.inputs:
            if name not in used:
                yield self.finding(
                    f"input {name} is never used",
                    tensor=name,
                    help="remove the input, or connect it",
                )
        for name, value in graph.values.items():
            if value.role is Role.STORED and name not in used:
                size = "" if value.nbytes is None else f": {value.nbytes} bytes"
                yield self.finding(
                    f"weight {name} is never used{size}",
                    tensor=name,
                    data={"bytes": value.nbytes},
                    severity=_severity(value.nbytes is None or value.nbytes > _CRUMB_BYTES),
                    help="remove the weight: it is stored and loaded for nothing",
                )

    def _dead_end(self, model: Model, end: Node, alive: set[str]) -> Finding:
        feeding = _ancestors(model.graph, [end]) - alive - {end.name}
        only = ""
        if feeding:
            plural = "node" if len(feeding) == 1 else "nodes"
            only = f", nor do {len(feeding)} {plural} before it"
        return self.finding(
            f"{end.op} {end.name} reaches no output{only}",
            node=end,
            tensor=end.output or None,
            data={"nodes": 1 + len(feeding)},
            severity=_severity(any(_works(model, name) for name in (end.name, *feeding))),
            help="connect it to an output, or remove it",
        )


# Exporters leave scalars, shapes and unused masks behind, in models that work as they should.
_CRUMB_BYTES = 4096


def _severity(matters: bool) -> Severity:
    return Severity.WARNING if matters else Severity.INFO


def _works(model: Model, node: str) -> bool:
    """Whether a node computes something or holds parameters, so that somebody meant it."""
    if model.facts.parameters.of_node.get(node):
        return True
    cost = model.facts.compute.of_node[node].cost
    return cost is None or cost.macs > 0


def _names_used(graph: Graph) -> set[str]:
    """Return the names that a node, a subgraph or an output of `graph` uses."""
    used = set(graph.outputs).union(*(node.inputs for node in graph.nodes))
    for nested in graph.inner.values():
        used.update(*(_names_used(inner) for inner in nested))
    used.discard("")
    return used


def _inputs(node: Node, graph: Graph) -> Iterable[str]:
    """Return the names that a node uses, also those that its subgraphs capture."""
    if node.name not in graph.inner:
        return node.inputs
    inside = (_names_used(inner) for inner in graph.inner[node.name])
    return set(node.inputs).union(*inside)


def _alive(graph: Graph) -> set[str]:
    """Return the names of the nodes that an output depends on."""
    makers = (graph.producers.get(name) for name in graph.outputs)
    return _ancestors(graph, [node for node in makers if node is not None])


def _ancestors(graph: Graph, nodes: list[Node]) -> set[str]:
    """Return the names of `nodes` and of every node that they depend on."""
    seen = {node.name for node in nodes}
    makers = graph.producers
    pending = list(nodes)
    for node in pending:
        for name in _inputs(node, graph):
            maker = makers.get(name)
            if maker is not None and maker.name not in seen:
                seen.add(maker.name)
                pending.append(maker)
    return seen
