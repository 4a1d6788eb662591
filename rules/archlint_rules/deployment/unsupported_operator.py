"""DEPLOY001: operators that the accelerator of the target does not have."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from archlint.api import Finding, Model, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node, Partition

_NAMED = 5  # operators that the message names


class UnsupportedOperator(Rule):
    """An operator that the accelerator of the target lacks runs on the processor instead."""

    code = "DEPLOY001"
    name = "unsupported-operator"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("deployment",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the operators that are not in the table of the target's runtime."""
        found = model.facts.partition
        if found is not None and found.lacking:
            yield self._lacks(model, found)

    def _lacks(self, model: Model, found: Partition) -> Finding:
        counts = Counter(_named(model, node, found) for node in found.lacking)
        named = ", ".join(
            f"{op} ({count:,})" if count > 1 else op for op, count in counts.most_common(_NAMED)
        )
        more = f" and {len(counts) - _NAMED} more" if len(counts) > _NAMED else ""
        return self.finding(
            f"{found.runtime.title} leaves {len(found.lacking):,} of {len(found.nodes):,} nodes to "
            f"the processor, which the accelerator does not have: {named}{more}",
            node=found.lacking[0],
            data={
                "runtime": found.runtime.name,
                "version": found.runtime.version,
                "operators": dict(counts),
                "nodes": [node.name for node in found.lacking],
                "share": found.share,
            },
            help="write them in operators that it has, do that part before or behind the network, "
            "or measure whether the processor alone is as fast",
        )


def _named(model: Model, node: Node, found: Partition) -> str:
    """Name an operator, with its domain or with the rank that the accelerator does not take."""
    if (node.domain, node.op) in found.runtime.operators:
        rank = len(model.graph.values[node.inputs[0]].shape or ())
        return f"{node.op} of {rank} axes"
    return f"{node.domain}:{node.op}" if node.domain else node.op
