"""ARCH005: dropout changes the variance that a batch norm measures in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from archlint.api import (
    Activates,
    Finding,
    Model,
    Node,
    Normalizes,
    Over,
    Passes,
    Pools,
    Rule,
    Severity,
    Sums,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Before(Struct, frozen=True):
    """The dropout before a norm, and whether nothing but one sum is between them."""

    dropout: Node
    share: float
    is_linear: bool


class DropoutBeforeBatchNorm(Rule):
    """A batch norm measures the variance behind a dropout, which inference does not have."""

    code = "ARCH005"
    name = "dropout-before-batch-norm"
    severity = Severity.INFO
    since = "0.1.0"
    tags = ("structure", "training")

    def check(self, model: Model) -> Iterator[Finding]:
        """Report batch norms whose input comes from a dropout along a single path."""
        found = [
            (before, node)
            for node in model.facts.flow.weighted
            if _takes_batch(model, node) and (before := _before(model, node.inputs[0])) is not None
        ]
        if found:
            yield self._shifts(found)

    def _shifts(self, found: list[tuple[_Before, Node]]) -> Finding:
        (before, norm), others = found[0], len(found) - 1
        factor = 1 / (1 - before.share)
        more = f", as {others} more batch norm{'s do' if others > 1 else ' does'}" * bool(others)
        told = f"at least {factor:.3g} times" if before.is_linear else "not"
        return self.finding(
            f"{norm.name} measures its variance behind dropout {before.dropout.name}{more}: with a "
            f"share of {before.share:g} it is {told} the one in inference",
            node=norm,
            data={
                "dropouts": [each.dropout.name for each, _ in found],
                "share": before.share,
                "factor": factor if before.is_linear else None,
            },
            help="move the dropout behind the last batch norm, or leave it out: a batch norm "
            "regularizes as well",
        )


def _takes_batch(model: Model, node: Node) -> bool:
    effect = model.facts.flow.effect(node)
    return isinstance(effect, Normalizes) and effect.over is Over.BATCH


def _before(model: Model, name: str) -> _Before | None:
    """Return the dropout that a tensor comes from, with nothing but layers between them."""
    flow, is_linear, sums = model.facts.flow, True, 0
    while (node := flow.graph.producers.get(name)) is not None:
        effect = flow.effect(node)
        if isinstance(effect, Passes):
            if 0 < effect.dropped < 1:
                return _Before(node, effect.dropped, is_linear and sums < 2)
            name = node.inputs[effect.slot]
        elif isinstance(effect, Activates | Pools):
            is_linear = False
            name = node.inputs[effect.slot if isinstance(effect, Activates) else 0]
        elif isinstance(effect, Sums):
            sums += 1
            computed = [slot for slot in effect.factors if not flow.is_stored(node.inputs[slot])]
            if len(computed) != 1:
                return None
            name = node.inputs[computed[0]]
        else:
            return None
    return None
