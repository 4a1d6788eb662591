"""ARCH004: an activation behind an activation that leaves nothing for it to do."""

from __future__ import annotations

from math import exp
from typing import TYPE_CHECKING

from archlint.api import Activates, Finding, Model, Rule, Severity, Shares, bounds, returns_input

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node


_LOW = -10.0  # a softmax of scores from -10 to 10 can be as certain as anybody needs


class RepeatedActivation(Rule):
    """An activation follows another, which leaves it nothing to do or which it flattens."""

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
                elif isinstance(before, Activates) and _is_last(model, node):
                    yield from self._bounded(first, before, node)
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

    def _bounded(self, first: Node, activation: Activates, node: Node) -> Iterator[Finding]:
        """Report scores of the last softmax that are bounded, from below or on both sides."""
        low, high = bounds(activation)
        if low < _LOW:
            return
        takes = f"{node.name} takes the softmax of what {first.op} {first.name} returns, which is"
        bounded = (
            f"{takes} between {low:g} and {high:g}: no class can have more than "
            f"{exp(high - low):.3g} times the probability of another"
        )
        cut = f"{takes} never below {low:.2g}: how unlikely a class is, is lost below that"
        yield self.finding(
            bounded if high <= -_LOW else cut,
            node=node,
            data={"first": first.name},
            help=f"remove {first.name}, so that the layer before it gives the scores",
            severity=Severity.INFO,
        )

    def _idle(self, first: Node, node: Node) -> Finding:
        return self.finding(
            f"{node.op} {node.name} returns what {first.op} {first.name} gives it, unchanged",
            node=node,
            data={"first": first.name},
            help="remove it, or put the layer between them that is missing",
            severity=Severity.INFO,
        )


def _is_last(model: Model, node: Node) -> bool:
    """Whether a softmax makes an output of the model, and nothing else."""
    sink = model.facts.flow.sinks.get(node.output)
    return sink is not None and sink.is_final
