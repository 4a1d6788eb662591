"""ARCH006: parts of the graph that no output depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import DeadEnd

# Exporters leave unused scalars, shapes and masks in models that are correct.
_CRUMB_BYTES = 4096


class DeadCode(Rule):
    """No output depends on this part of the graph."""

    code = "ARCH006"
    name = "dead-code"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report unused inputs and weights, and the ends of chains that reach no output."""
        usage = model.facts.usage
        for name in usage.unused_inputs:
            yield self.finding(
                f"input {name} is never used",
                tensor=name,
                help="remove the input, or connect it",
            )
        for name in usage.unused_weights:
            yield self._unused(model, name)
        for end in usage.dead_ends:
            yield self._dead_end(model, end)

    def _unused(self, model: Model, weight: str) -> Finding:
        nbytes = model.graph.values[weight].nbytes
        size = "" if nbytes is None else f": {nbytes} bytes"
        return self.finding(
            f"weight {weight} is never used{size}",
            tensor=weight,
            data={"bytes": nbytes},
            severity=_severity(nbytes is None or nbytes > _CRUMB_BYTES),
            help="remove the weight: it is stored and loaded without effect",
        )

    def _dead_end(self, model: Model, end: DeadEnd) -> Finding:
        node, count = end.node, len(end.feeding)
        plural = "node" if count == 1 else "nodes" if end.all else "nodes and more"
        only = f", nor do {count} {plural} before it" if count else ""
        return self.finding(
            f"{node.op} {node.name} reaches no output{only}",
            node=node,
            tensor=node.output or None,
            data={"nodes": 1 + count, "complete": end.all},
            severity=_severity(any(_works(model, name) for name in (node.name, *end.feeding))),
            help="connect it to an output, or remove it",
        )


def _severity(matters: bool) -> Severity:
    return Severity.WARNING if matters else Severity.INFO


def _works(model: Model, node: str) -> bool:
    """Whether a node computes something or has parameters, so that it was intended."""
    if model.facts.parameters.of_node.get(node):
        return True
    cost = model.facts.compute.of_node[node].cost
    return cost is None or cost.macs > 0
