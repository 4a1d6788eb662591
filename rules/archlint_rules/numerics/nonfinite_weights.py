"""NUM001: weights that hold NaN or infinity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archlint.api import (
    Combines,
    Finding,
    LooksUp,
    Model,
    Normalizes,
    Operation,
    Recurs,
    Rule,
    Severity,
    Sums,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archlint.api import Node, Parameter, Statistics


class NonfiniteWeights(Rule):
    """A weight holds NaN or infinity, so that every output that depends on it does."""

    code = "NUM001"
    name = "nonfinite-weights"
    severity = Severity.ERROR
    since = "0.1.0"
    tags = ("numerics",)

    def check(self, model: Model) -> Iterator[Finding]:
        """Report the stored parameters and running statistics that are not all finite."""
        parameters, describe = model.facts.parameters, model.facts.describe
        stored = (*parameters.trainable.items(), *parameters.buffers.items())
        broken = [
            (name, found)
            for name, entry in stored
            if (found := describe(name)) is not None and _breaks(model, entry, found)
        ]
        if broken:
            yield self._nonfinite(broken)

    def _nonfinite(self, broken: list[tuple[str, Statistics]]) -> Finding:
        name, found = broken[0]
        counts = ((found.nans, "NaN"), (found.infinities, "infinite"))
        words = " and ".join(f"{count:,} {word}" for count, word in counts if count)
        read = "" if found.exact else f"the {found.sampled:,} read of "
        others = len(broken) - 1
        are = "tensors are" if others > 1 else "tensor is"
        more = f"; {others} more {are} not finite" if others else ""
        return self.finding(
            f"{name} has {words} among {read}its {found.count:,} numbers{more}",
            tensor=name,
            data={
                "nan": found.nans,
                "infinite": found.infinities,
                "read": found.sampled,
                "weights": [each for each, _ in broken],
            },
            help="the training has diverged, a conversion to fewer bits has overflowed, or a batch "
            "norm with a negative variance was folded in: go back to a checkpoint that is finite",
        )


def _breaks(model: Model, entry: Parameter, found: Statistics) -> bool:
    """Whether a tensor spoils what it goes into: masks and bounds contain infinity on purpose."""
    if found.nans > 0:
        return True
    return found.infinities > 0 and any(
        _multiplies(model, use.node)
        or (found.positive_infinities > 0 and _is_bias(model, use.node, use.slot))
        for use in entry.uses
    )


def _multiplies(model: Model, node: Node) -> bool:
    effect = model.facts.flow.effect(node)
    if isinstance(effect, Combines):
        return effect.operation is Operation.MULTIPLY
    return isinstance(effect, (Sums, Recurs, Normalizes, LooksUp))


def _is_bias(model: Model, node: Node, slot: int) -> bool:
    """Whether a node adds what is in `slot` to a weighted sum, a number a channel."""
    flow = model.facts.flow
    if flow.offset(node) != slot:
        return False
    maker = model.graph.producers.get(node.inputs[1 - slot])
    effect = None if maker is None else flow.effect(maker)
    return (
        maker is not None
        and isinstance(effect, Sums)
        and flow.offset_of(maker, effect) == node.inputs[slot]
    )
