"""ARCH004: an activation behind an activation that leaves nothing for it to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import Activates, Finding, Model, Rule, Severity, Shares, returns_input

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node


class RepeatedActivation(Rule):
    """A softmax follows a softmax, or an activation one that leaves it nothing to change."""

    code = "ARCH004"
    name = "repeated-activation"
    severity = Severity.WARNING
    since = "0.1.0"
    tags = ("structure",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report a softmax of a softmax, and functions that return what they are given."""
        flow = model.facts.flow
        for node in flow.nodes:
            effect = flow.effect(node)
            if not isinstance(effect, (Activates, Shares)):
                continue
            slot = 0 if isinstance(effect, Shares) else effect.slot
            first = flow.maker(node.inputs[slot])
            before = None if first is None else flow.effect(first)
            if first is None:
                continue
            if isinstance(effect, Shares):
                if isinstance(before, Shares):
                    yield self._flattened(first, node)
            elif isinstance(before, Activates) and returns_input(effect, before):
                yield self._idle(first, node)

    def _flattened(self, first: Node, node: Node) -> Finding:
        return self.finding(
            f"{node.name} takes the softmax of {first.name}, which is a softmax: no class can have "
            "more than e = 2.7 times the probability of another",
            node=node,
            data={"first": first.name},
            help="remove one of the two",
        )

    def _idle(self, first: Node, node: Node) -> Finding:
        return self.finding(
            f"{node.op} {node.name} returns what {first.op} {first.name} gives it, unchanged",
            node=node,
            data={"first": first.name},
            help="remove it, or put the layer between them that is missing",
            severity=Severity.INFO,
        )
